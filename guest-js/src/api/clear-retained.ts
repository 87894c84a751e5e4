import { checkName } from '../core/checks.js'
import { toEventBusError } from '../core/error.js'
import { openInbox } from '../core/inbox.js'
import type { EventName } from '../types/event-map.js'

/**
 * Forgets the retained events of a name or pattern, so that later listeners begin without them. Only what a capability
 * names is cleared: `{ "identifier": "event-bus:allow-clear-retained", "allow": [{ "event": "draft:*" }] }`, which is in no
 * set.
 *
 * @returns how many were forgotten.
 * @throws {EventBusError} by rejection: `denied`, `invalid_event_name`, `invalid_pattern`, `reserved_event_name`,
 * `unavailable`.
 *
 * @example
 * ```ts
 * import { clearRetained, emit } from 'tauri-plugin-event-bus-api'
 *
 * await emit('draft:7', { text: 'hello' }, { retain: true })
 * console.log(await clearRetained('draft:*'), 'drafts are forgotten')
 * ```
 */
export async function clearRetained(event: EventName): Promise<number> {
  try {
    checkName(event)
    return ((await openInbox().queue.send('clear_retained', { event })) as { cleared: number }).cleared
  } catch (error) {
    throw toEventBusError(error)
  }
}
