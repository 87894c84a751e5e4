/**
 * Why events are missing:
 *
 * - `queue_full`: this page was slower than the events for so long that its queue was full.
 * - `history_full`: more events came before this page listened, or while it reloaded, than the host keeps.
 * - `session_ended`: the host ended the session of this page, because it was suspended for more than a minute or another
 *   page replaced it, and no longer keeps what came meanwhile.
 * - `expired`: they were older than `expiresMs` when this page fetched them, or when it began to listen.
 * - `link_lost`: they are of another node, and were lost on their way to this one.
 * - `buffer_full`: the loop over {@link events} or a `sequential` handler was too slow.
 *
 * @example
 * ```ts
 * import { listen } from 'tauri-plugin-event-bus-api'
 *
 * listen('log:line', () => {}, {
 *   onGap: ({ reason }) => reason === 'queue_full' && console.warn('this page is too slow'),
 * })
 * ```
 */
export type GapReason =
  | 'queue_full'
  | 'history_full'
  | 'session_ended'
  | 'expired'
  | 'link_lost'
  | 'buffer_full'
  | (string & Record<never, never>)

/**
 * Events that were due to a subscription and are lost.
 *
 * @example
 * ```ts
 * import { listen } from 'tauri-plugin-event-bus-api'
 *
 * listen('log:line', (event) => console.log(event.payload), {
 *   onGap: (gap) => console.warn(`${gap.atMost ? 'up to ' : ''}${gap.count} lines are missing`),
 * })
 * ```
 */
export interface Gap {
  /** The first sequence number that may be missing. */
  from: number
  /** The last sequence number that may be missing. */
  to: number
  /** How many events are lost. */
  count: number
  /** Whether `count` is an upper bound instead of the exact number. */
  atMost: boolean
  /** Why they are lost. */
  reason: GapReason
}

/**
 * Whether a value that {@link events} yielded is a gap instead of an event.
 *
 * @example
 * ```ts
 * import { events, isGap } from 'tauri-plugin-event-bus-api'
 *
 * for await (const value of events('log:line')) {
 *   if (isGap(value)) console.warn(`${value.count} lost`)
 *   else console.log(value.payload)
 * }
 * ```
 */
export function isGap(value: unknown): value is Gap {
  return typeof value === 'object' && value !== null && 'atMost' in value && 'from' in value && !('event' in value)
}
