import type { Target } from '../../types/target.js'
import { type CommandQueue, run } from '../commands.js'
import { EventBusError, isErrorObject, report, toEventBusError } from '../error.js'

/** What a page asks. */
export interface Asked {
  readonly event: string
  readonly to: Target
  readonly payload: string | undefined
  readonly timeoutMs: number | undefined
  readonly causes: readonly string[]
  readonly signal: AbortSignal | undefined
}

/** How many sessions in a row may turn out stale before a question is rejected. */
const RENEWALS = 3

interface Waiting {
  reject(error: EventBusError): void
}

/**
 * The questions of a page. They do not wait for the command in flight, nor for each other: each is a command of its own
 * that is answered once its answer is there. The host tells copies apart by the session and the number.
 */
export class Questions {
  private newest = 0
  private readonly waiting = new Set<Waiting>()

  constructor(private readonly queue: CommandQueue) {}

  ask(asked: Asked): Promise<unknown> {
    const { signal } = asked
    return new Promise((resolve, reject) => {
      this.newest += 1
      const id = this.newest
      const waiting = { reject: (error: EventBusError) => settle(() => reject(error)) }
      const settle = (act: () => void) => {
        this.waiting.delete(waiting)
        signal?.removeEventListener('abort', abort)
        act()
      }
      let isAsking = true
      const abort = () => {
        if (!this.waiting.has(waiting)) return
        void this.cancel(id, () => isAsking)
        const cause = signal?.reason
        waiting.reject(new EventBusError('cancelled', `"${asked.event}" was given up by its signal`, { cause }))
      }
      this.waiting.add(waiting)
      signal?.addEventListener('abort', abort)
      this.send(id, asked, 0, () => this.waiting.has(waiting))
        .finally(() => {
          isAsking = false
        })
        .then(
          (answer) => settle(() => resolve(answer)),
          (error) => waiting.reject(toEventBusError(error, 'request')),
        )
    })
  }

  private async send(id: number, asked: Asked, stale: number, isWaiting: () => boolean): Promise<unknown> {
    const { event, to, payload, timeoutMs, causes } = asked
    const { session } = this.queue
    const optional = {
      ...(payload !== undefined && { payload }),
      ...(timeoutMs !== undefined && { timeoutMs }),
      ...(causes.length > 0 && { causes }),
    }
    const settle = () => {
      if (this.queue.session === session) this.queue.settle()
    }
    try {
      const answer = await run('request', { session, id, event, to, ...optional })
      settle()
      return answer
    } catch (reason) {
      const error = toEventBusError(reason, 'request')
      if (isErrorObject(reason) && error.code !== 'stale_session') settle()
      // The host has not asked: the session was over before.
      if (error.code !== 'stale_session' || stale >= RENEWALS || !isWaiting()) throw error
      if (this.queue.session === session) await this.queue.renewed()
      // It may have been given up meanwhile.
      if (!isWaiting()) throw error
      return this.send(id, asked, stale + 1, isWaiting)
    }
  }

  private async cancel(id: number, isAsking: () => boolean): Promise<void> {
    try {
      // One that overtakes the question with which its session begins is lost, so another one follows it.
      for (let sent = 0; sent < 2 && isAsking(); sent += 1) {
        await run('cancel_request', { session: this.queue.session, ids: [id] })
      }
    } catch (reason) {
      const error = toEventBusError(reason, 'cancel_request')
      if (error.code !== 'stale_session') report(error)
    }
  }

  /** The page was away, and the host has given up what it had asked. */
  lose(): void {
    for (const waiting of [...this.waiting]) {
      waiting.reject(new EventBusError('unavailable', 'the page was away while it waited for an answer'))
    }
  }
}
