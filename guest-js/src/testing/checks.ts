import { EventBusError } from '../core/error.js'
import { bytesOf } from './bytes.js'
import { matcherOf } from './glob.js'

/** The prefix of events of the bus itself. Only patterns with it receive them, and nobody else may emit them. */
const OWN_PREFIX = 'event-bus:'

/** The default limits of the host: bytes of a payload, causes of an event, and bytes of a component's name. */
const MAX_PAYLOAD_BYTES = 16_777_216
const MAX_HOPS = 16
const MAX_COMPONENT_BYTES = 128

/** Returns the names that a name or pattern listens to: those of the bus itself only where it has their prefix. */
export function filterOf(pattern: string): (name: string) => boolean {
  const matches = matcherOf(pattern)
  return (name) => matches(name) && (!name.startsWith(OWN_PREFIX) || pattern.startsWith(OWN_PREFIX))
}

export function checkComponentName(name: string): void {
  const bytes = bytesOf(name)
  const wrong = /[^\p{Alphabetic}\p{Number}\-_.:/]/u.exec(name)
  if (!wrong && bytes >= 1 && bytes <= MAX_COMPONENT_BYTES) return
  const problem = wrong ? `has the character "${wrong[0]}"` : `has ${bytes} bytes`
  throw new EventBusError(
    'invalid_argument',
    `the name of the component "${name}" ${problem}; it has 1 to ${MAX_COMPONENT_BYTES} bytes, of letters, digits and - _ . : / only`,
  )
}

/** Refuses names that only the bus itself may use. */
export function checkOwn(name: string): void {
  if (!name.startsWith(OWN_PREFIX)) return
  throw new EventBusError('reserved_event_name', `only the bus itself uses names that begin with ${OWN_PREFIX}`)
}

export function checkPayload(name: string, payload: string | undefined): void {
  const bytes = payload === undefined ? 0 : bytesOf(payload)
  if (bytes <= MAX_PAYLOAD_BYTES) return
  const text = `the payload of "${name}" has ${bytes} bytes of JSON; the limit is ${MAX_PAYLOAD_BYTES}`
  throw new EventBusError('payload_too_large', text)
}

export function checkChain(name: string, causes: readonly string[], what: 'emitted' | 'sent'): void {
  if (causes.length <= MAX_HOPS) return
  throw new EventBusError(
    'event_loop',
    `"${name}" was not ${what}: it has more than ${MAX_HOPS} causes, the limit of a chain (hops). ` +
      `Where events cause each other without end, let one of them stop: ${[...causes, name].join(' → ')}`,
  )
}
