import type { Piece } from '../core/bytes.js'
import { isMalformed } from '../core/checks.js'
import { EventBusError } from '../core/error.js'
import { type Failure, failureOf } from '../core/requests/failure.js'
import type { ErrorCode } from '../types/error-code.js'
import type { Target } from '../types/target.js'

/** The most labels of a target, names of causes, and pieces of bytes. */
const MAX_LABELS = 64
const MAX_CAUSES = 256
const MAX_PIECES = 65_536

/** The most fields of an entry, and the most characters of a text that is no payload. The host takes shorter ones. */
const MAX_FIELDS = 64
const MAX_TEXT = 1_024

/** How many characters of the texts of an error are passed on. The host cuts them shorter. */
const MAX_FAILURE = 8_192

/** An entry of a command, as far as the host can read it. */
export type Entry = Record<string, unknown> & { bytes?: Piece[]; argsBytes?: Piece[]; payload?: string }

/** Marks that only the package's own entry `tauri` sets. */
const DROPPED = ['compatible', 'lossy']

/**
 * Copies an entry that a member has sent. What Tauri could not parse would be worse than refused: where it evaluates
 * replies, such a command gets none, and the page's own commands would wait behind it.
 */
export function readEntry(given: unknown): Entry {
  if (!isObject(given)) throw refusal(`an entry of a command is ${typeof given}; expected an object`)
  const entry: Entry = {}
  const fields = Object.entries(given)
  if (fields.length > MAX_FIELDS) throw refusal(`an entry of a command has ${fields.length} fields, more than any has`)
  for (const [key, value] of fields) {
    if (value === undefined || DROPPED.includes(key)) continue
    if (!/^\w{1,32}$/.test(key) || key === '__proto__') throw refusal('an entry of a command has a key that none has')
    entry[key] = readField(key, value)
  }
  return entry
}

function readField(key: string, value: unknown): unknown {
  switch (key) {
    case 'to':
    case 'except':
    case 'target':
      return readTarget(value)
    case 'causes':
      return readList(key, value, MAX_CAUSES).map((name) => readText(key, name))
    case 'bytes':
    case 'argsBytes':
      return readList(key, value, MAX_PIECES).map(readPiece)
    case 'payload':
    case 'args':
      return readText(key, value, 'invalid_payload', Number.POSITIVE_INFINITY)
    case 'resume':
      return readResume(value)
    case 'outcome':
      return readOutcome(value)
    case 'will':
      throw refusal('a worker or a frame leaves no will: call will() in its page', 'unavailable')
    case 'event':
    case 'name':
      return readText(key, value, 'invalid_event_name')
    default:
      return readPrimitive(key, value)
  }
}

/** Up to where a subscription has received everything, in another session of the member. */
function readResume(value: unknown): { after: number } | undefined {
  const { after } = isObject(value) ? value : {}
  return Number.isFinite(after) ? { after: after as number } : undefined
}

/** That the member waits for what becomes of an event. */
function readOutcome(value: unknown): { id: number; timeoutMs?: number } {
  const { id, timeoutMs } = isObject(value) ? value : {}
  const read = timeoutMs === undefined ? undefined : readPrimitive('timeoutMs', timeoutMs)
  return { id: readId('outcome.id', id), ...(read !== undefined && { timeoutMs: read as number }) }
}

function readPrimitive(key: string, value: unknown): unknown {
  if (typeof value === 'string') return readText(key, value)
  if (typeof value === 'boolean' || value === null || (typeof value === 'number' && Number.isFinite(value)))
    return value
  throw refusal(
    `"${key}" is ${typeof value === 'number' ? value : `a ${typeof value}`}; expected text, a number or a boolean`,
  )
}

/** A text of at most so many characters, without half of a surrogate pair. */
export function readText(
  what: string,
  value: unknown,
  code: ErrorCode = 'invalid_argument',
  most: number = MAX_TEXT,
): string {
  if (typeof value !== 'string') throw refusal(`"${what}" is a ${typeof value}; expected text`, code)
  if (value.length > most) throw refusal(`"${what}" has ${value.length} characters; expected at most ${most}`, code)
  if (isMalformed(value)) throw refusal(`"${what}" has one half of a surrogate pair`, code)
  return value
}

/** A whole number from 0, as ids are. */
export function readId(what: string, value: unknown): number {
  if (Number.isSafeInteger(value) && Number(value) >= 0) return value as number
  throw refusal(`"${what}" is ${String(value)}; expected a whole number from 0`)
}

/** The fields of a nested object, all of them primitive. */
export function readFields(what: string, value: unknown): Record<string, unknown> {
  if (!isObject(value)) throw refusal(`"${what}" is a ${typeof value}; expected an object`)
  return readEntry(value)
}

/** What a responder has thrown. */
export function readFailure(value: unknown): Failure {
  if (!isObject(value)) throw refusal(`"failure" is a ${typeof value}; expected an object`)
  const cut = (text: unknown) => (typeof text === 'string' ? text.slice(0, MAX_FAILURE) : text)
  return failureOf({ name: cut(value.name), message: cut(value.message), stack: cut(value.stack) }, true)
}

function readTarget(value: unknown): Target {
  // A list in a list could be so large that reading it takes for good.
  if (Array.isArray(value)) return readList('to', value, MAX_LABELS).map(readLabel) as unknown as Target
  return readLabel(value)
}

function readLabel(value: unknown): Target {
  if (typeof value === 'string') return readText('to', value)
  if (!isObject(value))
    throw refusal(`a target is a ${typeof value}; expected a label, a list of labels or an EventTarget`)
  const { kind, label, node } = value
  const read = {
    kind: readText('kind of a target', kind),
    ...(label !== undefined && { label: readText('label', label) }),
    ...(node !== undefined && { node: readText('node', node) }),
  }
  return read as unknown as Target
}

function readPiece(value: unknown): Piece {
  if (value instanceof Uint8Array || (typeof Blob === 'function' && value instanceof Blob)) return value as Piece
  throw refusal('the bytes of a payload are neither a Uint8Array nor a Blob', 'invalid_payload')
}

/** A list of at most so many. */
export function readList(what: string, value: unknown, most: number): unknown[] {
  if (Array.isArray(value) && value.length <= most) return value
  const given = Array.isArray(value) ? `a list of ${value.length}` : `a ${typeof value}`
  throw refusal(`"${what}" is ${given}; expected a list of at most ${most}`)
}

/** About as many characters as an entry takes in a command. */
export function sizeOf({ payload = '', args = '', bytes = [], argsBytes = [] }: Entry): number {
  const pieces = [...bytes, ...argsBytes]
  return payload.length + (args as string).length + pieces.reduce((sum, piece) => sum + lengthOf(piece), 0)
}

/** About as many characters as all of an entry that was read takes. */
export function weightOf(value: unknown): number {
  if (typeof value === 'string') return value.length
  if (typeof value !== 'object' || value === null) return 0
  if (value instanceof Uint8Array || 'size' in value) return lengthOf(value as Piece)
  return Object.values(value).reduce((sum: number, one: unknown) => sum + weightOf(one), 0)
}

// A Blob travels in a command of its own, since it is read first.
const lengthOf = (piece: Piece) => ('size' in piece ? Number.POSITIVE_INFINITY : piece.length)

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function refusal(message: string, code: ErrorCode = 'invalid_argument'): EventBusError {
  return new EventBusError(code, message)
}
