import type { PulledOther, PulledOutcomes } from '../core/batch.js'
import { EventBusError } from '../core/error.js'
import { type AwaitedOutcomes, awaitOutcomes } from '../core/outcomes.js'
import { plainErrorOf } from './errors.js'
import { readId } from './values.js'

/** How many events of a member may wait for their outcomes: half of what the host grants its page. */
const MAX_WAITING = 128

/** Whose events wait for their outcomes. */
interface Emitter {
  readonly source: string
  add(item: PulledOther): void
}

/** An event that waits, and what is sent of that. */
export interface AwaitedEvent extends Pick<AwaitedOutcomes, 'accepted' | 'stop'> {
  readonly outcome: { readonly id: number; readonly timeoutMs?: number }
}

/** The events of a member that wait for what becomes of them. */
export class MemberOutcomes {
  private readonly waiting = new Set<AwaitedOutcomes>()

  /** `isTold`: the member may know which pages they were. */
  constructor(
    private readonly member: Emitter,
    private readonly isTold: boolean,
  ) {}

  /** Waits for an event, under the number of the member. */
  begin(event: string, { id, timeoutMs }: { readonly id: unknown; readonly timeoutMs?: number }): AwaitedEvent {
    const number = readId('outcome.id', id)
    if (this.waiting.size >= MAX_WAITING) {
      const text = `${MAX_WAITING} events of ${this.member.source} wait for outcomes, the limit of a worker or frame`
      throw new EventBusError('queue_full', text)
    }
    const awaited = awaitOutcomes(event)
    this.waiting.add(awaited)
    const tell = (item: object) => {
      if (this.waiting.delete(awaited)) this.member.add({ outcome: number, ...item } as PulledOutcomes)
    }
    awaited.become.then(
      ({ pages, listeners }) => {
        const told = this.isTold ? pages : pages.map(({ outcome }) => ({ outcome }))
        tell({ pages: told, ...(listeners && { listeners: this.isTold ? listeners : { outcome: listeners.outcome } }) })
      },
      (error) => tell({ error: plainErrorOf(error) }),
    )
    const stop = () => {
      this.waiting.delete(awaited)
      awaited.stop()
    }
    return {
      outcome: { id: awaited.id, ...(timeoutMs !== undefined && { timeoutMs }) },
      accepted: awaited.accepted,
      stop,
    }
  }

  /** The member begins anew, or has ended. */
  end(): void {
    for (const awaited of this.waiting) awaited.stop()
    this.waiting.clear()
  }
}
