import type { Endpoint } from '../types/endpoint.js'
import type { Target } from '../types/target.js'
import { isForAll, partsOf } from './target.js'

/**
 * What the code under test has emitted, or was to emit.
 *
 * @example
 * ```ts
 * import type { ReplayedEvent } from 'tauri-plugin-event-bus-api/testing'
 *
 * const describe = ({ name, payload }: ReplayedEvent) => `${name} ${JSON.stringify(payload)}`
 * ```
 */
export interface ReplayedEvent {
  name: string
  /** Whom it was sent to; `undefined` for everyone. */
  to: Target | undefined
  /** Its payload. `undefined` where the recording has cut it. */
  payload: unknown
}

/**
 * Where the code under test differs from the recording: an event that is missing, one that is new, or one that has another
 * target or payload.
 *
 * @example
 * ```ts
 * import type { ReplayDifference } from 'tauri-plugin-event-bus-api/testing'
 *
 * const describe = ({ kind, name }: ReplayDifference) => `${kind}: ${name}`
 * ```
 */
export interface ReplayDifference {
  kind: 'missing' | 'new' | 'changed'
  /** Whether it is about an event, or about the response to a request that was played. */
  of: 'event' | 'response'
  name: string
  /** What the recording has; `undefined` if the event is new. */
  recorded?: ReplayedEvent
  /** What was emitted; `undefined` if the event is missing. */
  emitted?: ReplayedEvent
}

/**
 * Which part of a recording is played: see {@link TestBus.replay}.
 *
 * @example
 * ```ts
 * import { HOST } from 'tauri-plugin-event-bus-api'
 * import type { ReplayOptions } from 'tauri-plugin-event-bus-api/testing'
 *
 * const options: ReplayOptions = { sources: [HOST, 'settings'] }
 * ```
 */
export interface ReplayOptions {
  /**
   * Whose events and requests are played: endpoints, or labels of pages. By default everyone's but those of the page under
   * test.
   */
  sources?: readonly (Endpoint | string)[]
}

/**
 * What a replay has found: see {@link TestBus.replay}.
 *
 * @example
 * ```ts
 * import type { Replay } from 'tauri-plugin-event-bus-api/testing'
 *
 * const isSame = ({ differences }: Replay) => differences.length === 0
 * ```
 */
export interface Replay {
  /** How many events and requests were played. */
  played: number
  /** What the page under test has emitted, without ticks of jobs. */
  emitted: ReplayedEvent[]
  /** Where that differs from the recording, by name, target and payload. Numbers, times and ticks are not compared. */
  differences: ReplayDifference[]
  /** How many records the recording has lost. With some, differences may come from what is missing in it. */
  lost: number
}

/** What stands in the place of what was redacted. */
const REDACTED = '[redacted]'

/** How many pairs are compared before what differs is told position by position. */
const MAX_PAIRS = 4_000_000

/** What a recording has of an event. */
export interface RecordedEvent extends ReplayedEvent {
  readonly isRedacted: boolean
  readonly isCut: boolean
}

/**
 * Compares what was emitted with a recording, name by name, in the order of the names in the recording. Events of different
 * names may change places.
 */
export function compare(recorded: readonly RecordedEvent[], emitted: readonly ReplayedEvent[]): ReplayDifference[] {
  const names = new Set([...recorded, ...emitted].map(({ name }) => name))
  return [...names].flatMap((name) => {
    const own = recorded.filter((event) => event.name === name)
    const others = emitted.filter((event) => event.name === name)
    return differencesOf(name, own, others)
  })
}

function differencesOf(name: string, recorded: RecordedEvent[], emitted: ReplayedEvent[]): ReplayDifference[] {
  let start = 0
  while (isAlike(recorded[start], emitted[start])) start += 1
  let end = 0
  const most = Math.min(recorded.length, emitted.length) - start
  while (end < most && isAlike(recorded[recorded.length - 1 - end], emitted[emitted.length - 1 - end])) end += 1
  const left = recorded.slice(start, recorded.length - end)
  const right = emitted.slice(start, emitted.length - end)
  const kept = left.length * right.length > MAX_PAIRS ? [] : commonOf(left, right)
  const differences: ReplayDifference[] = []
  let [row, column] = [0, 0]
  for (const [nextRow, nextColumn] of [...kept, [left.length, right.length] as const]) {
    while (row < nextRow || column < nextColumn) {
      const one = row < nextRow ? left[row] : undefined
      const other = column < nextColumn ? right[column] : undefined
      if (one) row += 1
      if (other) column += 1
      const kind = one && other ? 'changed' : one ? 'missing' : 'new'
      differences.push({
        kind,
        of: 'event',
        name,
        ...(one && { recorded: { name, to: one.to, payload: one.payload } }),
        ...(other && { emitted: other }),
      })
    }
    row = nextRow + 1
    column = nextColumn + 1
  }
  return differences
}

/** The positions of the longest run of events that both have. */
function commonOf(left: RecordedEvent[], right: ReplayedEvent[]): (readonly [number, number])[] {
  const width = right.length + 1
  const lengths = new Uint32Array((left.length + 1) * width)
  for (let row = left.length - 1; row >= 0; row -= 1) {
    for (let column = right.length - 1; column >= 0; column -= 1) {
      const at = row * width + column
      lengths[at] = isAlike(left[row], right[column])
        ? (lengths[at + width + 1] ?? 0) + 1
        : Math.max(lengths[at + width] ?? 0, lengths[at + 1] ?? 0)
    }
  }
  const common: [number, number][] = []
  let [row, column] = [0, 0]
  while (row < left.length && column < right.length) {
    const at = row * width + column
    if (isAlike(left[row], right[column])) {
      common.push([row, column])
      row += 1
      column += 1
    } else if ((lengths[at + width] ?? 0) >= (lengths[at + 1] ?? 0)) row += 1
    else column += 1
  }
  return common
}

function isAlike(recorded: RecordedEvent | undefined, emitted: ReplayedEvent | undefined): boolean {
  if (!recorded || !emitted) return false
  if (!isEqual(spellingOf(recorded.to), spellingOf(emitted.to), false)) return false
  return recorded.isCut || isEqual(recorded.payload, emitted.payload, recorded.isRedacted)
}

/** A target in the one form of all its spellings. */
function spellingOf(to: Target | undefined): unknown {
  try {
    return to === undefined || isForAll(to) ? null : partsOf(to)
  } catch {
    // A recording may have targets that a test bus has not, such as other nodes.
    return to
  }
}

/** Whether two values are the same as JSON with bytes. What was redacted equals everything. */
export function isEqual(recorded: unknown, emitted: unknown, isRedacted: boolean): boolean {
  if (isRedacted && recorded === REDACTED) return true
  if (Object.is(recorded, emitted) || recorded === emitted) return true
  if (typeof recorded !== 'object' || typeof emitted !== 'object' || !recorded || !emitted) return false
  if (recorded instanceof Uint8Array || emitted instanceof Uint8Array) {
    const areBytes = recorded instanceof Uint8Array && emitted instanceof Uint8Array
    return areBytes && recorded.length === emitted.length && recorded.every((byte, index) => byte === emitted[index])
  }
  if (Array.isArray(recorded) !== Array.isArray(emitted)) return false
  const [own, other] = [recorded as Record<string, unknown>, emitted as Record<string, unknown>]
  const keys = Object.keys(own)
  const others = new Set(Object.keys(other))
  return (
    keys.length === others.size && keys.every((key) => others.has(key) && isEqual(own[key], other[key], isRedacted))
  )
}
