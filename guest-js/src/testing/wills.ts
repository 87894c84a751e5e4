import type { NewEvent } from './contract.js'

/** An event that may be a will. */
export interface WillEntry extends NewEvent {
  will?: { id: number; stop?: boolean }
}

/** The wills of the page under test, which stays. */
export class TestWills {
  private readonly kept = new Map<number, NewEvent>()

  constructor(private readonly check: (event: NewEvent) => void) {}

  /** Keeps an event for when the page is gone, or takes it back; `undefined` for one that is emitted now. */
  keep(session: { keepsPull: boolean }, { will, ...event }: WillEntry): object | undefined {
    if (!will) return undefined
    session.keepsPull = true
    if (will.stop) {
      this.kept.delete(will.id)
      return {}
    }
    this.check(event)
    this.kept.set(will.id, event)
    return {}
  }
}
