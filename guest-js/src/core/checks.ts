import { EventBusError } from './error.js'

/** Refuses names that cannot reach the plugin. The host checks every other rule of names. */
export function checkName(name: unknown): asserts name is string {
  if (typeof name !== 'string') {
    throw new EventBusError('invalid_event_name', `invalid event name: expected a string, not ${describe(name)}`)
  }
  if (/^tauri:\/\//i.test(name)) {
    throw new EventBusError(
      'reserved_event_name',
      `"${name}" is an event of Tauri: use listen and emit of @tauri-apps/api/event for it`,
    )
  }
}

/** Refuses a handler or responder that is not a function. */
export function checkFunction(value: unknown, what: 'handler' | 'responder', name: string): void {
  if (typeof value !== 'function') {
    throw new EventBusError('invalid_argument', `the ${what} of "${name}" is not a function`)
  }
}

export function describe(value: unknown): string {
  return value === null ? 'null' : `of type ${typeof value}`
}
