import type { Target } from '../../types/target.js'
import type { Piece } from '../bytes.js'
import { type CommandQueue, MAX_RENEWALS, run } from '../commands.js'
import { EventBusError, isErrorObject, toEventBusError } from '../error.js'
import { report } from '../report.js'

/** A request on its way to the host. */
export interface OutgoingRequest {
  /** The command that sends it; `request` by default. */
  readonly command?: 'request' | 'attach_task' | 'tap'
  readonly name: string
  readonly to?: Target
  /** The key of a task. */
  readonly key?: string
  /** Which records a tap tells. */
  readonly filter?: object
  readonly payload?: string | undefined
  readonly bytes?: Piece[] | undefined
  readonly timeoutMs?: number | undefined
  readonly causes: readonly string[]
  readonly traceparent?: string | undefined
  /** The component that sends it. */
  readonly component?: string | undefined
  readonly signal?: AbortSignal | undefined
  /** The credit, in a request for a stream. */
  readonly stream?: { readonly bytes?: number | undefined; readonly parts?: number | undefined }
  /** Whether this page sends parts, too. */
  readonly channel?: true
}

/** Rejects a request that waits for its response. */
type Reject = (error: EventBusError) => void

/**
 * The requests of a page. They wait neither for the command in flight nor for each other: each is a command of its own that
 * gets the response as its reply. The host tells copies apart by the session and the id.
 */
export class OutgoingRequests {
  private lastId = 0
  /** The names of the requests that wait, by what rejects them. */
  private readonly waiting = new Map<Reject, string>()

  /** Errors with which the host, or Tauri, has refused a request. After any other it may have been sent. */
  private readonly refusals = new WeakSet<EventBusError>()

  constructor(private readonly queue: CommandQueue) {}

  isRefusal(error: EventBusError): boolean {
    return this.refusals.has(error)
  }

  /** The number of a new request. */
  nextId(): number {
    this.lastId += 1
    return this.lastId
  }

  send(request: OutgoingRequest): Promise<unknown> {
    const { signal } = request
    return new Promise((resolve, reject) => {
      const id = this.nextId()
      const settle = () => {
        this.waiting.delete(fail)
        signal?.removeEventListener('abort', abort)
      }
      const fail: Reject = (error) => {
        settle()
        reject(error)
      }
      let isInFlight = true
      const abort = () => {
        if (!this.waiting.has(fail)) return
        void this.cancel(id, () => isInFlight)
        fail(new EventBusError('cancelled', `the signal of "${request.name}" aborted`, { cause: signal?.reason }))
      }
      this.waiting.set(fail, request.name)
      signal?.addEventListener('abort', abort)
      this.transmit(id, request, () => this.waiting.has(fail))
        .finally(() => {
          isInFlight = false
        })
        .then(
          (response) => {
            settle()
            resolve(response)
          },
          (error) => fail(toEventBusError(error, 'request')),
        )
    })
  }

  /**
   * Sends a request, and again in the next session if it has reached no responder. `attempted` is told the session of each
   * attempt.
   */
  async transmit(
    id: number,
    request: OutgoingRequest,
    isWaiting: () => boolean,
    attempted: (session: string) => void = () => {},
    renewals = 0,
  ): Promise<unknown> {
    const {
      command = 'request',
      name,
      to,
      key,
      filter,
      payload,
      bytes,
      timeoutMs,
      component,
      causes,
      traceparent,
      stream,
      channel,
    } = request
    const { session } = this.queue
    attempted(session)
    const settle = () => {
      if (this.queue.session === session) this.queue.settle()
    }
    try {
      // JSON leaves out what is undefined.
      const chain = causes.length > 0 ? causes : undefined
      const args = {
        session,
        id,
        name,
        to,
        key,
        filter,
        payload,
        bytes,
        timeoutMs,
        component,
        causes: chain,
        traceparent,
        stream,
        channel,
      }
      const response = await run(command, args)
      settle()
      return response
    } catch (reason) {
      const error = toEventBusError(reason, command)
      if (isErrorObject(reason) || typeof reason === 'string') this.refusals.add(error)
      if (isErrorObject(reason) && error.code !== 'stale_session') settle()
      // A request in a stale session reached no responder, so it can be sent again.
      if (error.code !== 'stale_session' || renewals >= MAX_RENEWALS || !isWaiting()) throw error
      if (this.queue.session === session) await this.queue.renewed()
      // It may have been cancelled meanwhile.
      if (!isWaiting()) throw error
      return this.transmit(id, request, isWaiting, attempted, renewals + 1)
    }
  }

  private async cancel(id: number, isInFlight: () => boolean): Promise<void> {
    try {
      // A cancellation that overtakes the first request of its session is lost, so another one follows.
      for (let sent = 0; sent < 2 && isInFlight(); sent += 1) {
        await run('cancel_request', { session: this.queue.session, ids: [id] })
      }
    } catch (reason) {
      const error = toEventBusError(reason, 'cancel_request')
      if (error.code !== 'stale_session') report(error)
    }
  }

  /** Rejects all of them, since the host has dropped them while the page was away. */
  forget(): void {
    for (const [fail, name] of [...this.waiting]) {
      fail(new EventBusError('unavailable', `"${name}" got no response: the page was away`))
    }
  }
}
