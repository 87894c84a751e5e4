import { EventBusError } from './error.js'

let logging = false

/** The error of a page without Tauri, and whether it was reported. */
let missing: EventBusError | undefined
let isMissingTold = false

/** The error of a page without Tauri. Every call throws the same one, which is reported once. */
export function noTauri(): EventBusError {
  missing ??= new EventBusError(
    'unavailable',
    'there is no Tauri here, so nothing is sent or received; isAvailable() tells',
  )
  return missing
}

/** Also writes reports to the console, since browsers reduce an error of a script that Tauri injects to "Script error." */
export function logReports(): void {
  logging = true
}

/** Hands an error without a receiver to the page, as the browser does with an uncaught one. */
export function report(error: unknown): void {
  if (missing && error === missing) {
    if (isMissingTold) return
    isMissingTold = true
  }
  try {
    if (logging) console.error(error instanceof EventBusError ? `event bus: ${error.code}: ${error.message}` : error)
  } catch {
    // The thrown value cannot be read, such as a revoked proxy. The loop goes on.
  }
  if (typeof globalThis.reportError === 'function') globalThis.reportError(error)
  else if (!logging) console.error(error)
}

/** Reports the refusal of a response, unless its caller no longer waits. */
export function reportRefusal(error: EventBusError): void {
  if (error.code !== 'stale_session' && error.code !== 'unknown_request') report(error)
}

/** Reports the rejection of what a handler has returned. */
export function reportLater(returned: unknown): void {
  if (isThenable(returned)) Promise.resolve(returned).catch(report)
}

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}
