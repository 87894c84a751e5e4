import type { Credit, PulledCredit, PulledEnding, PulledRequest } from '../core/batch.js'
import { EventBusError, toEventBusError } from '../core/error.js'
import type { Failure } from '../core/requests/failure.js'
import { type PayloadText, readPayload, sizeOfPart } from './payload.js'
import { invalidArgument } from './results.js'
import { type StreamConsumer, TestWindow } from './streams.js'

/** How long a caller waits by default, in milliseconds, as with the host. */
const DEFAULT_TIMEOUT_MS = 30_000

/** The longest time that a caller may wait, in milliseconds. */
const MAX_TIMEOUT_MS = 86_400_000

/** Refuses a timeout that the host refuses. */
export function checkTimeout(timeoutMs: number): void {
  if (timeoutMs >= 1 && timeoutMs <= MAX_TIMEOUT_MS) return
  const text = `timeoutMs is ${timeoutMs}; it must be at least 1 and at most ${MAX_TIMEOUT_MS}`
  throw new EventBusError('invalid_argument', text)
}

/** Who sends or receives a request: the page of this label, or the host (`null`). */
export type Label = string | null

/** Whether a responder responds with one value or with a stream, or accepts channels. */
export type ResponderKind = 'single' | 'stream' | 'channel'

/** A page or the host, as a receiver of requests. */
export interface Recipient {
  /** The names that it responds to. */
  readonly names: Map<string, ResponderKind>
  /** How many milliseconds a request waits for its responder, since a page that is starting may register it soon. */
  readonly grace: number
  /** Takes a request, the message that its caller no longer waits, or credit for a stream that it sends. */
  take(item: PulledRequest | PulledEnding | PulledCredit): void
  /** Takes a part of the caller of a channel, or the end of its half. */
  takePart?(request: string, part: { value: unknown } | null): void
  /** Takes back a request that has not been handed out; false if it has. */
  withdraw(request: string): boolean
}

/** A request to send. The payload is JSON; none is `null`. */
export interface NewRequest {
  name: string
  to: Label
  payload: PayloadText | undefined
  caller: Label
  causes: readonly string[]
  traceparent?: string | undefined
  /** The component that sends it. */
  component?: string | undefined
  timeoutMs?: number | undefined
  /** Cancels it when it aborts. */
  signal?: AbortSignal | undefined
  /** The credit, and who receives the parts, if it is a request for a stream. */
  stream?: (Credit & { consumer: StreamConsumer }) | undefined
  /** Whether the caller sends parts, too. */
  channel?: boolean | undefined
}

/** What the page does with a stream that it receives, or with a channel that it has opened. */
export interface CallerEntry {
  /** The number that it gave its request. */
  stream: number
  /** How many parts it has taken. */
  taken?: number
  /** Whether it receives the stream no longer. */
  stop?: boolean
  /** The number of a part that it sends. */
  part?: number
  payload?: PayloadText | undefined
  /** Whether it sends no more. */
  closed?: boolean
}

/** A response as its page sends it, or a part of one. */
export interface PageResponse {
  request: string
  /** The number of a part. */
  part?: number
  payload?: PayloadText | undefined
  failure?: Failure
  declined?: boolean
}

interface OpenRequest extends NewRequest {
  /** Whether its responder has been found. */
  isHandedOver: boolean
  /** What a stream has on its way. */
  readonly window: TestWindow | undefined
  /** What the caller of a channel has on its way. */
  readonly callerWindow: TestWindow | undefined
  /** Ends when its responder is late. */
  late: ReturnType<typeof setTimeout> | undefined
  readonly timers: ReturnType<typeof setTimeout>[]
  abort(): void
  readonly response: Promise<unknown>
  resolve(response: unknown): void
  reject(error: EventBusError): void
}

/** The requests of an app: those of the page under test, and those of everyone whom a test plays. */
export class TestRequests {
  private readonly open = new Map<string, OpenRequest>()
  private readonly recipients = new Map<Label, Recipient>()
  private newest = 0

  /** `check` refuses payloads that are too long. `changed` is called whenever something happens. */
  constructor(
    private readonly check: (name: string, payload: PayloadText | undefined) => void,
    private readonly changed: () => void,
  ) {}

  /** Adds a page, or the host. */
  join(label: Label, recipient: Recipient): void {
    this.recipients.set(label, recipient)
  }

  /** Removes a page, and with it the requests that it has received and sent. */
  leave(label: Label): void {
    this.recipients.delete(label)
    for (const [request, { to, caller, name }] of [...this.open]) {
      if (to === label) {
        const text = `${nameOf(label)} was closed, left or reloaded before it responded to "${name}"`
        this.close(request)?.reject(new EventBusError('page_gone', text))
      } else if (caller === label) this.cancel(request)
    }
  }

  /** Ends everything. How a pending request ended needs no handler. */
  end(label: Label): void {
    for (const { response } of this.open.values()) response.catch(() => {})
    this.leave(label)
    for (const request of [...this.open.keys()]) this.cancel(request)
  }

  /** The names that a page or the host responds to. */
  namesOf(label: Label): ReadonlyMap<string, ResponderKind> {
    return this.recipients.get(label)?.names ?? new Map()
  }

  /** Registers a responder, which also receives the requests that wait for it. */
  addName(label: Label, name: string, kind: ResponderKind): void {
    const recipient = this.recipients.get(label)
    if (recipient?.names.has(name)) {
      const text = `${nameOf(label)} has a responder for "${name}" already; a name has one responder there, so end it first`
      throw new EventBusError('duplicate_responder', text)
    }
    recipient?.names.set(name, kind)
    for (const [request, open] of [...this.open]) {
      if (open.to !== label || open.name !== name || open.isHandedOver) continue
      if (kindOf(open) === kind) this.handOver(request, open)
      else this.close(request)?.reject(otherKind(label, name, kind))
    }
  }

  /** Removes a responder. Requests that it has received may still get their responses. */
  removeName(label: Label, name: string): void {
    const recipient = this.recipients.get(label)
    if (!recipient?.names.delete(name)) return
    for (const [request, open] of [...this.open]) {
      if (open.to !== label || open.name !== name || !recipient.withdraw(request)) continue
      this.close(request)?.reject(noResponder(label, name))
    }
  }

  /** The consumer of a stream has taken so many parts. */
  take(request: string, taken: number): void {
    const open = this.open.get(request)
    const parts = open?.window?.take(taken)
    if (!open || parts === undefined) return
    this.changed()
    this.expect(request, open)
    this.recipients.get(open.to)?.take({ credit: request, parts })
  }

  /** Takes what a page does with what it has requested. */
  takeEntry(request: string, { taken = 0, stop, part, payload, closed }: CallerEntry): void {
    if (stop) this.leaveStream(request)
    else if (part !== undefined) this.takePartOfCaller(request, payload)
    else if (closed) this.endHalfOfCaller(request)
    else this.take(request, taken)
  }

  private takePartOfCaller(request: string, payload: PayloadText | undefined): void {
    const open = this.open.get(request)
    if (!open) return
    const { name, callerWindow: window } = open
    try {
      if (!window) throw invalidArgument(`"${name}" was not opened as a channel, so its caller sends no parts`)
      if (!window.hasCredit) {
        throw new EventBusError('queue_full', `the channel "${name}" has no credit, so this part was not sent`)
      }
      this.check(name, payload)
      window.send(sizeOfPart(payload))
    } catch (error) {
      // The part would be missing, so the channel ends.
      this.stop(request, toEventBusError(error))
      throw error
    }
    this.changed()
    this.recipients.get(open.to)?.takePart?.(request, { value: readPayload(payload) })
  }

  private endHalfOfCaller(request: string): void {
    const open = this.open.get(request)
    if (open) this.recipients.get(open.to)?.takePart?.(request, null)
  }

  /** The host has taken so many parts of the caller of a channel. */
  takeOfCaller(request: string, taken: number): void {
    const open = this.open.get(request)
    const credit = open?.callerWindow?.take(taken)
    if (credit !== undefined) open?.stream?.consumer.note?.({ credit })
  }

  /** The host sends no more parts of a channel. */
  closeHalf(request: string): void {
    this.open.get(request)?.stream?.consumer.note?.({ closed: true })
  }

  /** The consumer of a stream has left it. */
  leaveStream(request: string): void {
    const stream = this.open.get(request)?.stream
    this.cancel(request)
    stream?.consumer.withdraw()
  }

  /** Sends a request and returns its id. */
  send(sent: NewRequest): { request: string; response: Promise<unknown> } {
    const { name, to, payload, signal, stream } = sent
    // A stream may be silent for good.
    const timeoutMs = sent.timeoutMs ?? (stream ? undefined : DEFAULT_TIMEOUT_MS)
    if (timeoutMs !== undefined) checkTimeout(timeoutMs)
    this.check(name, payload)
    if (signal?.aborted) throw cancelled(signal)
    const kind = this.namesOf(to).get(name)
    const hasResponder = kind !== undefined
    if (sent.channel && to !== null)
      throw invalidArgument(`"${name}" is opened to a page; a channel has the target HOST`)
    if (hasResponder && kind !== kindOf(sent)) throw otherKind(to, name, kind)
    const grace = this.recipients.get(to)?.grace ?? 0
    if (!hasResponder && grace <= 0) throw noResponder(to, name)
    this.newest += 1
    const request = this.newest.toString(16).padStart(32, '0')
    const settle: Pick<OpenRequest, 'resolve' | 'reject'> = { resolve: () => {}, reject: () => {} }
    const response = new Promise((resolve, reject) => Object.assign(settle, { resolve, reject }))
    if (stream) {
      const { consumer } = stream
      response.then(
        (response) => consumer.end({ response }),
        (error: EventBusError) => consumer.end({ error }),
      )
    }
    const abort = () => this.stop(request, cancelled(signal))
    const window = stream && new TestWindow(stream)
    const callerWindow = stream && sent.channel ? new TestWindow(stream) : undefined
    const state = { isHandedOver: false, window, callerWindow, late: undefined, timers: [], abort, response }
    const open: OpenRequest = { ...sent, ...settle, ...state, timeoutMs }
    this.open.set(request, open)
    signal?.addEventListener('abort', abort)
    this.changed()
    this.expect(request, open)
    if (hasResponder) this.handOver(request, open)
    else {
      const missing = () => open.isHandedOver || this.close(request)?.reject(noResponder(to, name))
      open.timers.push(setTimeout(missing, grace))
    }
    return { request, response }
  }

  /** Ends a request whose responder is silent for too long. That of a stream is not while it waits for credit. */
  private expect(request: string, open: OpenRequest): void {
    const { name, timeoutMs, window } = open
    if (timeoutMs === undefined) return
    clearTimeout(open.late)
    const late = new EventBusError('timeout', `"${name}" got no response within ${timeoutMs} ms`)
    open.late = setTimeout(() => (window?.hasCredit === false ? undefined : this.stop(request, late)), timeoutMs)
  }

  /** The caller cancelled. */
  cancel(request: string): void {
    this.stop(request, cancelled())
  }

  /** Takes a response. Refuses one to a request that this page did not receive, or that has ended. */
  respond(label: Label, { request, part, payload, failure, declined }: PageResponse): void {
    const open = this.open.get(request)
    if (open?.to !== label || !open.isHandedOver) {
      const text = `this page did not receive the request ${request}, has responded already, or its caller cancelled`
      throw new EventBusError('unknown_request', text)
    }
    const { name, resolve, reject } = open
    if (part !== undefined) {
      this.takePart(request, open, payload)
      return
    }
    this.close(request)
    if (declined) reject(noResponder(label, name))
    else if (failure) reject(failed(label, name, failure))
    else {
      try {
        this.check(name, payload)
      } catch (error) {
        // Otherwise the caller would wait until its timeout.
        reject(toEventBusError(error))
        throw error
      }
      resolve(readPayload(payload))
    }
  }

  /** Ends a request with what this returns, which is JSON, or with what it throws. */
  settle(request: string, respond: () => PayloadText | undefined): void {
    const open = this.close(request)
    try {
      const payload = respond()
      this.check(open?.name ?? '', payload)
      open?.resolve(readPayload(payload))
    } catch (error) {
      open?.reject(toEventBusError(error))
    }
  }

  private takePart(request: string, open: OpenRequest, payload: PayloadText | undefined): void {
    const { name, stream, window, reject } = open
    try {
      if (!stream || !window) throw invalidArgument(`"${name}" was not requested as a stream, so it has no parts`)
      if (!window.hasCredit) {
        const text = `the stream "${name}" has no credit, so this part was not sent; its producer waits for credit`
        throw new EventBusError('queue_full', text)
      }
      this.check(name, payload)
      const isDue = window.send(sizeOfPart(payload))
      this.changed()
      this.expect(request, open)
      stream.consumer.part(readPayload(payload), isDue)
    } catch (error) {
      // The part would be missing, so the stream ends.
      this.close(request)
      reject(toEventBusError(error))
      throw error
    }
  }

  private handOver(request: string, open: OpenRequest): void {
    const { name, caller, payload, component, causes, traceparent, stream } = open
    open.isHandedOver = true
    this.recipients.get(open.to)?.take({
      request,
      name,
      source: caller ?? 0,
      payload: readPayload(payload),
      ...(component !== undefined && { component }),
      ...(causes.length > 0 && { causes }),
      ...(traceparent !== undefined && { traceparent }),
      ...(stream && { stream: { bytes: stream.bytes, parts: stream.parts } }),
    })
  }

  /** Ends a request, and tells its responder that its caller no longer waits. A request that was not handed out yet is withdrawn. */
  private stop(request: string, error: EventBusError): void {
    const open = this.close(request)
    if (!open) return
    const recipient = this.recipients.get(open.to)
    if (open.isHandedOver && !recipient?.withdraw(request)) recipient?.take({ ended: request, code: error.code })
    open.reject(error)
  }

  private close(request: string): OpenRequest | undefined {
    const open = this.open.get(request)
    this.open.delete(request)
    this.changed()
    if (!open) return undefined
    clearTimeout(open.late)
    for (const timer of open.timers) clearTimeout(timer)
    open.signal?.removeEventListener('abort', open.abort)
    return open
  }
}

function nameOf(label: Label): string {
  return label === null ? 'the host' : `the page in "${label}"`
}

function cancelled(signal?: AbortSignal): EventBusError {
  return new EventBusError('cancelled', 'the caller cancelled the request', { cause: signal?.reason })
}

function noResponder(label: Label, name: string): EventBusError {
  const help = 'register one with respond(…), which the test bus has, too, for whom the test plays'
  return new EventBusError('no_responder', `${nameOf(label)} has no responder for "${name}"; ${help}`)
}

function kindOf({ stream, channel }: Pick<NewRequest, 'stream' | 'channel'>): ResponderKind {
  if (channel) return 'channel'
  return stream ? 'stream' : 'single'
}

/** What a responder of another kind responds with, and the function that fits. */
const DOES: Record<ResponderKind, string> = {
  single: 'with one value; use request',
  stream: 'with a stream; use requestStream',
  channel: 'with a channel; use openChannel',
}

/** The responder of that name responds otherwise. */
function otherKind(label: Label, name: string, kind: ResponderKind): EventBusError {
  return new EventBusError('no_responder', `${nameOf(label)} responds to "${name}" ${DOES[kind]}`)
}

function failed(label: Label, name: string, failure: Failure): EventBusError {
  const where = label === null ? 'the host' : `"${label}"`
  const message = `the responder of "${name}" in ${where} failed: ${failure.name}: ${failure.message}`
  return toEventBusError({ code: 'responder_failed', message, failure })
}
