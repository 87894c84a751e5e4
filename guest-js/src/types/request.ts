import type { Emit, EmitTo } from './emit.js'
import type { Endpoint } from './endpoint.js'

/**
 * What a responder learns of a request beside its payload.
 *
 * @example
 * ```ts
 * import { type RequestContext, respond } from 'tauri-plugin-event-bus-api'
 *
 * async function load(path: unknown, { signal }: RequestContext) {
 *   return (await fetch(String(path), { signal })).text()
 * }
 * respond('load', load)
 * ```
 */
export interface RequestContext {
  /** The name of the request. */
  name: string
  /** Who sent the request. The host sets it; a page cannot forge it. */
  caller: Endpoint
  /** The name of the {@link component} that sent it, if one did. */
  component: string | undefined
  /**
   * Aborts when the caller no longer waits. `reason.code` is `timeout` or `cancelled`, or `stale_session` where the host
   * has ended the session that received the request.
   */
  signal: AbortSignal
  /** The names of the events and requests that caused it, oldest first. */
  causes: readonly string[]
  /** The trace that it belongs to, as `traceparent` of W3C Trace Context spells it. */
  traceparent?: string | undefined
  /**
   * Emits an event that the request causes. In the synchronous part of the responder, the package's `emit` does the same.
   * After an `await`, use this to keep the causes.
   */
  emit: Emit
  /** The same for some receivers. */
  emitTo: EmitTo
}

/**
 * How a page responds to requests.
 *
 * @example
 * ```ts
 * import { respond } from 'tauri-plugin-event-bus-api'
 *
 * const ended = new AbortController()
 * respond('version', () => '1.0', { signal: ended.signal, stack: true })
 * ended.abort()
 * ```
 */
export interface RespondOptions {
  /** Ends the responder when it aborts. If it has aborted already, nothing is registered. */
  signal?: AbortSignal
  /** Whether the caller receives the stack of what the responder throws, beside its name and message. */
  stack?: boolean
}

/**
 * How long a caller waits.
 *
 * @example
 * ```ts
 * import { request } from 'tauri-plugin-event-bus-api'
 *
 * await request('main', 'confirm', { title: 'Really?' }, { timeoutMs: 60_000, signal: AbortSignal.timeout(5_000) })
 * ```
 */
export interface RequestOptions {
  /** How many milliseconds to wait for the response: 30,000 by default, at least 1 and at most 86,400,000. */
  timeoutMs?: number
  /** The trace that the request belongs to: see {@link EmitOptions.traceparent}. */
  traceparent?: string
  /** Cancels the request when it aborts: the promise rejects with `cancelled`, and the responder's signal aborts. */
  signal?: AbortSignal
}
