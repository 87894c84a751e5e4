import { toEventBusError } from '../core/error.js'
import type { PlainError } from './messages.js'

/** An error as it crosses a port. */
export function plainErrorOf(reason: unknown): PlainError {
  const { code, message, retryAfterMs, cause } = toEventBusError(reason)
  // The session of the page is none of the member's, which would renew its own.
  const plain = { code: code === 'stale_session' ? 'unavailable' : code, message } as const
  if (retryAfterMs !== undefined) return { ...plain, retryAfterMs }
  if (code !== 'responder_failed' || !(cause instanceof Error)) return plain
  const { name, stack } = cause
  return { ...plain, failure: { name, message: cause.message, ...(stack !== undefined && { stack }) } }
}
