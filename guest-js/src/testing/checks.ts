import { isMalformed } from '../core/checks.js'
import { EventBusError } from '../core/error.js'
import { matcherOf } from '../core/glob.js'
import { bytesOf } from '../core/utf8.js'
import type { NewEvent } from './contract.js'
import { jsonOf, type PayloadText, sizeOfPayload } from './payload.js'

/** The prefix of events of the bus itself. Only patterns with it receive them, and only the bus emits them. */
const OWN_PREFIX = 'event-bus:'

/** The default limits of the host: bytes of a payload, causes of an event, and bytes of a component's name. */
const MAX_PAYLOAD_BYTES = 16_777_216
const MAX_HOPS = 16
const MAX_COMPONENT_BYTES = 128

/** How many arrays and objects of a payload may lie in each other. */
const MAX_DEPTH = 127

/** Returns the names that a name or pattern listens to: those of the bus itself only where it has their prefix. */
export function filterOf(pattern: string): (name: string) => boolean {
  const matches = matcherOf(pattern)
  return (name) => matches(name) && (!name.startsWith(OWN_PREFIX) || pattern.startsWith(OWN_PREFIX))
}

export function checkComponentName(name: string): void {
  const bytes = bytesOf(name)
  const wrong = /[^\p{XID_Continue}\-.:/]/u.exec(name)
  if (!wrong && bytes >= 1 && bytes <= MAX_COMPONENT_BYTES) return
  const problem = wrong ? `has the character '${wrong[0]}'` : `has ${bytes} bytes`
  throw new EventBusError(
    'invalid_argument',
    `the component name "${name}" ${problem}; expected 1 to ${MAX_COMPONENT_BYTES} bytes of letters, digits and - _ . : / only`,
  )
}

const MAX_DURATION_MS = 365 * 24 * 60 * 60 * 1000

/** Refuses an event that would never be delivered, and a length of time in which an event cannot count. */
export function checkLifetime({ event, maxDeliveries = 1, expiresMs = 1 }: NewEvent): void {
  if (!(maxDeliveries >= 1)) {
    const text = `maxDeliveries is ${maxDeliveries}; an event is delivered at least once, so expected 1 or more`
    throw new EventBusError('invalid_argument', text)
  }
  if (expiresMs >= 1 && expiresMs <= MAX_DURATION_MS) return
  const text = `expiresMs of "${event}" is ${expiresMs} ms; an event counts for at least 1 ms and at most a year`
  throw new EventBusError('invalid_argument', text)
}

/** Refuses names that only the bus itself may use. */
export function checkOwn(name: string): void {
  if (!name.startsWith(OWN_PREFIX)) return
  const rule = `only the bus emits names that begin with ${OWN_PREFIX}; choose another prefix`
  throw new EventBusError('reserved_event_name', `the event name "${name}" is reserved: ${rule}`)
}

export function checkPayload(name: string, payload: PayloadText | undefined): void {
  const { size, isJson } = sizeOfPayload(payload ?? '')
  if (size > MAX_PAYLOAD_BYTES) {
    const what = isJson ? ' of JSON' : ''
    const text = `the payload of "${name}" has ${size} bytes${what}; the limit payloadBytes is ${MAX_PAYLOAD_BYTES}`
    throw new EventBusError('payload_too_large', text)
  }
  const problem = payload === undefined ? undefined : problemOf(jsonOf(payload))
  if (problem) throw new EventBusError('invalid_payload', `the payload of "${name}" ${problem}`)
}

/** Whether a value, or what is in it, is JSON that every reader of the host reads. Returns what is wrong with it. */
export function problemOf(json: string): string | undefined {
  try {
    JSON.parse(json)
  } catch (error) {
    return `is not JSON: ${error}`
  }
  /** The keys of the objects around a place, and a `null` for each array. */
  const around: (Set<string> | null)[] = []
  for (let i = 0; i < json.length; i += 1) {
    const c = json.charAt(i)
    if (c === '[' || c === '{') {
      around.push(c === '{' ? new Set() : null)
      if (around.length > MAX_DEPTH) {
        return `nests arrays and objects more than ${MAX_DEPTH} deep; flatten it, or send its inner part as text`
      }
    } else if (c === ']' || c === '}') {
      around.pop()
    } else if (c === '"') {
      const end = endOfString(json, i)
      const text: string = JSON.parse(json.slice(i, end))
      i = end - 1
      if (isMalformed(text)) {
        return 'has one half of a surrogate pair; cut text between characters, not within one'
      }
      const keys = matchAt(/\s*:/y, json, end) === '' ? null : around[around.length - 1]
      if (keys?.has(text)) {
        return `has a key twice in one object: ${JSON.stringify(text)}; give each key of an object one value`
      }
      keys?.add(text)
    } else {
      const number = matchAt(/-?\d[\d.eE+-]*/y, json, i)
      if (!Number.isFinite(Number(number))) return 'has a number out of the range of 64-bit floats; send it as text'
      i += Math.max(number.length - 1, 0)
    }
  }
  return undefined
}

/** Where the string that begins at `start` has ended. */
function endOfString(json: string, start: number): number {
  for (let i = start + 1; ; i += 1) {
    const c = json.charAt(i)
    if (c === '"') return i + 1
    if (c === '\\') i += 1
  }
}

/** What a sticky expression matches at a place; nothing where it does not. */
function matchAt(expression: RegExp, text: string, place: number): string {
  expression.lastIndex = place
  return expression.exec(text)?.[0] ?? ''
}

export function checkChain(name: string, causes: readonly string[]): void {
  if (causes.length <= MAX_HOPS) return
  throw new EventBusError(
    'event_loop',
    `"${name}" has more than ${MAX_HOPS} causes, the limit (hops). ` +
      `If events cause each other endlessly, stop one of them: ${[...causes, name].join(' → ')}`,
  )
}
