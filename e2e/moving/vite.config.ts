import { eventBus } from 'tauri-plugin-event-bus-api/bundler'
import { defineConfig } from 'vite'

/** The same sources, with Tauri's own events and with the event bus in their place. */
export default defineConfig(({ mode }) => ({
  root: 'page',
  base: './',
  define: { HAS_BUS: mode === 'after' },
  plugins: mode === 'after' ? [eventBus.vite()] : [],
  build: { outDir: `../dist/${mode}`, emptyOutDir: true, target: 'esnext' },
}))
