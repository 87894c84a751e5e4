import { describe } from './checks.js'
import { EventBusError } from './error.js'

/** The payload as a JSON string, or `undefined` where there is none. Refuses what JSON would lose or empty in silence. */
export function payloadJson(name: string, payload: unknown, what: 'payload' | 'args' = 'payload'): string | undefined {
  if (payload === undefined) return undefined
  let problem: string | undefined
  let cause: unknown
  try {
    const json = JSON.stringify(payload, write)
    if (json !== undefined) return json
    problem = `it is ${describe(payload)}`
  } catch (error) {
    cause = error
    problem = faultIn(payload) ?? (error instanceof Error ? error.message : String(error))
  }
  const code = what === 'payload' ? 'invalid_payload' : 'invalid_argument'
  throw new EventBusError(code, `JSON cannot express the ${what} of "${name}": ${problem}`, { cause })
}

/** A payload as JSON has it, which is how listeners receive it. What JSON cannot express stays as it is; emitting refuses it. */
export function asJson(event: string, payload: unknown): unknown {
  try {
    return JSON.parse(payloadJson(event, payload) ?? 'null')
  } catch {
    return payload
  }
}

/** Refuses what JSON would turn into `null`. */
function refuseLost(what: unknown): never {
  throw new TypeError(`${String(what)} would become null; send null or text instead`)
}

/** Writes a value for JSON, and refuses it where JSON would lose it. */
function write(this: unknown, key: string, value: unknown): unknown {
  if (typeof value === 'object') {
    if (value) return writeObject(value)
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

/** Writes what JSON would empty: maps and bytes as Tauri's own `invoke` does, sets as arrays, errors with their text. */
function writeObject(value: object): unknown {
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
  if (kind === 'Set' || (ArrayBuffer.isView(value) && kind !== 'DataView')) return Array.from(value as Set<unknown>)
  if (kind.endsWith('ArrayBuffer')) return Array.from(new Uint8Array(value as ArrayBuffer))
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
