import type { ErrorCode } from '../types/error-code.js'
import { readTauriError } from './tauri-errors.js'

/**
 * The only error of this package: every promise that it returns rejects with it.
 *
 * `code` is one of {@link ErrorCode}. `message` names the wrong value and what was expected.
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
   * How many milliseconds to wait before the next attempt; `undefined` unless `code` is `rate_limited`.
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

/** Turns any rejection of a command into the error of this package. `command` is the command of the plugin, where known. */
export function toEventBusError(reason: unknown, command?: string): EventBusError {
  if (reason instanceof EventBusError) return reason
  if (typeof reason === 'string') return new EventBusError(...readTauriError(reason, command))
  if (isErrorObject(reason)) {
    const { retryAfterMs, failure } = reason as { retryAfterMs?: unknown; failure?: unknown }
    const wait = typeof retryAfterMs === 'number' ? retryAfterMs : undefined
    return new EventBusError(reason.code, reason.message, { retryAfterMs: wait, ...causeOf(failure) })
  }
  const text = reason instanceof Error ? reason.message : String(reason)
  return new EventBusError('unavailable', `cannot reach the event bus: ${text}`, { cause: reason })
}

/** What a responder threw, as an error in this page. */
function causeOf(failure: unknown): { cause?: Error } {
  if (typeof failure !== 'object' || failure === null) return {}
  const { name, message, stack } = failure as { name?: unknown; message?: unknown; stack?: unknown }
  const cause = new Error(String(message))
  cause.name = String(name)
  // The stack of this page does not show where the responder failed.
  cause.stack = typeof stack === 'string' ? stack : `${cause.name}: ${cause.message}`
  return { cause }
}

/** Whether this is an error of any copy of this package in the page, or of the plugin. */
export function isErrorObject(reason: unknown): reason is { code: ErrorCode; message: string } {
  if (typeof reason !== 'object' || reason === null) return false
  const { code, message } = reason as { code?: unknown; message?: unknown }
  return typeof code === 'string' && typeof message === 'string'
}
