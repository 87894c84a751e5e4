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
  deliveredAt?: number
  handledAt?: number
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
  seq?: number
  component?: string
  causes: readonly string[]
  /** Whom it was sent to, as text; absent for everyone. */
  to?: string
  except?: string
  retained: boolean
  keptFor: readonly string[]
  job?: string
  /** What the row shows of its payload, or of what went wrong. */
  preview: string
  /** The length of its payload in bytes of text. */
  size: number
  /** Its record, and that of its response. */
  line: string
  response?: string
  /** The code of the error by which it ended. */
  code?: string
  /** The id of a request. */
  request?: string
  action?: string
  message?: string
  /** How many events or records are lost. */
  count?: number
  /** What is searched, in lower case. */
  search: string
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

/** The text of a payload in the line of its record, without reading it again. */
function payloadOf(record: {
  payload?: unknown
  cut?: { bytes: number; start: string }
}): [text: string, size: number] {
  if (record.cut) return [record.cut.start.slice(0, PREVIEW), record.cut.bytes]
  if (record.payload === undefined) return ['', 0]
  const text = JSON.stringify(record.payload) ?? ''
  return [text.slice(0, PREVIEW), text.length]
}

/** The row of a record; `undefined` for one that belongs to other rows. */
export function entryOf(record: TapRecord, line: string): Omit<Entry, 'id'> | undefined {
  const base = { at: record.at, line, ways: [], causes: [], retained: false, keptFor: [], size: 0 }
  switch (record.kind) {
    case 'event': {
      const [preview, size] = payloadOf(record)
      return searchable({
        ...base,
        kind: record.tick ? 'tick' : 'event',
        name: record.name,
        lane: laneOf(record.source),
        ways: record.routes.map(({ receiver, stream, subscriptions, queued }) => ({
          lane: laneOf(receiver),
          stream: stream === true,
          subscriptions,
          queued,
        })),
        seq: record.seq,
        component: record.component,
        causes: record.causes ?? [],
        to: targetText(record.to),
        except: targetText(record.except),
        retained: record.retained === true,
        keptFor: record.keptFor ?? [],
        job: record.tick?.job,
        preview,
        size,
      })
    }
    case 'request': {
      const [preview, size] = payloadOf(record)
      const way = { lane: laneOf(record.receiver), stream: record.stream === true, subscriptions: [], queued: true }
      return searchable({
        ...base,
        kind: 'request',
        name: record.name,
        lane: laneOf(record.source),
        ways: [way],
        component: record.component,
        causes: record.causes ?? [],
        request: record.request,
        preview,
        size,
      })
    }
    case 'refused':
      return searchable({
        ...base,
        kind: 'refused',
        name: record.name,
        lane: laneOf(record.source),
        job: record.job,
        action: record.action,
        code: record.code,
        message: record.message,
        preview: `${record.code}: ${record.message}`.slice(0, PREVIEW),
      })
    case 'gap':
      return searchable({
        ...base,
        kind: 'gap',
        name: `${record.atMost ? 'at most ' : ''}${record.count} lost`,
        lane: laneOf(record.receiver),
        count: record.count,
        preview: `${record.reason}, events ${record.from} to ${record.to}`,
      })
    case 'lost':
      return searchable({
        ...base,
        kind: 'lost',
        name: `${record.count} records lost`,
        lane: 'host',
        count: record.count,
        preview: 'they came faster than the inspector could read them',
      })
    default:
      return undefined
  }
}

function searchable(entry: Omit<Entry, 'id' | 'search'>): Omit<Entry, 'id'> {
  const parts = [entry.name, entry.preview, entry.component ?? '', entry.code ?? '', entry.job ?? '']
  return { ...entry, search: parts.join('\n').toLowerCase() }
}
