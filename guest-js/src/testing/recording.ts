import type { TapRecord } from '../types/tap.js'
import { faultOf } from './record-fields.js'
import { invalidArgument } from './results.js'

/** What a recording begins with, and the version that this reads. */
const FORMAT = 'tauri-plugin-event-bus'
const VERSION = 1

/** The fields that a record of each kind needs. */
const FIELDS: Record<TapRecord['kind'], readonly string[]> = {
  event: ['seq', 'name', 'source'],
  delivered: ['receiver', 'seqs'],
  acknowledged: ['receiver', 'seqs'],
  gap: ['receiver', 'from', 'to', 'count', 'reason'],
  refused: ['action', 'name', 'source', 'code', 'message'],
  request: ['request', 'name', 'source', 'receiver'],
  response: ['request', 'name', 'source', 'receiver'],
  lost: ['count'],
}

/**
 * A recording of an app, as `bus.record(path)` in Rust writes it.
 *
 * @example
 * ```ts
 * import { parseRecording, type Recording } from 'tauri-plugin-event-bus-api/testing'
 *
 * const names = ({ records }: Recording) => records.flatMap((record) => (record.kind === 'event' ? [record.name] : []))
 * console.log(names(parseRecording('{"format":"tauri-plugin-event-bus","version":1,"startedAt":0}')))
 * ```
 */
export interface Recording {
  /** When it began, in milliseconds since 1970. */
  startedAt: number
  /** What happened, in order. */
  records: TapRecord[]
}

/**
 * Reads the text of a recording.
 *
 * @throws {EventBusError} `invalid_argument` if it is no recording, has another version, was cut, or has a line that is no
 * record. The message has the number of the line, and what was expected there.
 *
 * @example
 * ```ts
 * import { parseRecording } from 'tauri-plugin-event-bus-api/testing'
 *
 * const { records } = parseRecording('{"format":"tauri-plugin-event-bus","version":1,"startedAt":0}')
 * console.log(records.length)
 * ```
 */
export function parseRecording(text: string): Recording {
  const lines = text.split(/\r?\n/).map((line, index) => [index + 1, line] as const)
  const [[number, head] = [1, ''] as const, ...rest] = lines.filter(([, line]) => line.trim() !== '')
  const startedAt = readHead(number, head)
  const isWhole = text.endsWith('\n')
  const records = rest.map(([number, line], index) => {
    const value = jsonOf(line)
    if (value === undefined && index === rest.length - 1 && !isWhole) {
      throw at(
        number,
        `the recording is cut: expected a whole record, found the first ${line.length} characters of one; remove this line to read the rest`,
      )
    }
    return readRecord(number, line, value)
  })
  return { startedAt, records }
}

function readHead(number: number, line: string): number {
  const head = jsonOf(line) as { format?: unknown; version?: unknown; startedAt?: unknown } | undefined
  if (head?.format === FORMAT && head.version !== VERSION) {
    const version = JSON.stringify(head.version)
    throw at(
      number,
      `the recording has version ${version}, and this reads version ${VERSION}; record it again, or read it with the version of the package that fits`,
    )
  }
  if (head?.format !== FORMAT || typeof head.startedAt !== 'number') {
    throw at(
      number,
      `expected the first line of a recording, {"format":"${FORMAT}","version":${VERSION},"startedAt":…}, found ${shown(line)}`,
    )
  }
  return head.startedAt
}

function readRecord(number: number, line: string, value: unknown): TapRecord {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw at(number, `expected a record, which is a JSON object, found ${shown(line)}`)
  }
  const record = value as Record<string, unknown>
  const kinds = Object.keys(FIELDS)
  const { kind } = record
  if (typeof kind !== 'string' || !kinds.includes(kind)) {
    const problem = kind === undefined ? 'expected a record with `kind`' : `the kind ${shown(String(kind))} is unknown`
    throw at(number, `${problem}; expected one of ${kinds.join(', ')}`)
  }
  const needed = ['at', ...FIELDS[kind as TapRecord['kind']]]
  const missing = needed.find((field) => record[field] === undefined || record[field] === null)
  if (missing !== undefined) throw at(number, `a record of the kind "${kind}" needs \`${missing}\``)
  const fault = faultOf(record)
  if (fault !== undefined) throw at(number, fault)
  const isFailed = kind === 'response' && isGiven(record.error)
  const hasPayload = 'payload' in record || isGiven(record.cut) || isFailed
  if (['event', 'request', 'response'].includes(kind) && !hasPayload) {
    throw at(number, `a record of the kind "${kind}" needs \`payload\` or \`cut\``)
  }
  // `null` is absent, but as a payload.
  const given = Object.entries(record).filter(([key, value]) => value !== null || key === 'payload')
  return Object.fromEntries(given) as unknown as TapRecord
}

const isGiven = (value: unknown) => value !== undefined && value !== null

function at(line: number, problem: string): Error {
  return invalidArgument(`line ${line}: ${problem}`)
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** How a line begins. */
function shown(line: string): string {
  return line.length > 80 ? `${JSON.stringify(line.slice(0, 80))} …` : JSON.stringify(line)
}
