import { emit, listen } from "@tauri-apps/api/event"

listen("hello", ({ payload }) => document.body.append(payload))
emit("ready")
