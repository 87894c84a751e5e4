/** How long a part of the plots is, and how many there are. */
export const STEP_MS = 250
export const STEPS = 240

/** How many latencies of a part are kept. */
const MOST = 512

/** What happened in one part. */
export interface Step {
  events: number
  refused: number
  /** Percentiles of the time until a page has handled an event, in milliseconds. */
  p50?: number
  p99?: number
}

/** The rate of events and the time until they were handled, over the last minute. */
export class Meter {
  #steps: Step[] = []
  #start = 0
  #latencies: number[] = []

  /** The parts so far, the oldest first. The last one is not over. */
  get steps(): readonly Step[] {
    return this.#steps
  }

  /** Events and refusals of the last second that is over, and the percentiles of the last part that has some. */
  get now(): { rate: number; p50?: number; p99?: number } {
    const done = this.#steps.slice(-5, -1)
    const events = done.reduce((sum, step) => sum + step.events, 0)
    const last = this.#steps.slice(-9).findLast(({ p50 }) => p50 !== undefined)
    return { rate: done.length === 0 ? 0 : (events * 1000) / (done.length * STEP_MS), p50: last?.p50, p99: last?.p99 }
  }

  /** Time has passed, also where nothing happens. */
  advance(now: number): void {
    if (this.#start === 0) {
      this.#start = now
      this.#steps = [{ events: 0, refused: 0 }]
    }
    // After a sleep, all of it is empty.
    if (now - this.#start > STEP_MS * STEPS * 2) this.#start = now - STEP_MS * STEPS
    while (now - this.#start >= STEP_MS) {
      this.#close()
      this.#start += STEP_MS
      this.#steps.push({ events: 0, refused: 0 })
    }
    if (this.#steps.length > STEPS) this.#steps = this.#steps.slice(-STEPS)
  }

  event(): void {
    const step = this.#steps.at(-1)
    if (step) step.events += 1
  }

  refusal(): void {
    const step = this.#steps.at(-1)
    if (step) step.refused += 1
  }

  latency(millis: number): void {
    if (this.#latencies.length < MOST) this.#latencies.push(Math.max(millis, 0))
  }

  clear(): void {
    this.#steps = []
    this.#start = 0
    this.#latencies = []
  }

  #close(): void {
    const step = this.#steps.at(-1)
    if (!step || this.#latencies.length === 0) return
    const sorted = this.#latencies.sort((one, other) => one - other)
    step.p50 = percentile(sorted, 0.5)
    step.p99 = percentile(sorted, 0.99)
    this.#latencies = []
  }
}

/** The value below which so large a part of the sorted values is. */
export function percentile(sorted: readonly number[], part: number): number | undefined {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]
}
