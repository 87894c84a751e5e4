import type { Credit } from '../batch.js'
import { Fifo } from '../fifo.js'

/** The parts that this page sends of a stream or a channel, as far as they count. */
export class SendWindow {
  /** The sizes of the parts that count. */
  private readonly sizes = new Fifo<number>()
  private outstanding = 0
  /** How many parts count no more. */
  private told = 0

  constructor(private readonly limit: Credit) {}

  get hasCredit(): boolean {
    return this.sizes.length < this.limit.parts && this.outstanding < this.limit.bytes
  }

  /** Counts a part. */
  add(size: number): void {
    this.sizes.push(size)
    this.outstanding += size
  }

  /** So many parts count no more. */
  credit(parts: number): void {
    while (this.told < parts) {
      this.told += 1
      this.outstanding -= this.sizes.shift() ?? 0
    }
  }
}
