import { type Batch, countOf, type Extras, type Head, type PulledOther, type Run } from '../core/batch.js'
import { EventBusError } from '../core/error.js'
import { addLost } from '../core/lost.js'
import { report } from '../core/report.js'
import type { Gap } from '../types/gap.js'
import type { ToMember } from './messages.js'
import { weigh } from './weight.js'

/** How many batches of a member are in flight, and how many events one has. */
const MAX_BATCHES = 4
const MAX_EVENTS = 512

/** How many events may wait for a member, as many as for a page, and about how much of them. */
const MAX_WAITING = 65_536
const MAX_WEIGHT = 16_777_216

/** How long a batch may take, in milliseconds. */
export const PATIENCE_MS = 60_000

/** An event on its way to a member. */
interface WaitingEvent {
  readonly head: Head
  readonly payload: unknown
  readonly seq: number
  readonly micros: number
  readonly extras: Extras | undefined
  /** The subscriptions of the member that it is for. */
  readonly ids: number[]
  readonly weight: number
  /** Another one has taken its place. */
  isSuperseded?: boolean
}

/** A run on its way to a member, as the text that it came as. */
interface WaitingText {
  readonly head: Head
  readonly text: string
  /** The number of its first event, and the time of the event before it. */
  readonly seq: number
  readonly micros: number
  readonly events: number
  /** How long after `micros` its last event was accepted. */
  readonly span: number
  readonly ids: number[]
}

type Waiting = WaitingEvent | WaitingText | PulledOther

/** What a feed needs of its member. */
export interface Fed {
  post(message: ToMember, transfer: Transferable[]): void
  /** An event was dropped that the host keeps until it is consumed. */
  lost(seq: number): void
  /** The member takes nothing. */
  stalled(): void
}

/** Brings events and other items to a member: in batches, a few at a time, and with gaps where it is too slow. */
export class Feed {
  /** What has not been posted. What was before `next` has been. */
  private waiting: Waiting[] = []
  private next = 0
  private events = 0
  private weight = 0
  /** The gaps of subscriptions whose events were dropped. */
  private readonly gaps = new Map<number, Gap>()
  private newest: WaitingEvent | undefined
  private newestText: WaitingText | undefined
  /** What waits for subscriptions to the newest event only, by subscription and name. */
  private readonly latest = new Map<string, WaitingEvent>()
  private superseded = 0
  private index = 0
  private sent = 0
  private handled = 0
  private takenAt = 0
  private timer: ReturnType<typeof setTimeout> | undefined
  private isScheduled = false

  constructor(private readonly member: Fed) {}

  /** Adds an event for a subscription. The dispatch brings it for one subscription after the other. */
  pass(id: number, head: Head, payload: unknown, seq: number, micros: number, extras: Extras | undefined): void {
    const { newest } = this
    if (newest && newest.seq === seq && newest.head === head && newest.payload === payload) {
      newest.ids.push(id)
      return
    }
    const weight = weigh(payload)
    this.makeRoom(1, weight)
    this.newestText = undefined
    this.newest = { head, payload, seq, micros, extras, ids: [id], weight }
    this.waiting.push(this.newest)
    this.events += 1
    this.weight += weight
    // Within the time that the page's dispatch has, so that a flood leaves the page its turns.
    if (this.events >= MAX_EVENTS && this.sent - this.handled < MAX_BATCHES) this.flush()
    else this.schedule()
  }

  /** Adds a run for a subscription. */
  passText(id: number, head: Head, text: string, seq: number, micros: number, events: number, span: number): void {
    const { newestText } = this
    if (newestText && newestText.seq === seq && newestText.text === text) {
      newestText.ids.push(id)
      return
    }
    this.makeRoom(events, text.length)
    this.newest = undefined
    this.newestText = { head, text, seq, micros, events, span, ids: [id] }
    this.waiting.push(this.newestText)
    this.events += events
    this.weight += text.length
    this.schedule()
  }

  private makeRoom(events: number, weight: number): void {
    while (this.events > 0 && (this.events + events > MAX_WAITING || this.weight + weight > MAX_WEIGHT)) {
      this.dropOldest(this.events + events - MAX_WAITING)
    }
  }

  /** Adds an event for a subscription that only the newest one of a name waits for. */
  passLatest(id: number, head: Head, payload: unknown, seq: number, micros: number, extras: Extras | undefined): void {
    // An event that is kept until it is consumed replaces none, and is replaced by none.
    if (extras?.consume) {
      this.newest = undefined
      this.pass(id, head, payload, seq, micros, extras)
      this.newest = undefined
      return
    }
    const key = `${id} ${head[0]}`
    const before = this.latest.get(key)
    const superseded = before && (before.extras?.superseded ?? 0) + 1 + (extras?.superseded ?? 0)
    if (before) {
      before.isSuperseded = true
      this.events -= 1
      this.weight -= before.weight
      this.superseded += 1
      if (this.superseded > MAX_EVENTS) this.dropSuperseded()
    }
    this.newest = undefined
    this.pass(id, head, payload, seq, micros, superseded === undefined ? extras : { ...extras, superseded })
    if (this.newest) this.latest.set(key, this.newest)
    this.newest = undefined
  }

  /** Superseded events hold their payloads, and count for nothing. */
  private dropSuperseded(): void {
    this.waiting = this.waiting.slice(this.next).filter((item) => !('isSuperseded' in item))
    this.next = 0
    this.superseded = 0
  }

  /** Adds anything but an event. */
  add(item: PulledOther): void {
    this.newest = undefined
    this.newestText = undefined
    this.waiting.push(item)
    this.schedule()
  }

  /** The member has handled a batch. */
  done(number: number): void {
    if (!(number > this.handled && number <= this.sent)) return
    this.handled = number
    this.takenAt = performance.now()
    this.flush()
  }

  /** The member is there, and has not handled a batch yet. */
  busy(): void {
    this.takenAt = performance.now()
  }

  /** The member begins anew. */
  clear(): void {
    this.waiting = []
    this.next = 0
    this.events = 0
    this.weight = 0
    this.superseded = 0
    this.index = 0
    this.handled = this.sent
    this.newest = undefined
    this.newestText = undefined
    this.latest.clear()
    this.gaps.clear()
    clearTimeout(this.timer)
    this.timer = undefined
  }

  private schedule(): void {
    if (this.isScheduled) return
    this.isScheduled = true
    void Promise.resolve().then(() => {
      this.isScheduled = false
      this.flush()
    })
  }

  private flush(): void {
    while (this.sent - this.handled < MAX_BATCHES && (this.next < this.waiting.length || this.gaps.size > 0)) {
      const transfer = new Set<ArrayBuffer>()
      const gaps = new Map(this.gaps)
      const { batch, texts, taken } = this.takeBatch(transfer)
      if (this.sent === this.handled) this.takenAt = performance.now()
      try {
        this.member.post({ batch, number: this.sent + 1, ...(texts.length > 0 && { texts }) }, [...transfer])
        this.sent += 1
      } catch (cause) {
        const text = `events from "${batch.heads[0]?.[0]}" on are lost to a worker or frame: ${cause}`
        report(new EventBusError('invalid_payload', text, { cause }))
        this.index = batch.first - 1
        this.giveUp(taken, gaps)
      }
    }
    this.watch()
  }

  /** Makes gaps of all events of a batch that cannot be posted, since a handler of the page has changed one of them. */
  private giveUp(taken: readonly Waiting[], gaps: ReadonlyMap<number, Gap>): void {
    for (const [id, gap] of gaps) this.gaps.set(id, gap)
    const others = taken.filter((item) => !('head' in item))
    for (const item of taken) if ('head' in item && !('isSuperseded' in item)) this.lose(item)
    // Where no event was the reason, one of the others was.
    const kept = others.length < taken.length ? others : []
    this.waiting = [...kept, ...this.waiting.slice(this.next)]
    this.next = 0
  }

  private watch(): void {
    if (this.timer !== undefined || this.sent === this.handled) return
    this.timer = setTimeout(
      () => {
        this.timer = undefined
        if (this.sent > this.handled && performance.now() - this.takenAt >= PATIENCE_MS) this.member.stalled()
        else this.watch()
      },
      Math.max(this.takenAt + PATIENCE_MS - performance.now(), 1),
    )
    // A test in Node.js ends, whatever waits.
    ;(this.timer as { unref?(): void }).unref?.()
  }

  private takeBatch(transfer: Set<ArrayBuffer>): { batch: Batch; texts: [number, string][]; taken: Waiting[] } {
    const begin = this.next
    const heads: Head[] = []
    const items: Batch['items'] = []
    const texts: [item: number, text: string][] = []
    const first = this.index + 1
    for (const [id, gap] of this.gaps) items.push({ ...gap, subscriptions: [id] })
    this.index += this.gaps.size
    this.gaps.clear()
    this.newest = undefined
    let before: WaitingEvent | undefined
    let run: unknown[] = []
    let taken = 0
    this.newestText = undefined
    this.latest.clear()
    const close = () => {
      if (before?.extras) run.push(before.extras)
      before = undefined
    }
    let seq = 0
    let micros = 0
    for (; this.next < this.waiting.length && taken < MAX_EVENTS; this.next += 1) {
      const item = this.waiting[this.next] as Waiting
      taken += 'text' in item ? item.events : 1
      if (!('head' in item)) {
        close()
        items.push(item)
        this.index += countOf(item)
        continue
      }
      if ('text' in item) {
        close()
        const { head, ids, events, text } = item
        const place = heads.push([head[0], head[1], ids]) - 1
        // The rest of it is in the text.
        texts.push([items.push([place, item.seq - seq, item.micros - micros, null]) - 1, text])
        seq = item.seq + events - 1
        micros = item.micros + item.span
        this.index += events
        this.events -= events
        this.weight -= text.length
        continue
      }
      if (item.isSuperseded) {
        this.superseded -= 1
        continue
      }
      const { head } = item
      const isNext = before && before.head === head && item.seq === seq + 1 && before.extras === item.extras
      if (isNext && isSame(before?.ids, item.ids)) {
        run.push(item.micros - micros, item.payload)
      } else {
        close()
        const place = heads.push([head[0], head[1], item.ids.length === 1 ? (item.ids[0] as number) : item.ids]) - 1
        run = [place, item.seq - seq, item.micros - micros, item.payload]
        items.push(run as unknown as Run)
      }
      before = item
      seq = item.seq
      micros = item.micros
      this.index += 1
      this.events -= 1
      this.weight -= item.weight
      // Nothing else in the page has the payload if all of its subscriptions are here.
      const receivers = typeof head[2] === 'number' ? 1 : head[2].length
      if (item.ids.length === receivers) weigh(item.payload, transfer)
    }
    close()
    const all = this.waiting.slice(begin, this.next)
    this.compact()
    return { batch: { first, more: false, heads, items }, texts, taken: all }
  }

  private compact(): void {
    if (this.next < this.waiting.length && this.next < MAX_WAITING) return
    this.waiting = this.waiting.slice(this.next)
    this.next = 0
  }

  /** Replaces a run that waits by its events. */
  private open(place: number, text: WaitingText): void {
    const events = eventsOf(text)
    this.weight += events.reduce((sum, { weight }) => sum + weight, -text.text.length)
    if (this.newestText === text) this.newestText = undefined
    this.waiting = [...this.waiting.slice(0, place), ...events, ...this.waiting.slice(place + 1)]
  }

  /** Drops the oldest event that waits, or a run of no more than `most`. What is no event stays, in its order. */
  private dropOldest(most: number): void {
    let place = this.next
    while (!('head' in (this.waiting[place] as object)) || (this.waiting[place] as WaitingEvent).isSuperseded) {
      place += 1
    }
    const oldest = this.waiting[place] as WaitingEvent | WaitingText
    if ('text' in oldest && oldest.events > most) this.open(place, oldest)
    const { waiting } = this
    const dropped = waiting[place] as WaitingEvent | WaitingText
    for (; place > this.next; place -= 1) waiting[place] = waiting[place - 1] as PulledOther
    waiting[place] = NOTHING
    this.next += 1
    this.compact()
    if (this.newest === dropped) this.newest = undefined
    if (this.newestText === dropped) this.newestText = undefined
    this.events -= 'text' in dropped ? dropped.events : 1
    this.weight -= 'text' in dropped ? dropped.text.length : dropped.weight
    this.lose(dropped)
  }

  /** Notes the gaps of an event, or of a run. */
  private lose(dropped: WaitingEvent | WaitingText): void {
    const isText = 'text' in dropped
    const { seq, head, ids } = dropped
    const count = isText ? dropped.events : 1
    if (!isText && dropped.extras?.consume) this.member.lost(seq)
    // Of a run, all but the last.
    const others = isText ? count - 1 : dropped.extras?.superseded
    for (const id of ids) {
      this.latest.delete(`${id} ${head[0]}`)
      this.gaps.set(id, addLost(this.gaps.get(id), seq + count - 1, others))
    }
  }
}

/** The events of a run that waits. */
function eventsOf({ head, text, seq, micros, ids }: WaitingText): WaitingEvent[] {
  const run = JSON.parse(text) as Run
  const end = run.length - (run.length % 2)
  const extras = run[end] as Extras | undefined
  const events: WaitingEvent[] = []
  let at = micros
  for (let place = 2; place < end; place += 2) {
    const payload = run[place + 1]
    at += run[place] as number
    events.push({ head, payload, seq: seq + events.length, micros: at, extras, ids, weight: weigh(payload) })
  }
  return events
}

/** Where something was. */
const NOTHING = { ended: '', code: '' }

function isSame(one: readonly number[] | undefined, other: readonly number[]): boolean {
  return one?.length === other.length && one.every((id, place) => id === other[place])
}
