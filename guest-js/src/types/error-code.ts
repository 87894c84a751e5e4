/** Every code that an {@link EventBusError} can have. A test of the crate compares this list with its own. */
export const ERROR_CODES = [
  'invalid_event_name',
  'reserved_event_name',
  'invalid_pattern',
  'invalid_argument',
  'unknown_target',
  'denied',
  'rate_limited',
  'payload_too_large',
  'invalid_payload',
  'queue_full',
  'too_many_subscriptions',
  'too_many_jobs',
  'unknown_job',
  'duplicate_job',
  'too_many_tasks',
  'unknown_task',
  'duplicate_task',
  'invalid_interval',
  'unknown_source',
  'source_failed',
  'event_loop',
  'duplicate_responder',
  'no_responder',
  'unknown_request',
  'timeout',
  'responder_failed',
  'page_gone',
  'would_block',
  'cancelled',
  'stale_session',
  'refused',
  'unavailable',
] as const

/**
 * What went wrong, as a stable string to branch on.
 *
 * - `invalid_event_name`, `invalid_pattern`: the name or pattern is malformed; the message says which part.
 * - `reserved_event_name`: the name belongs to Tauri (`tauri://…`), or only the bus itself may emit it (`event-bus:…`).
 * - `invalid_argument`: another argument has the wrong shape.
 * - `unknown_target`: no webview has this label.
 * - `denied`: no capability of this window allows the command, the event, or the event for this target; or the call came
 *   from an iframe. The message shows what a capability file has to say.
 * - `rate_limited`: this page exceeds a rate limit; `retryAfterMs` says how long to wait.
 * - `payload_too_large`, `invalid_payload`: the payload exceeds the limit, or JSON cannot express it.
 * - `queue_full`: the queue of a page or of a receiver of the host is full and the policy of the event is to reject, so it
 *   was not delivered; or there is no room for another retained event.
 * - `too_many_subscriptions`, `too_many_jobs`: this page, or all pages together, have reached the limit.
 * - `unknown_job`, `duplicate_job`, `invalid_interval`: about jobs. An interval may also be shorter than a
 *   capability allows.
 * - `unknown_task`: there is no such task; it was not started since the app started, or ended too long ago.
 *   `duplicate_task`: one with this key waits or runs. `too_many_tasks`: a limit of tasks is reached.
 * - `unknown_source`: the app has registered no job source of that name. `source_failed`: a source failed;
 *   `event-bus:job-failed` and the list of jobs report it.
 * - `event_loop`: the event or request exceeds the limit of causes, as when two events cause each other without end. The
 *   message names the chain.
 * - `duplicate_responder`: the name already has a responder in this page. `no_responder`: it has none.
 * - `timeout`: no response came in time. `page_gone`: the responding page was closed, left or reloaded.
 * - `responder_failed`: the responder threw; `cause` is what it threw, with its name and message.
 * - `unknown_request`: a page responded to a request that it did not receive, or that has ended.
 * - `cancelled`: the caller cancelled the request.
 * - `would_block`: only in Rust; a request, or room in a queue, was awaited where that blocks what it waits for.
 * - `stale_session`: the host ended the sessions of this page several times in a row.
 * - `refused`: an interceptor of the app (`before_emit` in Rust) refused the event.
 * - `unavailable`: there is no Tauri here, or the plugin is not registered.
 *
 * @example
 * ```ts
 * import type { ErrorCode } from 'tauri-plugin-event-bus-api'
 *
 * const retryable: ErrorCode[] = ['queue_full', 'rate_limited', 'stale_session', 'unavailable']
 * ```
 */
export type ErrorCode = (typeof ERROR_CODES)[number]
