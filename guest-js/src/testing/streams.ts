import type { Credit } from '../core/batch.js'
import type { EventBusError } from '../core/error.js'
import { invalidArgument } from './results.js'

/** How much of a stream may be sent and not taken: without a value the default, and at most the limits of queues, as with the host. */
const DEFAULT_CREDIT: Credit = { bytes: 1 << 20, parts: 4_096 }
const MAX_CREDIT: Credit = { bytes: 64 << 20, parts: 65_536 }

/** The credit of a request for a stream. */
export function creditOf(requested: { bytes?: number | undefined; parts?: number | undefined }): Credit {
  const credit = { bytes: requested.bytes ?? DEFAULT_CREDIT.bytes, parts: requested.parts ?? DEFAULT_CREDIT.parts }
  for (const [what, key] of [
    ['bytes', 'queueBytes'],
    ['parts', 'queueEvents'],
  ] as const) {
    if (credit[what] >= 1 && credit[what] <= MAX_CREDIT[what]) continue
    const range = `it must be at least 1 and at most ${MAX_CREDIT[what]} (${key})`
    throw invalidArgument(`the credit of a stream is ${credit[what]} ${what}; ${range}`)
  }
  return credit
}

/** How a stream has ended. */
export type StreamEnd = { readonly response: unknown } | { readonly error: EventBusError }

/** Who receives a stream. */
export interface StreamConsumer {
  /** A part. Where it is due, the consumer tells when it has taken it. */
  part(part: unknown, due: boolean): void
  end(end: StreamEnd): void
  /** What the host tells of a channel that it has opened. */
  note?(note: { credit: number } | { closed: true }): void
  /** It has left, so what it was not given yet is dropped. */
  withdraw(): void
}

/** What a stream has sent and its consumer has not taken. Both count in halves of the credit, as with the host. */
export class TestWindow {
  sent = 0
  private taken = 0
  /** The sizes of the parts that count, and their sum. */
  private readonly sizes: number[] = []
  private bytes = 0
  /** What was sent since the consumer was to tell of a part. */
  private unmarked = { bytes: 0, parts: 0 }

  constructor(private readonly credit: Credit) {}

  get hasCredit(): boolean {
    return this.sizes.length < this.credit.parts && this.bytes < this.credit.bytes
  }

  /** Counts a part, and returns whether the consumer is to tell when it has taken it. */
  send(size: number): boolean {
    this.sent += 1
    this.sizes.push(size)
    this.bytes += size
    this.unmarked.bytes += size
    this.unmarked.parts += 1
    const isDue = this.isHalf(this.unmarked)
    if (isDue) this.unmarked = { bytes: 0, parts: 0 }
    return isDue
  }

  /** The consumer has taken so many parts. Returns how many count no more, if that is worth telling. */
  take(taken: number): number | undefined {
    const parts = Math.min(taken, this.sent) - this.taken
    const bytes = this.sizes.slice(0, Math.max(parts, 0)).reduce((sum, size) => sum + size, 0)
    if (!this.isHalf({ bytes, parts })) return undefined
    this.sizes.splice(0, parts)
    this.bytes -= bytes
    this.taken += parts
    return this.taken
  }

  private isHalf({ bytes, parts }: Credit): boolean {
    const half = (all: number) => Math.max(Math.floor(all / 2), 1)
    return bytes >= half(this.credit.bytes) || parts >= half(this.credit.parts)
  }
}
