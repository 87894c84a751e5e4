import type { PartStream } from '../../types/part-stream.js'
import type { TaskProgress } from '../../types/task.js'
import { EventBusError, toEventBusError } from '../error.js'

/** How often a task is attached to again, where each attempt is lost, before that is its end. */
const MAX_ATTEMPTS = 10

/** A task that this page follows. It takes what the host tells at once, so loops get the newest. */
export class FollowedTask {
  newest: TaskProgress | undefined
  private isAwaited = false
  /** Whether nobody has its handle any more, and how many loops go on all the same. */
  private isForgotten = false
  private loops = 0
  /** How often something has changed. */
  private version = 0
  private end: { readonly error?: EventBusError; readonly result?: unknown } | undefined
  /** Whether it ended because this page wanted it, so that loops end quietly. */
  private isQuiet = false
  private stream: PartStream<TaskProgress, unknown> | undefined
  private waiting: (() => void)[] = []
  private readonly outcome: Promise<unknown>
  private settle: () => void = () => {}

  constructor(
    private readonly name: string,
    private readonly signal: AbortSignal | undefined,
    begin: () => Promise<void>,
    private readonly attach: () => PartStream<TaskProgress, unknown>,
    /** Whether a stream has ended with the session of the page alone. */
    private readonly isLost: (error: EventBusError) => boolean,
  ) {
    this.outcome = new Promise((resolve, reject) => {
      this.settle = () => (this.end?.error ? reject(this.end.error) : resolve(this.end?.result))
    })
    // Who only iterates learns of an error by the loop.
    this.outcome.catch(() => {})
    if (signal?.aborted) {
      this.abort(`the signal of "${name}" had aborted already`)
      return
    }
    signal?.addEventListener('abort', this.abort)
    void this.run(begin)
  }

  get result(): Promise<unknown> {
    this.isAwaited = true
    return this.outcome
  }

  private abort = (problem: unknown): void => {
    const text = typeof problem === 'string' ? problem : `the signal of "${this.name}" aborted`
    this.finish({ error: new EventBusError('cancelled', text, { cause: this.signal?.reason }) })
    this.stream?.stop()
  }

  /** Follows it no longer. */
  stop(): void {
    this.finish({ error: new EventBusError('cancelled', `the task "${this.name}" is followed no longer`) }, true)
    this.stream?.stop()
  }

  /** Nobody has its handle any more. Who awaits the result, or is in a loop, still learns of its end. */
  forget(): void {
    this.isForgotten = true
    if (!this.isAwaited && this.loops === 0) this.stop()
  }

  private async run(begin: () => Promise<void>): Promise<void> {
    try {
      await begin()
      for (let attempts = 1; !this.end; attempts += 1) {
        try {
          this.stream = this.attach()
          for await (const progress of this.stream) {
            if (this.end) break
            attempts = 0
            this.newest = progress
            this.changed()
          }
          this.finish({ result: await this.stream.result })
        } catch (reason) {
          // A renewed session has no streams. The task goes on.
          if (attempts >= MAX_ATTEMPTS || !this.isLost(toEventBusError(reason))) throw reason
        }
      }
    } catch (reason) {
      this.finish({ error: toEventBusError(reason) })
    }
  }

  private finish(end: NonNullable<FollowedTask['end']>, isQuiet = false): void {
    if (this.end) return
    this.end = end
    this.isQuiet = isQuiet
    this.signal?.removeEventListener('abort', this.abort)
    this.settle()
    this.changed()
  }

  private changed(): void {
    this.version += 1
    for (const wake of this.waiting.splice(0)) wake()
  }

  /** The newest progress, whenever there is one. What is behind misses what came between. */
  iterate(): AsyncGenerator<TaskProgress, undefined, undefined> {
    this.loops += 1
    return this.loop()
  }

  private async *loop(): AsyncGenerator<TaskProgress, undefined, undefined> {
    let seen = 0
    try {
      while (!this.end) {
        if (this.newest && seen < this.version) {
          seen = this.version
          yield this.newest
        } else {
          await new Promise<void>((wake) => this.waiting.push(wake))
        }
      }
    } finally {
      this.loops -= 1
      if (this.isForgotten) this.forget()
    }
    if (this.end.error && !this.isQuiet) throw this.end.error
    return undefined
  }
}
