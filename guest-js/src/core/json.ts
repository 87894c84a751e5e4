import { describe } from './checks.js'
import { EventBusError } from './error.js'

/** The payload as a JSON string, or `undefined` where there is none. */
export function payloadJson(name: string, payload: unknown, what: 'payload' | 'args' = 'payload'): string | undefined {
  if (payload === undefined) return undefined
  const code = what === 'payload' ? 'invalid_payload' : 'invalid_argument'
  let json: string | undefined
  try {
    json = JSON.stringify(payload, (_, value) => {
      if (isLost(value)) {
        throw new RangeError(`${value}${pathOfLost(payload)} would become null; send null or text instead`)
      }
      return asTauriWrites(value)
    })
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause)
    throw new EventBusError(code, `JSON cannot express the ${what} of "${name}": ${text}`, { cause })
  }
  if (json === undefined) {
    throw new EventBusError(code, `JSON cannot express the ${what} of "${name}": it is ${describe(payload)}`)
  }
  return json
}

/** A payload as JSON has it, which is how listeners receive it. What JSON cannot express stays as it is; emitting refuses it. */
export function asJson(event: string, payload: unknown): unknown {
  try {
    return JSON.parse(payloadJson(event, payload) ?? 'null')
  } catch {
    return payload
  }
}

/** Writes what JSON would empty as Tauri's own `invoke` and `emit` do, and sets and typed arrays as arrays. */
function asTauriWrites(value: unknown): unknown {
  if (value instanceof Map) return Object.fromEntries(value)
  // A DataView has no length, and no numbers of its own.
  if (value instanceof Set || (ArrayBuffer.isView(value) && 'length' in value)) return Array.from(value as Set<unknown>)
  if (value instanceof ArrayBuffer) return Array.from(new Uint8Array(value))
  return value
}

/** Whether JSON would silently turn a value into `null`. */
function isLost(value: unknown): boolean {
  return typeof value === 'number' && !Number.isFinite(value)
}

/** The path of the first lost number in a payload, searched only once there is one. */
function pathOfLost(payload: unknown): string {
  // A value that occurs several times is visited right after each of its paths is noted.
  const paths = new Map<unknown, string>()
  let found: string | undefined
  JSON.stringify(payload, function (this: unknown, key: string, value: unknown) {
    const parent = paths.get(this)
    const path = parent === undefined ? '' : parent + (Array.isArray(this) ? `[${key}]` : `.${key}`)
    if (isLost(value)) found ??= path
    const written = asTauriWrites(value)
    paths.set(written, path)
    return written
  })
  return found ? ` at \`${found.replace(/^\./, '')}\`` : ''
}
