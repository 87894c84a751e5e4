import type { TapRecord } from 'tauri-plugin-event-bus-api'
import { Deque } from './deque.js'
import { type Entry, entryOf, type LaneKey, laneOf, wayOf } from './entry.js'
import { Meter } from './meter.js'

/** How much is kept. What is older is dropped. */
export interface Bounds {
  /** Rows of the timeline. */
  entries: number
  /** Records, also those of deliveries. */
  records: number
  /** The length of all records. */
  bytes: number
}

export const BOUNDS: Bounds = { entries: 100_000, records: 300_000, bytes: 96 << 20 }

/** How many refusals are remembered for the events that they concern. */
const REFUSALS = 500

/** How many names, and how many components, are offered. */
const NAMES = 1000

/** How many lanes there are at most. Webviews that are met later are drawn in that of the host. */
const LANES = 256

/** What has happened so far, made of records. */
export class Store {
  readonly entries = new Deque<Entry>()
  readonly meter = new Meter()
  /** Those that have sent or received something, in the order in which they were seen. */
  readonly lanes: LaneKey[] = ['host']
  readonly components = new Set<string>()
  readonly names = new Set<string>()
  readonly refusals = new Deque<Entry>()
  /** How many records the host has lost, because this page was too slow. */
  lost = 0
  /** How many rows were dropped, because there were too many. */
  dropped = 0
  readonly #bounds: Bounds
  readonly #lines = new Deque<string>()
  readonly #bySeq = new Map<number, Entry>()
  readonly #byRequest = new Map<string, Entry>()
  #bytes = 0
  #next = 0
  #startedAt = 0

  constructor(bounds: Bounds = BOUNDS) {
    this.#bounds = bounds
  }

  /** The place of the next row. */
  get next(): number {
    return this.#next
  }

  get records(): number {
    return this.#lines.length
  }

  get bytes(): number {
    return this.#bytes
  }

  /** When the oldest record was made. */
  get startedAt(): number {
    return this.#startedAt
  }

  /** The lines of all records that are kept, the oldest first. */
  get lines(): Iterable<string> {
    return this.#lines
  }

  /** Adds a record by its line. Returns its row, if it has one of its own. */
  add(line: string, record: TapRecord = JSON.parse(line)): Entry | undefined {
    this.#keep(line, record)
    switch (record.kind) {
      case 'delivered':
      case 'acknowledged':
        this.#move(record.kind, laneOf(record.receiver), record.stream === true, record.seqs, record.at)
        return undefined
      case 'response': {
        const entry = this.#byRequest.get(record.request)
        const way = entry?.ways[0]
        if (!entry || !way) return undefined
        entry.response = line
        entry.code = record.error?.code
        way.handledAt = record.at
        this.#byRequest.delete(record.request)
        this.meter.latency(record.at - entry.at)
        return undefined
      }
    }
    const entry = entryOf(record, line, this.#next)
    if (!entry) return undefined
    this.#next += 1
    this.entries.push(entry)
    this.#index(entry)
    while (this.entries.length > this.#bounds.entries) this.#drop()
    return entry
  }

  /** Whether this row is kept. */
  has(entry: Entry): boolean {
    const first = this.entries.at(0)
    return first !== undefined && entry.id >= first.id
  }

  /** The row of an event. */
  bySeq(seq: number): Entry | undefined {
    return this.#bySeq.get(seq)
  }

  /** Forgets everything but who there is. */
  clear(): void {
    this.entries.clear()
    this.refusals.clear()
    this.meter.clear()
    this.#lines.clear()
    this.#bySeq.clear()
    this.#byRequest.clear()
    this.#bytes = 0
    this.#startedAt = 0
    this.lost = 0
    this.dropped = 0
  }

  /** A page is there, or was. */
  meet(lane: LaneKey): void {
    if (this.lanes.length < LANES && !this.lanes.includes(lane)) this.lanes.push(lane)
  }

  #keep(line: string, record: TapRecord): void {
    this.#lines.push(line)
    this.#bytes += line.length
    if (this.#startedAt === 0) this.#startedAt = record.at
    while (this.#lines.length > this.#bounds.records || this.#bytes > this.#bounds.bytes) {
      const first = this.#lines.shift()
      if (first === undefined) return
      this.#bytes -= first.length
      this.#startedAt = atOf(this.#lines.at(0) ?? first) ?? this.#startedAt
      // A row keeps its line alive.
      if (this.entries.at(0)?.line === first) this.#drop()
    }
  }

  #index(entry: Entry): void {
    this.meet(entry.lane)
    for (const { lane } of entry.ways) this.meet(lane)
    if (entry.component !== undefined && this.components.size < NAMES) this.components.add(entry.component)
    switch (entry.kind) {
      case 'event':
      case 'tick':
        this.meter.event()
        if (this.names.size < NAMES) this.names.add(entry.name)
        if (entry.seq !== undefined) this.#bySeq.set(entry.seq, entry)
        return
      case 'request':
        if (entry.request !== undefined) this.#byRequest.set(entry.request, entry)
        return
      case 'refused':
        this.meter.refusal()
        this.refusals.push(entry)
        if (this.refusals.length > REFUSALS) this.refusals.shift()
        return
      case 'lost':
        this.lost += entry.count ?? 0
    }
  }

  #move(kind: 'delivered' | 'acknowledged', lane: LaneKey, stream: boolean, seqs: readonly number[], at: number): void {
    for (const seq of seqs) {
      const entry = this.#bySeq.get(seq)
      if (!entry) continue
      let way = entry.ways.find((own) => own.lane === lane && own.stream === stream)
      if (!way) {
        // It was kept for a page that has come since.
        way = wayOf(lane, stream, [], true)
        entry.ways.push(way)
        this.meet(lane)
      }
      if (kind === 'delivered') way.deliveredAt ??= at
      // The host has no acknowledgement: it has taken what it was given.
      if (kind === 'acknowledged' || lane === 'host') {
        if (way.handledAt === undefined) this.meter.latency(at - entry.at)
        way.handledAt ??= at
      }
    }
  }

  #drop(): void {
    const entry = this.entries.shift()
    if (!entry) return
    this.dropped += 1
    if (entry.seq !== undefined) this.#bySeq.delete(entry.seq)
    if (entry.request !== undefined) this.#byRequest.delete(entry.request)
  }
}

/** The time of a record, which its line begins with. */
function atOf(line: string): number | undefined {
  const found = /^\{"at":([\d.]+)/.exec(line)?.[1]
  return found === undefined ? undefined : Number(found)
}
