import { copyOf, lengthOf, type Piece } from './bytes.js'
import { describe } from './checks.js'
import { EventBusError } from './error.js'

/** Stands for bytes in the JSON that travels. JSON has no such character, so no payload can be taken for it. */
export const MARK = '\u0001'

/** A payload as it travels. */
export interface EncodedPayload {
  /** JSON with a {@link MARK} in the place of each piece of bytes; `undefined` where there is no payload. */
  readonly payload: string | undefined
  /** The bytes in the order of the marks; `undefined` where there are none. */
  readonly bytes: Piece[] | undefined
  /** The length of both. */
  readonly size: number
}

/** The pieces of the payload that is being written. */
let pieces: Piece[] = []

/** Stands for bytes while a payload is written. Nothing else in a page knows it. */
let placeholder = ''

/** Encodes a payload. Refuses what JSON would lose or empty in silence. */
export function encodePayload(name: string, payload: unknown, what: 'payload' | 'args' = 'payload'): EncodedPayload {
  if (payload === undefined) return { payload, bytes: undefined, size: 0 }
  let problem: string | undefined
  let cause: unknown
  // A `toJSON` may emit in its turn.
  const around = pieces
  const bytes: Piece[] = []
  pieces = bytes
  try {
    const json = JSON.stringify(payload, write)
    if (json !== undefined) {
      if (bytes.length === 0) return { payload: json, bytes: undefined, size: json.length }
      const marked = json.replaceAll(`"${placeholder}"`, MARK)
      return { payload: marked, bytes, size: bytes.reduce((sum, piece) => sum + lengthOf(piece), marked.length) }
    }
    problem = `it is ${describe(payload)}`
  } catch (error) {
    cause = error
    problem = faultIn(payload) ?? (error instanceof Error ? error.message : String(error))
  } finally {
    pieces = around
  }
  const code = what === 'payload' ? 'invalid_payload' : 'invalid_argument'
  throw new EventBusError(code, `JSON cannot express the ${what} of "${name}": ${problem}`, { cause })
}

/** The value of an encoded payload. */
export function decodePayload({ payload = 'null', bytes = [] }: Partial<EncodedPayload>): unknown {
  if (bytes.length === 0) return JSON.parse(payload)
  // Writing and reading pass the properties of an object in the same order.
  let next = 0
  return JSON.parse(payload.replaceAll(MARK, `"${placeholder}"`), (_, value) =>
    value === placeholder ? bytes[next++] : value,
  )
}

/** A payload as listeners receive it. What cannot be sent stays as it is; emitting refuses it. */
export function asSent(event: string, payload: unknown): unknown {
  try {
    return decodePayload(encodePayload(event, payload))
  } catch {
    return payload
  }
}

function placePiece(piece: Piece): string {
  placeholder ||= `bytes ${crypto.getRandomValues(new Uint32Array(4))}`
  pieces.push(piece)
  return placeholder
}

/** Refuses what JSON would turn into `null`. */
function refuseLost(what: unknown): never {
  throw new TypeError(`${String(what)} would become null; send null or text instead`)
}

/** Writes a value for JSON, and refuses it where JSON would lose it. */
function write(this: unknown, key: string, value: unknown): unknown {
  if (typeof value === 'object') {
    if (value) return writeObject(value, (this as Record<string, unknown>)[key])
    if ((this as Record<string, unknown>)[key] instanceof Date) refuseLost('an invalid Date')
  } else if (typeof value === 'number') {
    if (!Number.isFinite(value)) refuseLost(value)
  } else if (typeof value === 'bigint') {
    throw new TypeError(`the BigInt ${value} would be no JSON; send a number or text instead`)
  } else if (typeof value !== 'string' && typeof value !== 'boolean' && Array.isArray(this)) {
    // As a property it is left out, since it has no value.
    refuseLost(value === undefined ? value : `a ${typeof value}`)
  }
  return value
}

/** Writes what JSON would empty: maps as Tauri's own `invoke` does, sets as arrays, errors with their text. */
function writeObject(value: object, original: unknown): unknown {
  // A Buffer, which is one of bytes, writes itself as an object.
  if (ArrayBuffer.isView(original)) return placePiece(copyOf(original))
  if (Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype) return value
  // Other realms have classes of their own, such as those of a test's DOM.
  const kind = Object.prototype.toString.call(value).slice(8, -1)
  if (kind === 'Map') {
    const map = value as Map<unknown, unknown>
    const written = Object.fromEntries(map)
    if (Object.keys(written).length < map.size || [...map.keys()].some((key) => Object(key) === key)) {
      throw new TypeError('a Map would lose keys that are not different texts or numbers; send [...map] instead')
    }
    return written
  }
  if (kind.endsWith('ArrayBuffer')) return placePiece(copyOf(value as ArrayBuffer))
  if (kind === 'Blob' || kind === 'File') return placePiece(value as Blob)
  if (kind === 'Set') return Array.from(value as Set<unknown>)
  if (kind === 'Number') return Number.isFinite(+value) ? value : refuseLost(value)
  if (kind === 'Error' || value instanceof Error) {
    const { name, message } = value as Error
    return { name, message, ...value }
  }
  const isEmpty = !/^(Object|Arguments|String|Boolean|BigInt)$/.test(kind) && Object.keys(value).length === 0
  // Events of the DOM have one property of their own, and the rest in their class.
  if (isEmpty || (typeof Event === 'function' && value instanceof Event)) {
    throw new TypeError(
      `the ${kind} would become empty; ${kind === 'Promise' ? 'await it' : 'send what you need of it'}`,
    )
  }
  return value
}

/** What JSON cannot express of a payload, and its path, searched only once something is wrong. */
function faultIn(payload: unknown): string | undefined {
  // The values on the way to the one that is being written, as they were and as they are written, and its path.
  let way: [value: unknown, written: unknown, path: string][] = []
  let found: string | undefined
  try {
    JSON.stringify(payload, function (this: unknown, key: string, value: unknown) {
      if (found) return null
      way = way.slice(0, way.findIndex(([, written]) => written === this) + 1)
      const parent = way[way.length - 1]
      const path = parent ? parent[2] + (Array.isArray(this) ? `[${key}]` : `.${key}`) : ''
      try {
        if (Object(value) === value && way.some(([before]) => before === value))
          throw new TypeError('a cycle would have no end')
        const written = write.call(this, key, value)
        way.push([value, written, path])
        return written
      } catch (fault) {
        const { message } = fault as Error
        found = path ? message.replace(' would', ` at \`${path.replace(/^\./, '')}\` would`) : message
        return null
      }
    })
  } catch {
    // Others throw, too: a `toJSON`, or the stack, where it overflows.
  }
  return found
}
