import { listen } from '@tauri-apps/api/event'
listen('c' 'd')
