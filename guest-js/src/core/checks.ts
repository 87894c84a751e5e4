import type { ErrorCode } from '../types/error-code.js'
import { EventBusError } from './error.js'

/** Refuses names that cannot reach the plugin. The host checks every other rule of names. */
export function checkName(name: unknown): asserts name is string {
  if (typeof name !== 'string') {
    throw new EventBusError('invalid_event_name', `invalid event name: expected a string, not ${describe(name)}`)
  }
  checkText(name, 'event name', 'invalid_event_name')
  if (/^tauri:\/\//i.test(name)) {
    throw new EventBusError(
      'reserved_event_name',
      `"${name}" is an event of Tauri: use listen and emit of @tauri-apps/api/event for it`,
    )
  }
}

/** Whether a text has half of a surrogate pair, which JSON cannot carry to the host. */
export function isMalformed(text: string): boolean {
  return /\p{Surrogate}/u.test(text)
}

/** Refuses text that cannot reach the plugin. Tauri would not say which it is, or never reply. */
export function checkText(text: unknown, what: string, code: ErrorCode = 'invalid_argument'): void {
  if (typeof text === 'string' && isMalformed(text)) {
    throw new EventBusError(code, `the ${what} ${JSON.stringify(text)} has one half of a surrogate pair`)
  }
}

/** Refuses what should be a function and is not. */
export function checkFunction(value: unknown, what: 'filter' | 'handler' | 'responder', name: string): void {
  if (typeof value !== 'function') {
    throw new EventBusError('invalid_argument', `the ${what} of "${name}" is ${describe(value)}; expected a function`)
  }
}

/** The longest time to wait, in milliseconds, as for a response. */
const MAX_TIMEOUT_MS = 86_400_000

/** Refuses a time to wait that is not one. */
export function checkTimeout(timeoutMs: number | undefined, name: string): void {
  if (timeoutMs === undefined || (timeoutMs > 0 && timeoutMs <= MAX_TIMEOUT_MS)) return
  const problem = `timeoutMs of "${name}" must be a number above 0 and at most 86,400,000, not ${String(timeoutMs)}`
  throw new EventBusError('invalid_argument', problem)
}

const TRACEPARENT = /^(?!ff)[\da-f]{2}-(?!0{32})[\da-f]{32}-(?!0{16})[\da-f]{16}-[\da-f]{2}$/

/** Refuses a trace that the host would refuse, or that could not reach it. */
export function checkTraceparent(value: unknown): string {
  if (typeof value === 'string' && TRACEPARENT.test(value)) return value
  throw new EventBusError(
    'invalid_argument',
    `invalid traceparent ${JSON.stringify(String(value).slice(0, 80))}: expected <version>-<trace>-<parent>-<flags> with ` +
      '2, 32, 16 and 2 lowercase hexadecimal digits, as in W3C Trace Context',
  )
}

export function describe(value: unknown): string {
  return value === null ? 'null' : `of type ${typeof value}`
}
