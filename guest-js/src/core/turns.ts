import type { BusEvent } from '../types/event.js'
import type { Gap } from '../types/gap.js'
import type { Inbox } from './contract.js'
import { MAX_DISPATCH_MS } from './dispatch.js'
import { addLost } from './lost.js'
import { isThenable, report, reportLater } from './report.js'
import { SKIPPED } from './tally.js'
import { nextTask } from './tasks.js'

/** How many events of one listener may wait for the one before them. */
const MAX_WAITING = 1_024

interface Turn {
  readonly event: BusEvent<unknown>
  resolve(returned: unknown): void
}

/** What one listener gets of which the next event waits until the promise of the one before has settled. */
export class Turns {
  private readonly waiting: Turn[] = []
  private isRunning = false
  /** Nothing follows any more. */
  isOver = false
  private lost: Gap | undefined

  constructor(
    private readonly inbox: Inbox,
    private readonly deliver: (event: BusEvent<unknown>) => unknown,
    private readonly tellGap: (gap: Gap) => unknown,
  ) {}

  /** Delivers an event at once if none is before it. Returns what its handler returns, or will. */
  take(event: BusEvent<unknown>): unknown {
    const { waiting } = this
    if (this.isRunning) {
      return new Promise((resolve) => {
        if (waiting.push({ event, resolve }) > MAX_WAITING) this.lose(waiting.shift() as Turn)
      })
    }
    const returned = this.deliver(event)
    if (isThenable(returned)) {
      this.isRunning = true
      void this.work(returned)
    }
    return returned
  }

  private lose({ event, resolve }: Turn): void {
    this.lost = addLost(this.lost, event.seq, event.superseded)
    resolve(SKIPPED)
  }

  private async work(returned: unknown): Promise<void> {
    const { inbox, waiting } = this
    let spent = 0
    for (;;) {
      // Its dispatch reports a failure.
      await Promise.resolve(returned).catch(() => {})
      // Quick handlers would keep the page from drawing and from reacting to its user.
      if (spent > MAX_DISPATCH_MS) {
        await nextTask()
        spent = 0
      }
      const { isOver, lost } = this
      this.lost = undefined
      if (lost && !isOver) this.tell(lost)
      const turn = waiting.shift()
      if (!turn) break
      returned = SKIPPED
      const begun = performance.now()
      inbox.cause = turn.event
      try {
        if (!isOver) returned = this.deliver(turn.event)
      } catch (error) {
        returned = Promise.reject(error)
      } finally {
        inbox.cause = null
      }
      spent += performance.now() - begun
      turn.resolve(returned)
    }
    this.isRunning = false
  }

  private tell(gap: Gap): void {
    try {
      reportLater(this.tellGap(gap))
    } catch (error) {
      report(error)
    }
  }
}
