import { type EncodedPayload, encodePayload, MARK } from '../core/json.js'

/** The method by which an object says how Tauri's `invoke` writes it: `SERIALIZE_TO_IPC_FN` of `@tauri-apps/api/core`. */
const TO_IPC = '__TAURI_TO_IPC_KEY__'

/** A payload that may be written as Tauri's `invoke` does. */
export interface WrittenPayload extends EncodedPayload {
  /** What the strict rules say of it, if they would refuse it or write it otherwise. */
  readonly lossy?: string | undefined
}

/** The names of which a lossy payload was noted in this page. */
const noted = new Set<string>()

/** Forgets what was noted. Only tests have several pages. */
export function resetNotes(): void {
  noted.clear()
}

/** Writes a payload as Tauri's `invoke` does. Throws what `JSON.stringify` throws. */
export function writeAsTauri(event: string, payload: unknown): WrittenPayload {
  let isSuspect = false
  const json = JSON.stringify(payload, function (this: unknown, key: string, value: unknown) {
    isSuspect ||= mayDiffer(this, key, value)
    if (value instanceof Map) return Object.fromEntries(value)
    if (value instanceof Uint8Array) return Array.from(value)
    if (value instanceof ArrayBuffer) return Array.from(new Uint8Array(value))
    if (typeof value !== 'object' || value === null || !(TO_IPC in value)) return value
    isSuspect = true
    return (value[TO_IPC] as () => unknown)()
  }) as string | undefined
  const lossy = isSuspect && !noted.has(event) ? differenceOf(event, payload, json) : undefined
  if (lossy !== undefined) noted.add(event)
  return { payload: json, bytes: undefined, size: json?.length ?? 0, lossy }
}

/** Whether the strict rules may write a value otherwise, or refuse it. Every value passes here, so it only looks. */
function mayDiffer(owner: unknown, key: string, value: unknown): boolean {
  if (typeof value === 'object') {
    if (value === null) return (owner as Record<string, unknown>)[key] instanceof Date
    const prototype = Object.getPrototypeOf(value)
    return prototype !== Object.prototype && prototype !== Array.prototype
  }
  if (typeof value === 'number') return !Number.isFinite(value)
  return typeof value !== 'string' && typeof value !== 'boolean' && Array.isArray(owner)
}

function differenceOf(event: string, payload: unknown, json: string | undefined): string | undefined {
  try {
    const strict = encodePayload(event, payload).payload?.replaceAll(MARK, '(bytes)')
    return strict === json
      ? undefined
      : `the payload of "${event}" is written otherwise: ${firstDifference(strict, json)}`
  } catch (error) {
    return (error as Error).message
  }
}

/** The two texts from a little before they differ. */
function firstDifference(strict = 'nothing', before = 'nothing'): string {
  let at = 0
  while (strict[at] === before[at]) at += 1
  const from = Math.max(0, at - 20)
  const excerpt = (text: string) => text.slice(from, at + 20)
  return `${excerpt(strict)} instead of ${excerpt(before)}`
}
