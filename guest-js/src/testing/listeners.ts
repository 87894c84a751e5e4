import { chainOf } from '../core/realm.js'
import { isThenable, report } from '../core/report.js'
import type { Receipt } from '../types/emit.js'
import type { BusEvent } from '../types/event.js'
import type { Acting } from './acting.js'
import type { Listener, NewEvent } from './contract.js'
import { type EventMark, receivedBy } from './emitter.js'
import { DROPPED, HANDLED, outcomeOf, type TestOutcomes } from './outcomes.js'
import { type Addressed, receives } from './reach.js'
import type { Label } from './requests.js'
import type { AcceptedEvent } from './session.js'

/** What listeners need of the bus. */
export interface ListenerBus {
  readonly acting: Acting
  readonly outcomes: TestOutcomes
  /** Emits as the host, or as a page. */
  emit(label: Label, event: NewEvent): Receipt
  /** A handler has succeeded. */
  handled(seq: number): void
}

/** Who listens beside the page under test: the host, and the pages that a test plays. */
export class TestListeners {
  private readonly all = new Set<Listener>()
  private isCalling = false
  /** What they have still to receive, one after the other, so that all of them see one order. */
  private readonly due: (() => void)[] = []

  constructor(private readonly bus: ListenerBus) {}

  /** Adds a listener. Returns what ends it. */
  add(listener: Listener): () => void {
    this.all.add(listener)
    return () => this.all.delete(listener)
  }

  /** Ends those of a page. */
  leave(label: string): void {
    for (const listener of this.all) if (listener.label === label) this.all.delete(listener)
  }

  /** Those that receive an event. */
  of(event: Addressed): Listener[] {
    return [...this.all].filter((listener) => receives(listener, event))
  }

  /** Hands events to a listener, each with its marks. */
  deliver(listener: Listener, event: AcceptedEvent, mark: EventMark = {}): void {
    const { label } = listener
    const received = receivedBy((emitted) => this.bus.emit(label, emitted), event, mark)
    if (!listener.isRecord) this.due.push(() => this.call(listener, received))
    else {
      listener.deliver(received)
      this.bus.outcomes.tell(event.seq, label, HANDLED)
    }
  }

  /** Calls the handlers, one event after the other. */
  callAll(): void {
    // The running loop also delivers what a handler emits.
    if (this.isCalling) return
    this.isCalling = true
    for (let next = this.due.shift(); next; next = this.due.shift()) next()
    this.isCalling = false
  }

  private call(listener: Listener, received: BusEvent<unknown>): void {
    const { label } = listener
    const { event, seq, causes, traceparent } = received
    const { acting, outcomes } = this.bus
    const handled = { causes: chainOf(event, causes), traceparent }
    const run = () =>
      this.settle(
        seq,
        acting.actAs(label, handled, () => listener.deliver(received)),
      )
    outcomes.tell(seq, label, this.all.has(listener) ? outcomeOf(label, run, report) : DROPPED)
  }

  /** A handler has returned. */
  private settle(seq: number, returned: unknown): void {
    if (isThenable(returned)) Promise.resolve(returned).then(() => this.bus.handled(seq), report)
    else this.bus.handled(seq)
  }
}
