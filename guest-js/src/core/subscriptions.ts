import type { Call, CommandQueue } from './commands.js'
import type { Subscriber, Texts } from './contract.js'
import { type Cursor, newCursor, resume } from './cursor.js'
import { type Registered, Registrations } from './registrations.js'

/** A subscription in this page. */
export interface PageSubscription extends Registered, Cursor {
  readonly owner: Subscriber
  call: Call | null
}

/** The subscriptions of a page. */
export class Subscriptions extends Registrations<number, PageSubscription> {
  /** The sequence number up to which every live event has arrived or is known to be lost. */
  seen = 0
  private lastId = 0
  private texts: Texts | undefined
  /** What the host has accepted since the pull in flight was sent. */
  private readonly acceptedMeanwhile = new Set<PageSubscription>()

  constructor(queue: CommandQueue, changed: () => void) {
    super(queue, 'subscribe', changed)
  }

  get(id: number): PageSubscription | undefined {
    return this.items.get(id)
  }

  /** Reads the text of a batch. */
  read(text: string): unknown {
    return this.texts ? this.texts.read(text, this) : JSON.parse(text)
  }

  subscribe(owner: Subscriber): () => void {
    this.texts ??= owner.texts
    this.lastId += 1
    return this.register(this.lastId, { owner, call: null, ...newCursor() })
  }

  /** Ends every subscription of exactly this name or pattern and returns how many there were. */
  unlisten(event: string): number {
    const ending = [...this.items].filter(([, { owner }]) => owner.event === event && !owner.pass)
    for (const [id, subscription] of ending) this.end(id, subscription)
    return ending.length
  }

  /** A pull is sent that waits for what is not there yet. */
  notePull(): void {
    this.acceptedMeanwhile.clear()
  }

  /** A pull got an empty reply, so everything has come that was queued when it was sent, replays included. */
  noteNothingDue(): void {
    for (const subscription of this.items.values()) {
      const wasPulled = Number.isFinite(subscription.since) && !this.acceptedMeanwhile.has(subscription)
      if (wasPulled) subscription.replayed = null
    }
  }

  protected override noteAccepted(subscription: PageSubscription, reply: unknown): void {
    const { seq, after } = reply as { seq: number; after?: number }
    subscription.since = seq
    // Unless something of it has come before the reply, all of the replay is still to come.
    if (after !== undefined) subscription.replayed ??= after
    this.acceptedMeanwhile.add(subscription)
  }

  protected override entryOf(id: number, subscription: PageSubscription, isRenewal: boolean): unknown {
    const { owner } = subscription
    const { event, target, replay, retained, latest, compatible } = owner
    // JSON leaves out what is undefined.
    return {
      id,
      event,
      target,
      resume: isRenewal ? resume(subscription, this.seen) : undefined,
      replay: replay && undefined,
      retained: retained && undefined,
      latest,
      compatible,
      pass: owner.texts && true,
    }
  }

  protected override endAtHost(id: number): Promise<unknown> {
    return this.queue.send('unsubscribe', id)
  }
}
