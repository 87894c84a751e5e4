/** Every code an {@link EventBusError} of this version can have. A test of the crate compares this list with its own. */
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
  'invalid_interval',
  'unknown_source',
  'source_failed',
  'event_loop',
  'duplicate_responder',
  'no_responder',
  'not_asked',
  'timeout',
  'responder_failed',
  'page_gone',
  'would_block',
  'cancelled',
  'stale_session',
  'unavailable',
] as const

/**
 * What went wrong, as a stable string to branch on.
 *
 * - `invalid_event_name`, `invalid_pattern`: the name or pattern is not one; the message says which part.
 * - `reserved_event_name`: the name belongs to Tauri (`tauri://…`), or is one that the bus alone emits
 *   (`event-bus:…`).
 * - `invalid_argument`: another argument has the wrong shape.
 * - `unknown_target`: the label names no webview.
 * - `denied`: no capability of this window allows the command, or this event, or this event for this target; or the
 *   call came from an iframe. The message shows what a capability file would have to say.
 * - `rate_limited`: this page does something faster than it may; `retryAfterMs` says how long to wait.
 * - `payload_too_large`, `invalid_payload`: the payload exceeds the limit, or JSON cannot express it.
 * - `queue_full`: a queue is full and the policy of the event is to reject, so nobody got it, or no room is left for
 *   a retained event.
 * - `too_many_subscriptions`, `too_many_jobs`: this page, or all pages together, have as many as they may have.
 * - `unknown_job`, `duplicate_job`, `invalid_interval`: about periodic emits; an interval may also be shorter than a
 *   capability allows.
 * - `unknown_source`: the app has registered no source of that name; `source_failed`: one failed, which
 *   `event-bus:job-failed` and the list of jobs tell.
 * - `event_loop`: the event or question follows from more others than it may, as where two cause each other without end;
 *   the message names the chain.
 * - `duplicate_responder`, `no_responder`: a name has one responder in a page; or none, and the page has started.
 * - `timeout`, `page_gone`: no answer came in time; or the page that was asked is closed, left or reloaded.
 * - `responder_failed`: the responder threw; `cause` is what it threw, with its name and message.
 * - `not_asked`: a page answered what it was not asked, or twice, or too late.
 * - `cancelled`: whoever asked has given it up.
 * - `would_block`: in Rust alone; a question was awaited on the main thread.
 * - `stale_session`: the host kept ending the sessions of this page, several times in a row.
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

/**
 * The one error of this package: every promise it returns rejects with it.
 *
 * `code` is one of {@link ErrorCode}; `message` names the value that was wrong and what would be right.
 *
 * @example
 * ```ts
 * import { emitTo, EventBusError } from 'tauri-plugin-event-bus-api'
 *
 * try {
 *   await emitTo('settings', 'greeting', 'hello')
 * } catch (error) {
 *   if (error instanceof EventBusError && error.code === 'unknown_target') console.log(error.message)
 *   else throw error
 * }
 * ```
 */
export class EventBusError extends Error {
  override readonly name = 'EventBusError'
  /** What went wrong, as a stable string. */
  readonly code: ErrorCode
  /**
   * How many milliseconds to wait before another try; `undefined` unless `code` is `rate_limited`.
   *
   * @example
   * ```ts
   * import { emit, EventBusError } from 'tauri-plugin-event-bus-api'
   *
   * async function emitPatiently(row: string) {
   *   for (;;) {
   *     try {
   *       return await emit('import:row', row)
   *     } catch (error) {
   *       if (!(error instanceof EventBusError) || error.code !== 'rate_limited') throw error
   *       await new Promise((done) => setTimeout(done, error.retryAfterMs))
   *     }
   *   }
   * }
   * ```
   */
  readonly retryAfterMs: number | undefined

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown; retryAfterMs?: number | undefined }) {
    super(message, options)
    this.code = code
    this.retryAfterMs = options?.retryAfterMs
  }
}

/** Gives whatever a command was rejected with the one shape. `command` is the plugin's command, where it is known. */
export function toEventBusError(reason: unknown, command?: string): EventBusError {
  if (reason instanceof EventBusError) return reason
  if (typeof reason === 'string') return new EventBusError(...readText(reason, command))
  if (isErrorObject(reason)) {
    const { retryAfterMs, failure } = reason as { retryAfterMs?: unknown; failure?: unknown }
    const wait = typeof retryAfterMs === 'number' ? retryAfterMs : undefined
    return new EventBusError(reason.code, reason.message, { retryAfterMs: wait, ...causeOf(failure) })
  }
  const text = reason instanceof Error ? reason.message : String(reason)
  return new EventBusError('unavailable', `the event bus cannot be reached: ${text}`, { cause: reason })
}

/** What a responder threw, as an error of this page. */
function causeOf(failure: unknown): { cause?: Error } {
  if (typeof failure !== 'object' || failure === null) return {}
  const { name, message, stack } = failure as { name?: unknown; message?: unknown; stack?: unknown }
  const cause = new Error(String(message))
  cause.name = String(name)
  // The stack of this page says nothing of where the responder failed.
  cause.stack = typeof stack === 'string' ? stack : `${cause.name}: ${cause.message}`
  return { cause }
}

let logging = false

/** Writes what is reported to the console, too: of a script that Tauri injects, browsers say "Script error." alone. */
export function logReports(): void {
  logging = true
}

/** Hands an error that nobody waits for to the page, as the browser does with an uncaught one. */
export function report(error: unknown): void {
  try {
    if (logging) console.error(error instanceof EventBusError ? `event bus: ${error.code}: ${error.message}` : error)
  } catch {
    // What was thrown cannot be looked at, a revoked proxy say, and is no reason for the loop to end.
  }
  if (typeof globalThis.reportError === 'function') globalThis.reportError(error)
  else if (!logging) console.error(error)
}

/** True for errors of every copy of this package in the page, and for what the plugin rejects with. */
export function isErrorObject(reason: unknown): reason is { code: ErrorCode; message: string } {
  if (typeof reason !== 'object' || reason === null) return false
  const { code, message } = reason as { code?: unknown; message?: unknown }
  return typeof code === 'string' && typeof message === 'string'
}

const EMIT = '"event-bus:emit", or { "identifier": "event-bus:allow-emit", "allow": [names] } for some events alone'
const EMIT_TO =
  '"event-bus:emit", or { "identifier": "event-bus:allow-emit-to", "allow": [{ "event": name, "to": label }] } for some alone'

/** What lets a page use a command; listening and periodic emits take several together. */
const PERMISSIONS: Partial<Record<string, string>> = {
  emit: EMIT,
  emit_to: EMIT_TO,
  subscribe: '"event-bus:listen"',
  unsubscribe: '"event-bus:listen"',
  pull: '"event-bus:listen"',
  start_periodic: '"event-bus:periodic"',
  stop_periodic: '"event-bus:periodic"',
  pause_periodic: '"event-bus:periodic"',
  resume_periodic: '"event-bus:periodic"',
  update_periodic: '"event-bus:periodic"',
  list_periodic: '"event-bus:periodic"',
  request: '"event-bus:request"',
  cancel_request: '"event-bus:request"',
  respond: '"event-bus:respond"',
  reply: '"event-bus:respond"',
  catalog: '"event-bus:allow-catalog"',
  inspect: '"event-bus:inspect"',
}

/** Tauri's access control and argument parser reject with bare strings, which debug and release builds word differently. */
function readText(text: string, command?: string): [ErrorCode, string] {
  // The parser quotes what it was given, so it is recognised before any other wording is looked for.
  if (text.startsWith('invalid args ')) return ['invalid_argument', text]
  if (/\bplugin\b.*\bnot found/i.test(text)) {
    return [
      'unavailable',
      `the event-bus plugin is not registered: add .plugin(tauri_plugin_event_bus::init()) to the builder of the app (${text})`,
    ]
  }
  if (/\bcommand\b.*\bnot found/i.test(text)) {
    return [
      'unavailable',
      `the event-bus plugin does not know this command: the crate is older than the npm package (${text})`,
    ]
  }
  // What helps comes first: in debug builds Tauri lists everything that would allow the command, and it is long.
  const page = `this page may not use ${command ? `the command "${command}"` : 'this command'}`
  if (/explicitly denied/i.test(text)) {
    return ['denied', `${page}: a capability denies it, and that holds in every window (${text})`]
  }
  if (/not allowed|denied/i.test(text)) {
    const permission = (command && PERMISSIONS[command]) ?? '"event-bus:default"'
    return ['denied', `${page}: a capability of its window has to list ${permission} (${text})`]
  }
  return ['invalid_argument', text]
}
