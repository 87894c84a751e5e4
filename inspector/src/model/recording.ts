import type { Store } from './store.js'

/** Everything that is kept, as a recording: one JSON text a line. */
export function recordingOf(store: Store): string {
  const header = { format: 'tauri-plugin-event-bus', version: 1, startedAt: store.startedAt }
  return `${[JSON.stringify(header), ...store.lines].join('\n')}\n`
}
