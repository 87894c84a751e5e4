import { EventBusError } from '../core/error.js'
import type { AcceptedEvent } from './session.js'

/** What a page tells of an event. */
export interface Outcome {
  readonly seq: number
  readonly handled: boolean
}

/** The events that no listener has handled, of those that are kept until one has. */
export class Unconsumed {
  readonly events = new Set<AcceptedEvent>()

  /** Keeps an event, if it is to be kept. */
  keep(accepted: AcceptedEvent): void {
    if (!accepted.extras.consume) return
    if (accepted.retain) {
      const text = `"${accepted.event}" is both retained and kept until it is consumed`
      throw new EventBusError('invalid_argument', text)
    }
    this.events.add(accepted)
  }

  settle({ seq, handled }: Outcome): Record<string, never> {
    if (handled) this.consume(seq)
    return {}
  }

  /** An event was handled. */
  consume(seq: number): void {
    for (const event of this.events) if (event.seq === seq) this.events.delete(event)
  }
}
