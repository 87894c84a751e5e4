import { EventBusError } from '../core/error.js'

/** How many seconds of a member's amount it may send at once. */
const BURST_S = 2

/** How many characters of payloads a member with a limit may send in a second. */
const CHARACTERS_PER_SECOND = 1_048_576

/** What a member may still send, so that it cannot use up the flood limits of its page. */
export class Budget {
  private count: number
  private size = CHARACTERS_PER_SECOND * BURST_S
  private at = performance.now()

  constructor(
    private readonly source: string,
    private readonly perSecond: number,
  ) {
    this.count = perSecond * BURST_S
  }

  /** Takes one entry of this size, or refuses it. */
  take(size: number): void {
    const now = performance.now()
    const seconds = (now - this.at) / 1_000
    this.at = now
    this.count = Math.min(this.count + seconds * this.perSecond, this.perSecond * BURST_S)
    this.size = Math.min(this.size + seconds * CHARACTERS_PER_SECOND, CHARACTERS_PER_SECOND * BURST_S)
    // A payload that is larger than all of it passes once nothing else has for a while.
    const needed = Math.min(size, CHARACTERS_PER_SECOND * BURST_S)
    const wait = Math.max((1 - this.count) / this.perSecond, (needed - this.size) / CHARACTERS_PER_SECOND)
    if (wait > 0) {
      const text = `${this.source} sends more than ${this.perSecond} a second, or more than 1 MiB: its page limits it`
      throw new EventBusError('rate_limited', text, { retryAfterMs: Math.ceil(wait * 1_000) })
    }
    this.count -= 1
    this.size -= needed
  }
}
