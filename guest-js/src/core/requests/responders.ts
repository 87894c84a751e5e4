import type { Endpoint } from '../../types/endpoint.js'
import type { Credit, PulledCredit, PulledEnding, PulledRequest } from '../batch.js'
import type { Carrier } from '../carrier.js'
import type { Call, Renewal } from '../commands.js'
import type { Registration } from '../contract.js'
import { EventBusError, toEventBusError } from '../error.js'
import { encodePayload } from '../json.js'
import { chainOf } from '../realm.js'
import { NOWHERE, type Registered, type RegistrationQueue, Registrations } from '../registrations.js'
import { isThenable, report, reportRefusal } from '../report.js'
import { type Failure, failureOf } from './failure.js'

/** Responds to requests of one name. */
export interface Responder extends Registration {
  readonly name: string
  /** How error messages call it. */
  readonly title: string
  /** Whether callers receive the stack of what it throws. */
  readonly stack: boolean
  /** Responds; may throw or return a promise. */
  respond(payload: unknown, origin: RequestOrigin): unknown
  /** Begins a stream of what `respond` returns, where the responder responds with streams. */
  readonly stream?: (stream: StreamToSend) => RunningStream
}

/** A stream that a responder is to send. */
export interface StreamToSend {
  readonly request: string
  readonly name: string
  readonly credit: Credit
  /** Whether callers receive the stack of what it throws. */
  readonly stack: boolean
  readonly queue: Pick<RegistrationQueue, 'send'>
  /** What the responder returns. */
  source(): unknown
  /** It has ended. With a reason, the signal of the responder aborts. */
  ended(reason?: EventBusError): void
}

/** A stream that is being sent. */
export interface RunningStream {
  /** So many parts count no more. */
  credit(parts: number): void
  /** Ends it, since nobody receives it any more. */
  stop(): void
}

/** Where a request comes from. */
export interface RequestOrigin {
  readonly caller: Endpoint
  /** The component that sent it, if one did. */
  readonly component: string | undefined
  readonly signal: AbortSignal
  /** The names of what caused the request, oldest first, and its own at the end. */
  readonly chain: string[]
  readonly traceparent?: string | undefined
}

interface RegisteredResponder extends Registered {
  readonly owner: Responder
  call: Call | null
}

/** The responders of a page, and the requests that they work on. */
export class Responders extends Registrations<string, RegisteredResponder> {
  private readonly running = new Map<string, AbortController>()
  private readonly streams = new Map<string, RunningStream>()

  constructor(
    queue: RegistrationQueue,
    changed: () => void,
    protected readonly carrier: Carrier,
  ) {
    super(queue, 'set_responders', changed)
  }

  override get isActive(): boolean {
    return super.isActive || this.running.size > 0
  }

  get isResponding(): boolean {
    return this.running.size > 0
  }

  add(owner: Responder): () => void {
    const { name } = owner
    const first = this.items.get(name)?.owner.title
    if (first) {
      throw new EventBusError('duplicate_responder', `"${name}" has a responder in this page, ${first}: end it first`)
    }
    return this.register(name, { owner, call: null, place: NOWHERE })
  }

  protected override entryOf(name: string, { owner }: RegisteredResponder): unknown {
    return { name, on: true, ...(owner.stream && { stream: true }) }
  }

  protected override endAtHost(name: string): Promise<unknown> {
    return this.queue.send('set_responders', { name, on: false })
  }

  override renewals(): Renewal[] {
    this.abandon()
    return super.renewals()
  }

  /** Aborts what was received in a session that has ended, whose callers no longer wait. */
  abandon(): void {
    for (const controller of this.running.values()) {
      controller.abort(new EventBusError('stale_session', 'the session that received this request has ended'))
    }
    for (const stream of this.streams.values()) stream.stop()
    this.running.clear()
    this.streams.clear()
  }

  receive(pulled: PulledRequest, caller: Endpoint): void {
    const { request, name, payload, component, causes, traceparent, stream } = pulled
    const responder = this.items.get(name)?.owner
    if (!responder || !responder.stream !== !stream) {
      this.carrier.carry('respond', { request, declined: true })
      return
    }
    const controller = new AbortController()
    this.running.set(request, controller)
    const { signal } = controller
    const origin = { caller, component, signal, chain: chainOf(name, causes), traceparent }
    const source = () => responder.respond(payload, origin)
    if (responder.stream && stream) {
      const ended = (reason?: EventBusError) => {
        this.running.delete(request)
        this.streams.delete(request)
        if (reason) controller.abort(reason)
      }
      const { stack } = responder
      const sent = { request, name, credit: stream, stack, queue: this.queue, source, ended }
      const running = responder.stream(sent)
      // A responder that throws at once has ended it.
      if (this.running.has(request)) this.streams.set(request, running)
      return
    }
    // A response that comes after the caller stopped waiting is dropped.
    const finish = (settle: () => void) => {
      if (this.running.get(request) !== controller) return
      this.running.delete(request)
      settle()
    }
    const succeed = (response: unknown) => finish(() => this.succeed(request, name, response))
    const fail = (reason: unknown) => finish(() => this.fail(request, failureOf(reason, responder.stack)))
    try {
      const response = source()
      if (isThenable(response)) Promise.resolve(response).then(succeed, fail)
      else succeed(response)
    } catch (reason) {
      fail(reason)
    }
  }

  /** Tells a responder that the caller no longer waits. */
  stop({ ended, code }: PulledEnding): void {
    const controller = this.running.get(ended)
    if (!controller) return
    this.running.delete(ended)
    const stream = this.streams.get(ended)
    this.streams.delete(ended)
    const message = code === 'timeout' ? 'the request timed out' : 'the caller cancelled the request'
    controller.abort(toEventBusError({ code, message }))
    stream?.stop()
  }

  /** Lets a stream of this page go on. */
  credit({ credit, parts }: PulledCredit): void {
    this.streams.get(credit)?.credit(parts)
  }

  private succeed(request: string, name: string, response: unknown): void {
    try {
      const { payload, bytes, size } = encodePayload(name, response)
      // What a pull carries is text.
      if (bytes) this.queue.send('respond', { request, payload, bytes }, size).catch(reportRefusal)
      else this.carrier.carry('respond', { request, payload }, size)
    } catch (reason) {
      // The caller learns of it, and so does this page, whose mistake it is.
      report(reason)
      this.fail(request, failureOf(reason, false))
    }
  }

  private fail(request: string, failure: Failure): void {
    const { name, message, stack = '' } = failure
    this.carrier.carry('respond', { request, failure }, name.length + message.length + stack.length)
  }
}
