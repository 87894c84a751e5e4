import { eventBus } from 'tauri-plugin-event-bus-api/bundler'
import { defineConfig } from 'vitest/config'

const plugins = process.env.WITHOUT_PLUGIN ? [] : [eventBus.vite()]

export default defineConfig({ plugins, test: { environment: 'node', include: ['*.case.js'] } })
