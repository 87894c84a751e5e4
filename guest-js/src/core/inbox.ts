import type { BusEvent, EventSource, Gap } from '../types/event.js'
import type { Target } from '../types/target.js'
import {
  type Batch,
  type Extras,
  type Head,
  type PulledEnding,
  type PulledGap,
  type PulledQuestion,
  type Run,
  readBatch,
} from './batch.js'
import { CommandQueue, type Entry, RETRY_AFTER, type Renewal, run, type StateCommand } from './commands.js'
import { EventBusError, report, toEventBusError } from './error.js'
import { type Cause, existingInbox, INBOX } from './realm.js'
import { ReceivedEvent } from './received.js'
import type { Conversing } from './requests/channel.js'

/** Changes whenever a copy of this package could not use the inbox that another one made. */
export const INBOX_VERSION = 2

/** How many more pulls are on their way while the host has more than one answer holds: the way takes longer than they do. */
const READ_AHEAD = 3

/** How long handlers run before the page gets its turn, in milliseconds. */
const LONGEST_DISPATCH = 8

/** How long a page works on one answer before it tells the host how far it is, in milliseconds. */
const WORD_EVERY = 5_000

/** For how many microtasks a pull waits for the answers of responders that have just been called. */
const ANSWER_TURNS = 4

/** After how many events the clock is read, while they are quick. */
const CLOCK_EVERY = 16

/** What one subscription does with what arrives. */
export interface Subscriber {
  readonly event: string
  readonly target: Target | undefined
  /** Whether it gets what came before this page subscribed, as far as the host keeps it. */
  readonly replay: boolean
  /** Whether it gets retained events. */
  readonly retained: boolean
  /** Receives an event; may throw or return a promise that rejects. */
  deliver(event: BusEvent<unknown>): unknown
  /** Receives a gap, if it looks for them. */
  readonly gap: ((gap: Gap) => unknown) | undefined
  /** The host has accepted it. */
  accepted(): void
  /** Nothing follows any more. `error` tells why, unless the page ended it. */
  ended(error?: EventBusError): void
}

/** What the copies of this package in one realm share: a session, its subscriptions, its outgoing commands. */
export interface Inbox {
  readonly version: number
  /** What is being handled, an event or a question, which causes what its handler emits and asks. */
  readonly cause?: Cause | null
  /** The states in use that components share, by name. */
  readonly states?: Map<string, unknown>
  /** Subscribes and returns what ends it. */
  subscribe(subscriber: Subscriber): () => void
  /** Ends every subscription of exactly this name or pattern and returns how many there were. */
  unlisten(event: string): number
  /** Writes to the console that listeners of a name or pattern have lost events, once. */
  warn(gap: Gap, event: string): void
  /** Sends a command that changes state, in the order of the calls. `size` is the payload's, in characters. */
  send(command: StateCommand, value: unknown, size: number): Promise<unknown>
  /** What this page asks and is asked, made at its first use. */
  converse<Made extends Conversing>(make: (queue: CommandQueue, pull: () => void) => Made): Made
}

/** The inbox of this realm, made at its first use. Throws where there is none to be had. */
export function openInbox(): Inbox {
  if (typeof window === 'undefined') {
    throw new EventBusError('unavailable', 'there is no Tauri here: this is no page (a worker or a server, perhaps)')
  }
  if (window.top && window.top !== window) {
    throw new EventBusError(
      'denied',
      'only the top frame of a webview may use the event bus: let the page around this iframe pass events on',
    )
  }
  if (!('__TAURI_INTERNALS__' in window)) {
    throw new EventBusError('unavailable', 'there is no Tauri here: this page runs outside of a Tauri webview')
  }
  const inbox = existingInbox() ?? new PageInbox()
  if (inbox.version !== INBOX_VERSION) {
    throw new EventBusError(
      'unavailable',
      `this page has loaded two versions of tauri-plugin-event-bus-api: its inbox is version ${inbox.version} ` +
        `and this copy needs version ${INBOX_VERSION}`,
    )
  }
  // A page must not replace it by accident, so it is neither writable nor listed.
  if (!existingInbox()) Object.defineProperty(globalThis, INBOX, { value: inbox, configurable: true })
  return inbox
}

interface Subscription {
  readonly id: number
  readonly subscriber: Subscriber
  /** The call that subscribes, until it is answered. */
  call: Entry | null
  /** The sequence number after which it receives live events; infinite until the host has said it. */
  since: number
  /** The sequence number up to which it has what the host replays; `null` where nothing is known to be on its way. */
  replayed: number | null
  /** The id of the session in which the host last accepted it; empty until it has. */
  session: string
  /** The highest sequence number of the events that it was handed. */
  last: number
  /** The sequence number of the first live event that it was handed: from there to `last` it has had what was due. */
  live: number
  /** The sequence numbers before `live` that it was handed. */
  readonly earlier: Set<number>
}

/** Where a subscription goes on in a new session. */
interface Resumption {
  /** The session in which it was last accepted. */
  session: string
  /** The sequence number up to which it has everything, or was told of a gap. */
  after: number
  /** The highest sequence number of the events that it was handed. */
  handled: number
}

/** A pull that was sent. */
interface Pull {
  readonly ack: number
  /** Whether it asks for what follows on the answer before, instead of what follows on `ack`. */
  readonly isAhead: boolean
  /** The answers to questions that it carries. */
  readonly replies: readonly object[]
  readonly answer: Promise<Batch>
}

/** How far a batch has been read. */
interface Reading {
  readonly batch: Batch
  /** The place of the item that is next. */
  item: number
  /** The place in it of the event that is next, where it is a run that has been begun. */
  place: number
  /** The index of what was last read. */
  index: number
  /** The sequence number of the event that was last read. */
  seq: number
  /** Its time in microseconds. */
  micros: number
}

/** Handlers run until the page gets its turn. */
interface Turn {
  /** The index of what was handled before. */
  readonly began: number
  /** When it ends, as `performance.now()` tells it. */
  readonly endsAt: number
}

/** Where the first event of a run stands. */
const FIRST_EVENT = 2

/** The pulls of one session. */
interface Pulls {
  readonly session: string
  /** The last index whose handlers have returned. */
  handled: number
  /** The last index that the host knows of. */
  acknowledged: number
}

class PageInbox implements Inbox {
  readonly version = INBOX_VERSION
  readonly states = new Map<string, unknown>()
  cause: Cause | null = null
  private readonly queue = new CommandQueue(() => this.beginAgain())
  private conversations: Conversing | null = null
  private readonly subscriptions = new Map<number, Subscription>()
  private lastId = 0
  private pulls: Pulls = { session: this.queue.session, handled: 0, acknowledged: 0 }
  /** The loop that has a pull in flight. */
  private loop: object | null = null
  /** The sequence number up to which every live event has arrived or is known to be lost. */
  private seen = 0
  /** What the host has accepted since the pull in flight was sent. */
  private readonly acceptedMeanwhile = new Set<Subscription>()
  private failing = false
  private reportedDenial = false
  /** The names and patterns whose losses were warned of. */
  private readonly warned = new Set<string>()
  /** Whether handlers have taken longer than they may, so that the clock is read after each of them. */
  private slow = false

  constructor() {
    // A page that comes back out of the back/forward cache may have lost the answers it was waiting for.
    if (typeof addEventListener !== 'function') return
    addEventListener('pageshow', (event) => {
      if (!event.persisted) return
      this.loop = null
      this.conversations?.forget()
      this.queue.repeat()
      this.pull()
    })
  }

  subscribe(subscriber: Subscriber): () => void {
    this.lastId += 1
    const id = this.lastId
    const subscription: Subscription = {
      id,
      subscriber,
      call: null,
      since: Number.POSITIVE_INFINITY,
      replayed: null,
      session: '',
      last: 0,
      live: Number.POSITIVE_INFINITY,
      earlier: new Set(),
    }
    subscription.call = this.call(subscription)
    this.subscriptions.set(id, subscription)
    this.queue.push('subscribe', subscription.call)
    return () => this.end(subscription)
  }

  unlisten(event: string): number {
    const ending = [...this.subscriptions.values()].filter(({ subscriber }) => subscriber.event === event)
    for (const subscription of ending) this.end(subscription)
    return ending.length
  }

  send(command: StateCommand, value: unknown, size: number): Promise<unknown> {
    return new Promise((resolve, reject) => this.queue.push(command, { value, size, resolve, reject }))
  }

  converse<Made extends Conversing>(make: (queue: CommandQueue, pull: () => void) => Made): Made {
    this.conversations ??= make(this.queue, () => this.pull())
    return this.conversations as Made
  }

  private end(subscription: Subscription): void {
    if (!this.subscriptions.delete(subscription.id)) return
    if (!(subscription.call && this.queue.withdraw(subscription.call))) this.unsubscribe(subscription)
    subscription.subscriber.ended()
  }

  /** Whatever the host answers, the subscription has ended here, and what still arrives for it is passed over. */
  private unsubscribe({ id }: Subscription): void {
    this.queue.push('unsubscribe', { value: id, size: 0, resolve: () => {}, reject: () => {} })
  }

  /** `resume` is where a subscription goes on that an earlier session had. */
  private call(subscription: Subscription, resume?: Resumption): Entry {
    const { id, subscriber } = subscription
    const { event, target, replay, retained } = subscriber
    const value: Record<string, unknown> = { id, event }
    if (target !== undefined) value.target = target
    if (resume) value.resume = resume
    if (!replay) value.replay = false
    if (!retained) value.retained = false
    return {
      value,
      size: 0,
      resolve: (answer) => this.accept(subscription, (answer as { seq: number }).seq),
      reject: (error) => {
        if (resume && error.code === 'rate_limited') {
          // A page that renews its session begins all of its subscriptions again, which may be too fast for the host.
          const again = { command: 'subscribe' as const, entry: this.call(subscription, resume) }
          this.queue.renewLater(again, () => this.subscriptions.has(subscription.id), error.retryAfterMs)
          return
        }
        // Its promise was kept long ago, so nobody else hears of an acceptance that the host took back.
        if (!subscription.call) report(error)
        this.lose(subscription, error)
      },
    }
  }

  private accept(subscription: Subscription, seq: number): void {
    if (!this.subscriptions.has(subscription.id)) return
    subscription.since = seq
    subscription.session = this.queue.session
    this.acceptedMeanwhile.add(subscription)
    if (subscription.call) {
      subscription.call = null
      subscription.subscriber.accepted()
    }
    this.pull()
  }

  private lose(subscription: Subscription, error: EventBusError): void {
    if (!this.subscriptions.delete(subscription.id)) return
    subscription.subscriber.ended(error)
  }

  /** The calls with which a new session begins: all that was accepted in the one before. */
  private beginAgain(): Renewal[] {
    this.loop = null
    this.pulls = { session: this.queue.session, handled: 0, acknowledged: 0 }
    const accepted = [...this.subscriptions.values()].filter(({ call }) => call === null)
    const subscribed = accepted.map((subscription) => {
      const after = this.position(subscription)
      // Until the host accepts it again, what others receive says nothing of what this one has.
      subscription.since = Number.POSITIVE_INFINITY
      subscription.replayed = after
      const entry = this.call(subscription, { session: subscription.session, after, handled: subscription.last })
      return { command: 'subscribe' as const, entry }
    })
    return [...subscribed, ...(this.conversations?.beginAgain() ?? [])]
  }

  /**
   * The sequence number up to which a subscription has everything, or was told of a gap. What the host replays is
   * queued before the first live event after `since`, so until one has come, the replay may not be complete.
   */
  private position({ since, replayed }: Subscription): number {
    return this.seen > since ? this.seen : (replayed ?? since)
  }

  private get listening(): boolean {
    for (const { call } of this.subscriptions.values()) if (call === null) return true
    return this.conversations?.listening === true
  }

  private pull(): void {
    if (this.loop || this.queue.expired || !this.listening) return
    const loop = {}
    this.loop = loop
    void this.pullUntilRetired(loop, this.pulls)
  }

  /**
   * Keeps one pull in flight, and some more while the host has more than one answer holds. It ends with the last
   * subscription, after one more pull that acknowledges what was handled, or else the next page of this webview would
   * receive that again.
   */
  private async pullUntilRetired(loop: object, pulls: Pulls): Promise<void> {
    let ahead: Pull[] = []
    while (this.listening || ahead.length > 0 || pulls.handled > pulls.acknowledged) {
      const pull = ahead.shift() ?? this.ask(pulls, false)
      this.conversations?.flush()
      let batch: Batch | null = null
      let error: EventBusError | null = null
      try {
        batch = await pull.answer
      } catch (reason) {
        error = toEventBusError(reason, 'pull')
      }
      if (this.loop !== loop) return
      if (!batch) {
        ahead = []
        if (error?.code !== 'stale_session') this.conversations?.sendAgain(pull.replies)
        if (error && !(await this.recover(loop, error))) return
        continue
      }
      this.failing = false
      this.queue.settle()
      for (const refused of batch.refused ?? []) report(toEventBusError(refused))
      pulls.acknowledged = Math.max(pulls.acknowledged, pull.ack)
      const isEmpty = batch.items.length === 0
      if (!isEmpty && batch.first > pulls.handled + 1) {
        // It has overtaken the answer that it follows on. The next pull asks for both again.
        ahead = []
        continue
      }
      if (batch.more && !isEmpty) {
        while (ahead.length < READ_AHEAD) ahead.push(this.ask(pulls, true))
      }
      const reading: Reading = { batch, item: 0, place: FIRST_EVENT, index: batch.first - 1, seq: 0, micros: 0 }
      let heard = performance.now()
      if (ahead.length === 0) this.conversations?.hold()
      while (this.dispatch(pulls, reading)) {
        this.conversations?.flush()
        await nextTask()
        if (this.loop !== loop) return
        // The host takes a page for dead that it does not hear of, however busy the page is.
        if (performance.now() - heard > WORD_EVERY) {
          ahead.push(this.ask(pulls, true))
          heard = performance.now()
        }
      }
      if (isEmpty && !pull.isAhead) this.noteNothingDue()
      // Responders that have their answer, but for a microtask or two, find the pull still here.
      for (let turn = 0; turn < ANSWER_TURNS && this.conversations?.unsettled; turn += 1) await null
      if (this.loop !== loop) return this.conversations?.flush()
    }
    this.loop = null
    this.conversations?.flush()
  }

  private ask({ session, handled }: Pulls, isAhead: boolean): Pull {
    if (!isAhead) this.acceptedMeanwhile.clear()
    const replies = (!isAhead && this.conversations?.take()) || []
    const optional = { ...(isAhead && { ahead: true }), ...(replies.length > 0 && { replies }) }
    const answer = run('pull', { session, ack: handled, ...optional }).then(readBatch)
    // Whoever waits for it hears of its failure, and what was given up fails unheard.
    answer.catch(() => {})
    return { ack: handled, isAhead, replies, answer }
  }

  /** Deals with a failed pull; true if the loop is to go on. */
  private async recover(loop: object, error: EventBusError): Promise<boolean> {
    if (error.code === 'stale_session') {
      // Two inboxes of different versions in one webview end each other's sessions: not in a tight loop.
      if (this.queue.unsettled) await this.pause()
      if (this.loop !== loop) return false
      this.loop = null
      this.queue.expire()
      return false
    }
    if (error.code === 'denied') {
      this.loop = null
      if (!this.reportedDenial) report(error)
      this.reportedDenial = true
      for (const subscription of [...this.subscriptions.values()]) {
        if (subscription.call) continue
        this.unsubscribe(subscription)
        this.lose(subscription, error)
      }
      this.conversations?.lose(error)
      return false
    }
    if (!this.listening) {
      this.loop = null
      return false
    }
    if (!this.failing) report(error)
    this.failing = true
    await this.pause(error.retryAfterMs)
    return this.loop === loop
  }

  private pause(wait = RETRY_AFTER): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, wait))
  }

  /** An empty answer says that all has come which was queued when the pull was sent, replays included. */
  private noteNothingDue(): void {
    for (const subscription of this.subscriptions.values()) {
      const pulled = Number.isFinite(subscription.since) && !this.acceptedMeanwhile.has(subscription)
      if (pulled) subscription.replayed = null
    }
  }

  /**
   * Runs the handlers of a batch, from where it was read to, and returns whether it paused. Handlers that take their
   * time would else keep the page from drawing and from hearing its user.
   */
  private dispatch(pulls: Pulls, reading: Reading): boolean {
    const { items } = reading.batch
    const turn: Turn = { began: reading.index, endsAt: performance.now() + LONGEST_DISPATCH }
    let isOver = false
    while (reading.item < items.length && !isOver) {
      const item = items[reading.item] as Batch['items'][number]
      if (Array.isArray(item)) {
        isOver = this.deliverRun(item, pulls, reading, turn)
      } else {
        reading.item += 1
        reading.index += 1
        if (reading.index > pulls.handled) {
          this.deliverOther(item)
          pulls.handled = reading.index
        }
        isOver = this.isOver(turn, reading.index)
      }
    }
    return reading.item < items.length
  }

  /** Whether it is time to pause, as far as the clock is looked at. */
  private isOver({ began, endsAt }: Turn, index: number): boolean {
    const isDue = (index - began) % CLOCK_EVERY === 0
    if ((isDue || this.slow) && performance.now() > endsAt) {
      this.slow = true
      return true
    }
    if (isDue) this.slow = false
    return false
  }

  /**
   * Hands the events of a run to their subscriptions, and returns whether it is time to pause. Every event of a page
   * passes here, one step of one loop each: nothing is made that no handler sees, and an engine that compiles what runs
   * often has little to compile.
   */
  private deliverRun(run: Run, pulls: Pulls, reading: Reading, turn: Turn): boolean {
    const { subscriptions } = this
    const { session } = pulls
    const head = reading.batch.heads[run[0]] as Head
    const ids = typeof head[2] === 'number' ? [head[2]] : head[2]
    const end = run.length - (run.length % 2)
    const extras = run[end] as Extras | undefined
    const replayed = extras?.replayed === true
    const retained = extras?.retained === true
    const isLive = !replayed && !retained
    let { place, index, micros, seq } = reading
    if (place === FIRST_EVENT) seq += run[1] - 1
    let isOver = false
    try {
      while (place < end && !isOver) {
        seq += 1
        index += 1
        micros += run[place] as number
        const payload = run[place + 1]
        place += 2
        if (index <= pulls.handled) continue
        // Replayed and retained events are older than what other subscriptions still wait for.
        if (isLive && seq > this.seen) this.seen = seq
        for (let i = 0; i < ids.length; i += 1) {
          const id = ids[i] as number
          // Looked up when its turn comes, since the handler before may have ended it.
          const subscription = subscriptions.get(id)
          if (!subscription) continue
          // Once a subscription has had a live event, the next one is mostly just the next.
          const isNext =
            isLive && seq > subscription.last && seq >= subscription.live && subscription.session === session
          if (isNext) subscription.last = seq
          else if (!admit(subscription, session, seq, replayed, retained)) continue
          const source = sourceOf(head[1])
          const received = new ReceivedEvent(
            head[0],
            payload,
            id,
            seq,
            micros / 1000,
            source,
            replayed,
            retained,
            extras,
          )
          this.cause = received
          try {
            const returned = subscription.subscriber.deliver(received)
            if (returned !== undefined) reportLater(returned)
          } catch (error) {
            report(error)
          }
        }
        pulls.handled = index
        isOver = this.isOver(turn, index)
      }
    } finally {
      this.cause = null
    }
    reading.seq = seq
    reading.micros = micros
    reading.index = index
    if (place < end) {
      reading.place = place
    } else {
      reading.place = FIRST_EVENT
      reading.item += 1
    }
    return isOver
  }

  private deliverOther(item: PulledGap | PulledQuestion | PulledEnding): void {
    if ('request' in item) {
      this.cause = item
      try {
        this.conversations?.ask(item, sourceOf(item.source))
      } finally {
        this.cause = null
      }
    } else if ('ended' in item) this.conversations?.stop(item)
    else this.deliverGap(item)
  }

  private deliverGap({ from, to, count, atMost, reason, subscriptions }: PulledGap): void {
    // The other reasons are about what came before a subscription, not about live events.
    if (reason === 'queue_full') this.seen = Math.max(this.seen, to)
    for (const id of subscriptions) {
      const subscription = this.subscriptions.get(id)
      if (!subscription) continue
      // As an event does, it tells that the host has accepted the subscription.
      subscription.session = this.pulls.session
      this.tell(subscription, { from, to, count, atMost, reason })
    }
  }

  private tell({ subscriber }: Subscription, gap: Gap): void {
    const { gap: handler } = subscriber
    if (handler) {
      try {
        reportLater(handler(gap))
      } catch (error) {
        report(error)
      }
    } else this.warn(gap, subscriber.event)
  }

  warn(gap: Gap, event: string): void {
    // What is lost at most may concern no listener at all, so it is no reason to keep quiet about what does.
    const about = gap.atMost ? '' : event
    if (this.warned.has(about)) return
    this.warned.add(about)
    console.warn(`event bus: ${warningOf(gap, event)}`)
  }
}

/** Notes that a subscription is due to be handed this event; false if it has had it. */
function admit(
  subscription: Subscription,
  session: string,
  seq: number,
  replayed: boolean,
  retained: boolean,
): boolean {
  // What is addressed to it tells that the host has accepted it, also where the answer to that is still due.
  subscription.session = session
  if (replayed) subscription.replayed = Math.max(subscription.replayed ?? 0, seq)
  if (!isNew(subscription, seq, retained && !replayed)) return false
  if (seq > subscription.last) subscription.last = seq
  if (seq < subscription.live) {
    if (replayed || retained) subscription.earlier.add(seq)
    else subscription.live = seq
  }
  return true
}

/**
 * Whether a subscription has not had an event. It receives events in the order of their numbers, so what is not newer
 * it has had in an earlier session; but a retained one may be older than what another session has brought.
 */
function isNew({ last, live, earlier }: Subscription, seq: number, onlyRetained: boolean): boolean {
  return seq > last || (onlyRetained && seq < live && !earlier.has(seq))
}

function sourceOf(source: 0 | string): EventSource {
  return source === 0 ? { kind: 'host' } : { kind: 'webview', label: source }
}

function warningOf({ atMost, count, reason }: Gap, event: string): string {
  const events = count === 1 ? '1 event' : `${count} events`
  const lost = `${events} that listeners to "${event}" were to get ${count === 1 ? 'is' : 'are'} lost`
  const missed = `up to ${events} from before this page listened ${count === 1 ? 'is' : 'are'} not kept any more`
  const whose = `perhaps none for its listeners, "${event}" among them`
  return atMost
    ? `${missed} (${reason}), ${whose}. Pass onGap to be told; this is said once.`
    : `${lost} (${reason}). Pass onGap to be told; this is said once for each name or pattern.`
}

/** What a handler has returned may still be rejected. */
export function reportLater(returned: unknown): void {
  if (isThenable(returned)) Promise.resolve(returned).catch(report)
}

/** Waits until the page has had its turn. Timers will not do: browsers slow them down in pages that are hidden. */
export function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      port1.close()
      resolve()
    }
    port2.postMessage(null)
  })
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}
