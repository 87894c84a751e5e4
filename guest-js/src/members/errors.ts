import { type EventBusError, isErrorObject, toEventBusError } from '../core/error.js'
import type { PlainError } from './messages.js'

/** An error as it crosses a port. */
export function plainErrorOf(reason: unknown): PlainError {
  // An error of another copy of this package is of another class.
  const error = isErrorObject(reason) ? (reason as EventBusError) : toEventBusError(reason)
  const { code, message, retryAfterMs, cause } = error
  // The page's session is not the member's, which would renew its own.
  const plain = { code: code === 'stale_session' ? 'unavailable' : code, message } as const
  if (retryAfterMs !== undefined) return { ...plain, retryAfterMs }
  if (code !== 'responder_failed' || !(cause instanceof Error)) return plain
  const { name, stack } = cause
  return { ...plain, failure: { name, message: cause.message, ...(stack !== undefined && { stack }) } }
}
