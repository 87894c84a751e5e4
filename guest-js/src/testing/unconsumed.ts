import { invalidArgument } from './results.js'
import { type AcceptedEvent, hasExpired } from './session.js'

/** What a page tells of an event. */
export interface Outcome {
  readonly seq: number
  readonly handled: boolean
}

/** How often an event is delivered at most, as with the host. */
const DEFAULT_DELIVERIES = 5

interface Kept {
  readonly event: AcceptedEvent
  /** How often it may still be delivered. */
  left: number
  wasDelivered: boolean
}

/** The events that no listener has handled, of those that are kept until one has. */
export class Unconsumed {
  private readonly kept = new Map<number, Kept>()
  /** What was delivered and is not counted yet. */
  private readonly uncounted = new Set<number>()

  /** Keeps an event, if it is to be kept. */
  keep(event: AcceptedEvent, maxDeliveries = DEFAULT_DELIVERIES): void {
    if (!event.extras.consume) return
    if (event.retain) throw invalidArgument(`"${event.event}" is both retained and kept until it is consumed`)
    this.kept.set(event.seq, { event, left: maxDeliveries, wasDelivered: false })
  }

  /** An event is delivered, to all who receive it when it is accepted, or to one that begins later. */
  noteDelivery(seq: number): void {
    const kept = this.kept.get(seq)
    if (!kept) return
    kept.left -= 1
    kept.wasDelivered = true
    // Whether its last delivery is handled makes no difference.
    if (kept.left <= 0) this.kept.delete(seq)
  }

  /** What a subscription receives at its begin, and what of it was delivered before. Counts within `counted` only. */
  deliver(isDue: (event: AcceptedEvent) => boolean): {
    events: AcceptedEvent[]
    redelivered: ReadonlySet<AcceptedEvent>
  } {
    const due = [...this.kept.values()].filter(({ event }) => isDue(event) && !hasExpired(event))
    const again = due.filter(({ wasDelivered }) => wasDelivered)
    for (const { event } of due) this.uncounted.add(event.seq)
    return { events: due.map(({ event }) => event), redelivered: new Set(again.map(({ event }) => event)) }
  }

  /** Subscriptions that begin together count as one delivery of each event. */
  counted<Returned>(begin: () => Returned): Returned {
    try {
      return begin()
    } finally {
      for (const seq of this.uncounted) this.noteDelivery(seq)
      this.uncounted.clear()
    }
  }

  settle({ seq, handled }: Outcome): Record<string, never> {
    if (handled) this.consume(seq)
    return {}
  }

  /** An event was handled. */
  consume(seq: number): void {
    this.kept.delete(seq)
  }
}
