import type { Endpoint, TapRecord, Target } from 'tauri-plugin-event-bus-api'

export type EntryKind = 'event' | 'tick' | 'request' | 'refused' | 'gap' | 'lost'

/** Who has sent or received something: `host`, `page:<label>` or `node:<name>`. Each has a lane. */
export type LaneKey = string

/** One receiver of an event or a request, and how far it got. */
export interface Way {
  lane: LaneKey
  /** Whether it is a stream of the host. */
  stream: boolean
  subscriptions: readonly number[]
  queued: boolean
  deliveredAt: number | undefined
  handledAt: number | undefined
}

/** One row of the timeline. */
export interface Entry {
  /** Its place among all rows. */
  id: number
  kind: EntryKind
  at: number
  name: string
  /** Who has sent it; for a gap, who has lost something. */
  lane: LaneKey
  ways: Way[]
  seq: number | undefined
  component: string | undefined
  causes: readonly string[]
  /** Whom it was sent to, as text; absent for everyone. */
  to: string | undefined
  except: string | undefined
  retained: boolean
  keptFor: readonly string[]
  job: string | undefined
  /** What the row shows of its payload, or of what went wrong. */
  preview: string
  /** The length of its payload in bytes of text. */
  size: number
  /** Its record, and that of its response. */
  line: string
  response: string | undefined
  /** The code of the error by which it ended. */
  code: string | undefined
  /** The id of a request. */
  request: string | undefined
  action: string | undefined
  message: string | undefined
  /** How many events or records are lost. */
  count: number | undefined
}

/** How much of a payload a row shows. */
const PREVIEW = 160

export function laneOf(endpoint: Endpoint): LaneKey {
  if (endpoint.kind === 'webview') return `page:${endpoint.label}`
  return endpoint.kind === 'node' ? `node:${endpoint.node}` : 'host'
}

/** What a lane is called. */
export function laneName(lane: LaneKey): string {
  return lane === 'host' ? 'Rust' : lane.slice(lane.indexOf(':') + 1)
}

/** A target as text. */
export function targetText(target: Target | undefined): string | undefined {
  if (target === undefined) return undefined
  if (typeof target === 'string') return target
  if (Array.isArray(target)) return target.map((part) => targetText(part as Target)).join(', ')
  const { kind, label, node } = target as { kind?: string; label?: string; node?: string }
  const name = label ?? node
  if (name !== undefined) return kind === 'webview' || kind === 'AnyLabel' ? name : `${kind} ${name}`
  return kind === 'host' || kind === 'App' ? 'Rust' : String(kind)
}

interface Payload {
  payload?: unknown
  cut?: { bytes: number; start: string }
}

/** The row of a record with this place; `undefined` for one that belongs to other rows. All rows have the same fields. */
export function entryOf(record: TapRecord, line: string, id: number): Entry | undefined {
  switch (record.kind) {
    case 'event': {
      const entry = blank(id, record.tick ? 'tick' : 'event', record.at, record.name, laneOf(record.source), line)
      for (const { receiver, stream, subscriptions, queued } of record.routes) {
        entry.ways.push(wayOf(laneOf(receiver), stream === true, subscriptions, queued))
      }
      entry.seq = record.seq
      entry.component = record.component
      entry.causes = record.causes ?? NONE
      entry.to = targetText(record.to)
      entry.except = targetText(record.except)
      entry.retained = record.retained === true
      entry.keptFor = record.keptFor ?? NONE
      entry.job = record.tick?.job
      return withPayload(entry, record)
    }
    case 'request': {
      const entry = blank(id, 'request', record.at, record.name, laneOf(record.source), line)
      entry.ways.push(wayOf(laneOf(record.receiver), record.stream === true, [], true))
      entry.component = record.component
      entry.causes = record.causes ?? NONE
      entry.request = record.request
      return withPayload(entry, record)
    }
    case 'refused': {
      const entry = blank(id, 'refused', record.at, record.name, laneOf(record.source), line)
      entry.job = record.job
      entry.action = record.action
      entry.code = record.code
      entry.message = record.message
      entry.preview = `${record.code}: ${record.message}`.slice(0, PREVIEW)
      return entry
    }
    case 'gap': {
      const name = `${record.atMost ? 'at most ' : ''}${record.count} lost`
      const entry = blank(id, 'gap', record.at, name, laneOf(record.receiver), line)
      entry.count = record.count
      entry.preview = `${record.reason}, events ${record.from} to ${record.to}`
      return entry
    }
    case 'lost': {
      const entry = blank(id, 'lost', record.at, `${record.count} records lost`, 'host', line)
      entry.count = record.count
      entry.preview = 'they came faster than the inspector could read them'
      return entry
    }
    default:
      return undefined
  }
}

const NONE: readonly string[] = []

function blank(id: number, kind: EntryKind, at: number, name: string, lane: LaneKey, line: string): Entry {
  return {
    id,
    kind,
    at,
    name,
    lane,
    ways: [],
    seq: undefined,
    component: undefined,
    causes: NONE,
    to: undefined,
    except: undefined,
    retained: false,
    keptFor: NONE,
    job: undefined,
    preview: '',
    size: 0,
    line,
    response: undefined,
    code: undefined,
    request: undefined,
    action: undefined,
    message: undefined,
    count: undefined,
  }
}

export function wayOf(lane: LaneKey, stream: boolean, subscriptions: readonly number[], queued: boolean): Way {
  return { lane, stream, subscriptions, queued, deliveredAt: undefined, handledAt: undefined }
}

/** What is searched, in lower case. It is made when a filter looks at the row, and not for each row that comes. */
export function searchTextOf({ name, preview, component, code, job }: Entry): string {
  return `${name}\n${preview}\n${component ?? ''}\n${code ?? ''}\n${job ?? ''}`.toLowerCase()
}

function withPayload(entry: Entry, record: Payload): Entry {
  if (record.cut) {
    entry.preview = record.cut.start.slice(0, PREVIEW)
    entry.size = record.cut.bytes
  } else if (record.payload !== undefined) {
    const text = JSON.stringify(record.payload) ?? ''
    entry.preview = text.slice(0, PREVIEW)
    entry.size = text.length
  }
  return entry
}
