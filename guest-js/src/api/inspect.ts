import { query } from '../core/query.js'
import type { Inspection } from '../types/inspection.js'

/**
 * Takes a snapshot of the bus of the whole app: counters, queues, subscriptions and jobs. It is for developer tools and
 * needs the permission `event-bus:inspect`, which is not in the default set.
 *
 * @throws {EventBusError} by rejection: `denied`, `unavailable`.
 *
 * @example
 * ```ts
 * import { inspect } from 'tauri-plugin-event-bus-api'
 *
 * const { webviews } = await inspect()
 * console.table(webviews.map(({ label, page }) => ({ label, waiting: page?.queue.events, dropped: page?.dropped })))
 * ```
 */
export async function inspect(): Promise<Inspection> {
  return (await query('inspect')) as Inspection
}
