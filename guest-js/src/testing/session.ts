import { type Batch, type Extras, type Head, type PulledGap, type PulledOther, sourceOf } from '../core/batch.js'
import { EventBusError } from '../core/error.js'
import type { Endpoint } from '../types/endpoint.js'
import type { Gap } from '../types/gap.js'
import type { Handled } from '../types/outcome.js'
import type { Target } from '../types/target.js'
import type { TestAppTasks } from './app-tasks.js'
import { cloneOf } from './clone.js'
import type { AttachArguments, NewEvent } from './contract.js'
import type { ToldOutcome } from './outcomes.js'
import { readPayload } from './payload.js'
import type { CallerEntry, PageResponse, ResponderKind } from './requests.js'
import { errorOf } from './results.js'
import type { StreamConsumer } from './streams.js'
import { isForAll } from './target.js'

/** How long a request waits for a page that is still starting, in milliseconds, as with the host. */
export const GRACE_MS = 3_000

/** An event that was accepted. */
export interface AcceptedEvent {
  event: string
  payload: unknown
  seq: number
  timestamp: number
  source: Endpoint
  to: Target | undefined
  /** The webviews that do not receive it. */
  except: Target | undefined
  retain: boolean
  /** When it counts no more, in milliseconds since the Unix epoch. */
  expiresAt: number | undefined
  /** What few events have. */
  extras: Pick<Extras, 'tick' | 'component' | 'causes' | 'traceparent' | 'consume' | 'retained'>
}

/** An event as it is accepted. */
export function acceptedOf(
  {
    event,
    payload,
    to,
    except,
    retain = false,
    accepted,
    until,
    expiresMs,
    expiresAt = expiresMs === undefined ? undefined : Date.now() + expiresMs,
    component,
    causes = [],
    traceparent,
  }: NewEvent,
  seq: number,
  source: Endpoint,
  tick: Extras['tick'],
): AcceptedEvent {
  return {
    event,
    payload: readPayload(payload),
    seq,
    timestamp: Date.now(),
    source,
    to: isForAll(to) ? undefined : to,
    except,
    retain,
    expiresAt,
    extras: {
      ...(tick && { tick }),
      ...(component !== undefined && { component }),
      ...(causes.length > 0 && { causes: [...causes] }),
      ...(traceparent !== undefined && { traceparent }),
      ...(until === 'consumed' && { consume: true }),
      ...(accepted === 'before' && { retained: true }),
    },
  }
}

/** A subscription of the page under test. */
export interface TestSubscription {
  readonly matches: (name: string) => boolean
  /** Whether it receives only what is sent to this page. */
  readonly isNarrowed: boolean
  /** Whether only the newest event of a name waits for it. */
  readonly isLatest: boolean
  /** Unless `false`, it receives what was retained before it. */
  readonly retained: boolean | undefined
}

/** Whether a subscription is for an event of this name and target. */
export function isMeant(
  { matches, isNarrowed }: TestSubscription,
  { event, to }: Pick<AcceptedEvent, 'event' | 'to'>,
): boolean {
  return matches(event) && !(isNarrowed && isForAll(to))
}

/** The arguments of a pull. */
export interface PullArguments {
  session: string
  ack: number
  ahead?: boolean
  /** The responses and outcomes that it carries. */
  carried?: (PageResponse | CallerEntry | ToldOutcome)[]
}

/** Whether an event counts no more. */
export function hasExpired({ expiresAt }: AcceptedEvent): boolean {
  return expiresAt !== undefined && Date.now() >= expiresAt
}

/** The gap that stands for an expired event. */
export function expiredGap({ seq }: AcceptedEvent): Gap {
  return { from: seq, to: seq, count: 1, atMost: false, reason: 'expired' }
}

interface Item {
  index: number
  readonly event?: AcceptedEvent
  readonly ids: number[]
  /** Anything but an event or a gap. */
  readonly request?: Exclude<PulledOther, PulledGap>
  readonly extras?: Extras
  readonly gap?: Gap
  /** Whether the next event of its name takes its place. */
  readonly isNewest?: boolean
}

/** A session of the page under test, as the host keeps it. */
export class TestSession {
  /** When it began, in milliseconds since the Unix epoch. */
  readonly since = Date.now()
  readonly subscriptions = new Map<number, TestSubscription>()
  /** The names that the page responds to. */
  readonly names = new Map<string, ResponderKind>()
  /** The requests of the page that wait for their responses, by the page's own ids. */
  readonly requests = new Map<number, string>()
  /** The streams that it receives, by its own ids. */
  readonly streams = new Set<number>()
  /** What ends the following of tasks, by the ids of the streams. */
  readonly following = new Map<number, () => void>()
  /** Whether its pull is held although nothing may come. */
  keepsPull = false
  /** How many of its events it waits for. */
  awaited = 0
  private n = 0
  private recorded: unknown = null
  private index = 0
  /** The index of the last item that was given. */
  private given = 0
  /** The index of the newest item that was ever given. */
  private newest = 0
  /** What the page has not acknowledged. */
  private queue: Item[] = []
  private waiting: ((reply: Batch) => void) | null = null

  constructor(
    readonly id: string,
    /** An entry left the queue without being delivered. */
    private readonly dropped: (seq: number) => void = () => {},
  ) {}

  /** Whether the page has handled everything that was for it. */
  get isIdle(): boolean {
    return !this.isListening || this.queue.length === 0
  }

  /** Whether the page may receive something, so that it pulls. */
  private get isListening(): boolean {
    return this.keepsPull || this.awaited > 0 || this.subscriptions.size + this.names.size + this.streams.size > 0
  }

  /** Runs a command once. One that was sent again gets the recorded reply. */
  runOnce(n: number, run: () => unknown): unknown {
    if (n !== this.n) {
      this.n = n
      this.recorded = run()
    }
    return this.recorded
  }

  idsOf(isMeant: (subscription: TestSubscription) => boolean): number[] {
    return [...this.subscriptions].filter(([, subscription]) => isMeant(subscription)).map(([id]) => id)
  }

  push(item: Omit<Item, 'index'>): void {
    this.index += 1
    this.queue.push({ ...item, index: this.index })
    this.give()
  }

  /** Those of these subscriptions that receive this event in any case, and those that receive only the newest of its name. */
  private lanesOf({ extras }: AcceptedEvent, ids: readonly number[]): [all: number[], newest: number[]] {
    // One that is kept until it is consumed replaces none, and is replaced by none.
    const isLatest = (id: number) => !extras.consume && this.subscriptions.get(id)?.isLatest === true
    return [ids.filter((id) => !isLatest(id)), ids.filter(isLatest)]
  }

  /** As how many items an event is queued for these subscriptions. */
  countItems(event: AcceptedEvent, ids: readonly number[]): number {
    return this.lanesOf(event, ids).filter(({ length }) => length > 0).length
  }

  /** Queues an event for these subscriptions: every event for some, and only the newest of its name for the others. */
  pushEvent(event: AcceptedEvent, ids: readonly number[], extras: Extras): void {
    const [all, newest] = this.lanesOf(event, ids)
    if (all.length > 0) this.push({ event, ids: all, extras })
    if (newest.length === 0) return
    const isReplaced = (item: Item) =>
      item.isNewest && item.index > this.given && item.event?.event === event.event && `${item.ids}` === `${newest}`
    const old = this.queue.find(isReplaced)
    if (old) {
      this.remove(old)
      this.noteDropped(old)
    }
    const superseded = old && { superseded: (old.extras?.superseded ?? 0) + 1 }
    this.push({ event, ids: newest, extras: { ...extras, ...superseded }, isNewest: true })
  }

  /** Queues what came before a subscription: what is retained, and what is replayed, some of it once more. */
  catchUp(
    id: number,
    kept: readonly AcceptedEvent[],
    replayed: readonly AcceptedEvent[],
    redelivered: ReadonlySet<AcceptedEvent>,
  ): void {
    const all = [...new Set([...kept, ...replayed])]
    for (const before of all.sort((a, b) => a.seq - b.seq)) {
      const isReplayed = replayed.includes(before)
      if (!hasExpired(before)) {
        this.pushEvent(before, [id], {
          ...before.extras,
          ...(kept.includes(before) && { retained: true }),
          ...(isReplayed && { replayed: true }),
          ...(redelivered.has(before) && { redelivered: true }),
        })
      } else if (isReplayed) {
        this.push({ ids: [id], gap: expiredGap(before) })
      }
    }
  }

  /** Its pull is held although nothing may come. */
  holding<Reply>(reply: Reply): Reply {
    this.keepsPull = true
    return reply
  }

  unsubscribe(ids: readonly number[]): null {
    for (const id of ids) this.subscriptions.delete(id)
    this.give()
    return null
  }

  private noteDropped({ event, extras }: Item): void {
    if (event && extras?.outcome) this.dropped(event.seq)
  }

  /** Tells the page what became of its event. */
  pushOutcomes(id: number, outcomes: Omit<Handled, 'receipt'>): void {
    this.awaited -= 1
    this.push({ ids: [], request: { outcome: id, ...outcomes } })
  }

  /** Takes an item out that was not given. The later ones move up. */
  private remove(item: Item): void {
    this.queue = this.queue.filter((one) => one !== item)
    for (const later of this.queue) if (later.index > item.index) later.index -= 1
    this.index -= 1
  }

  /** Replies to the pull that waits, if there is one and something for it. */
  give(): void {
    const { waiting, given } = this
    if (waiting) {
      // What is given comes again as it was.
      this.queue = this.queue.map((item) => {
        const { index, event, ids } = item
        if (!event || index <= this.newest || !hasExpired(event)) return item
        this.noteDropped(item)
        return { index, ids, gap: expiredGap(event) }
      })
    }
    const due = this.queue.filter(({ index }) => index > given)
    if (!waiting || (due.length === 0 && this.isListening)) return
    this.waiting = null
    this.given = this.index
    this.newest = this.index
    waiting(batchOf(due))
  }

  pull({ session, ack, ahead }: PullArguments): Promise<Batch> {
    if (session !== this.id) {
      throw new EventBusError('stale_session', `the session "${session}" has ended; this page has "${this.id}"`)
    }
    this.queue = this.queue.filter(({ index }) => index > ack)
    return new Promise((resolve) => {
      if (ahead) {
        resolve(batchOf([]))
        return
      }
      this.waiting?.(batchOf([]))
      this.given = ack
      this.waiting = resolve
      this.give()
    })
  }

  /** Who receives the stream that the page has requested under this number. */
  consumerOf(stream: number): StreamConsumer {
    let hasLeft = false
    return {
      part: (part, due) => this.push({ ids: [], request: { stream, parts: [part], ...(due && { due }) } }),
      end: (end) => {
        this.requests.delete(stream)
        this.streams.delete(stream)
        this.following.delete(stream)
        const outcome = 'error' in end ? { error: errorOf(end.error) } : end
        if (hasLeft) this.give()
        else this.push({ ids: [], request: { stream, ...outcome } })
      },
      note: (note) => this.push({ ids: [], request: { stream, ...note } }),
      withdraw: () => {
        hasLeft = true
        const isWaiting = ({ index, request }: Item) =>
          index > this.given && request && 'stream' in request && request.stream === stream
        for (const item of this.queue.filter(isWaiting)) this.remove(item)
      },
    }
  }

  /** Follows a task by the stream of this number. */
  followTask({ id, name, key }: AttachArguments, tasks: TestAppTasks): Record<string, never> {
    this.following.set(id, tasks.attach(name, key, this.consumerOf(id)))
    this.streams.add(id)
    return {}
  }

  /** Follows a task no longer; false if this is another stream. */
  leaveTask(stream: number): boolean {
    const leave = this.following.get(stream)
    leave?.()
    this.following.delete(stream)
    if (leave) this.streams.delete(stream)
    return leave !== undefined
  }

  /** Takes back a request that the page has not been given; false if it has. */
  withdraw(id: string): boolean {
    const item = this.queue.find(({ request }) => request && 'request' in request && request.request === id)
    if (!item || item.index <= this.given) return false
    this.remove(item)
    return true
  }
}

function batchOf(items: Item[]): Batch {
  const heads: Head[] = []
  let before = { seq: 0, micros: 0 }
  const written = items.map(({ event, ids, extras, gap, request }): Batch['items'][number] => {
    if (request) return request
    if (!event) return { ...(gap as Gap), subscriptions: ids }
    const source = sourceOf(event.source)
    const head = heads.push([event.event, source, ids]) - 1
    const micros = Math.round(event.timestamp * 1000)
    const differences = [head, event.seq - before.seq, micros - before.micros] as const
    before = { seq: event.seq, micros }
    // A handler that changes its payload must not affect other handlers.
    return [...differences, cloneOf(event.payload), extras]
  })
  return { items: written, heads, first: items[0]?.index ?? 0, more: false }
}
