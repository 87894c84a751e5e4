import { EventBusError, toEventBusError } from '../core/error.js'
import type { Failure } from '../core/requests/failure.js'
import type { ErrorCode } from '../types/error-code.js'

/** The error for an invalid argument. */
export function invalidArgument(message: string): EventBusError {
  return new EventBusError('invalid_argument', message)
}

/** The result of an entry, or its error. */
export function resultOf(run: () => unknown): unknown {
  try {
    return run()
  } catch (error) {
    return { error: errorOf(error) }
  }
}

/** The error of an entry that was refused. */
export function refusalOf(run: () => unknown): unknown[] {
  try {
    run()
    return []
  } catch (error) {
    return [errorOf(error)]
  }
}

/** An error as it crosses the boundary: a code and a message, with what a responder threw, and no class. */
export function errorOf(error: unknown): { code: ErrorCode; message: string; failure?: Failure } {
  const { code, message, cause } = toEventBusError(error)
  if (code !== 'responder_failed' || !(cause instanceof Error)) return { code, message }
  return { code, message, failure: { name: cause.name, message: cause.message, stack: cause.stack ?? '' } }
}
