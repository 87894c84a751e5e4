import { query } from '../core/query.js'
import type { CompatReport } from '../types/compat.js'

/**
 * Returns what compatible mode has noted so far: what the rules of the bus would have done otherwise, for the whole app.
 * Without the mode it is empty. It needs the permission `event-bus:inspect`, which is not in the default set.
 *
 * @throws {EventBusError} by rejection: `denied`, `unavailable`.
 *
 * @example
 * ```ts
 * import { compatReport } from 'tauri-plugin-event-bus-api'
 *
 * for (const { event, message } of (await compatReport()).notes) console.log(event, message)
 * ```
 */
export async function compatReport(): Promise<CompatReport> {
  return (await query('compat_report')) as CompatReport
}
