import { openInbox } from '../core/inbox.js'

/**
 * Whether this page can use the bus: in the top frame of a webview of Tauri, in a worker or frame that has called `connect`,
 * and with a test bus or a bus in memory. It is false on a server, in other workers and frames, and in a browser without Tauri. It asks for no permission, and not whether the plugin is there.
 *
 * On a server `listen` and `emit` do nothing. In a browser without Tauri their promises reject with `unavailable`, which is
 * reported once if it is not handled.
 *
 * @example
 * ```ts
 * import { emit, isAvailable } from 'tauri-plugin-event-bus-api'
 *
 * export async function save(text: string) {
 *   if (isAvailable()) await emit('note:saved', text)
 *   else localStorage.setItem('note', text)
 * }
 * ```
 */
export function isAvailable(): boolean {
  try {
    openInbox()
    return true
  } catch {
    return false
  }
}
