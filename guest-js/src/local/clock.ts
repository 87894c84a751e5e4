import type { JobInfo } from '../types/job-info.js'

/** The longest time that a timer takes, in milliseconds. */
const LONGEST_MS = 2_147_483_647

/** What of a job is told only when it starts. */
interface Start {
  readonly startDelayMs?: number
}

interface Timed {
  /** When it is due, in milliseconds since the Unix epoch. */
  due: number
  timer: ReturnType<typeof setTimeout>
}

/** Ticks for jobs at a fixed rate. A browser delays timers of hidden pages; what was due meanwhile is skipped. */
export class Clock {
  private readonly timed = new Map<number, Timed>()

  /** `tick` returns the job, unless it has ended. */
  constructor(private readonly tick: (job: JobInfo) => JobInfo | undefined) {}

  /** A job has started, goes on, or has another interval. */
  set(job: JobInfo, { startDelayMs = 0 }: Start): void {
    this.remove(job.number)
    this.wait(job, job.at ?? Date.now() + startDelayMs + job.everyMs)
  }

  stop(): void {
    for (const number of [...this.timed.keys()]) this.remove(number)
  }

  private remove(number: number): void {
    clearTimeout(this.timed.get(number)?.timer)
    this.timed.delete(number)
  }

  private wait(job: JobInfo, due: number): void {
    const timer = setTimeout(() => this.ring(job), Math.min(Math.max(due - Date.now(), 0), LONGEST_MS))
    // A test in Node ends, whatever ticks.
    ;(timer as { unref?(): void }).unref?.()
    this.timed.set(job.number, { due, timer })
  }

  private ring(job: JobInfo): void {
    const timed = this.timed.get(job.number)
    if (!timed) return
    const { due } = timed
    if (Date.now() < due) {
      this.wait(job, due)
      return
    }
    const next = this.tick(job)
    this.timed.delete(job.number)
    if (!next) return
    const late = Math.floor((Date.now() - due) / next.everyMs)
    this.wait(next, due + (late + 1) * next.everyMs)
  }
}
