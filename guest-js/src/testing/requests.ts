import { endpointOf, type PulledEnding, type PulledRequest } from '../core/batch.js'
import type { Call } from '../core/commands.js'
import { EventBusError, toEventBusError } from '../core/error.js'
import type { Failure } from '../core/requests/failure.js'
import { type RequestOrigin, Responders } from '../core/requests/responders.js'
import { readPayload } from './payload.js'

/** How long a caller waits by default, in milliseconds, as with the host. */
const DEFAULT_TIMEOUT_MS = 30_000

/** The longest time that a caller may wait, in milliseconds. */
const MAX_TIMEOUT_MS = 86_400_000

/** Who sends or receives a request: the page of this label, or the host (`null`). */
export type Label = string | null

/** A page or the host, as a receiver of requests. */
export interface Recipient {
  /** The names that it responds to. */
  readonly names: Set<string>
  /** How many milliseconds a request waits for its responder, since a page that is starting may register it soon. */
  readonly grace: number
  /** Takes a request, or the message that its caller no longer waits. */
  take(item: PulledRequest | PulledEnding): void
  /** Takes back a request that has not been handed out; false if it has. */
  withdraw(request: string): boolean
}

/** A request to send. The payload is JSON; none is `null`. */
export interface NewRequest {
  name: string
  to: Label
  payload: string | undefined
  caller: Label
  causes: readonly string[]
  /** The component that sends it. */
  component?: string | undefined
  timeoutMs?: number | undefined
  /** Cancels it when it aborts. */
  signal?: AbortSignal | undefined
}

/** A response as its page sends it. */
export interface PageResponse {
  request: string
  payload?: string
  failure?: Failure
  declined?: boolean
}

interface OpenRequest extends NewRequest {
  /** Whether its responder has been found. */
  isHandedOver: boolean
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
    private readonly check: (name: string, payload: string | undefined) => void,
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
  namesOf(label: Label): ReadonlySet<string> {
    return this.recipients.get(label)?.names ?? new Set()
  }

  /** Registers a responder, which also receives the requests that wait for it. */
  addName(label: Label, name: string): void {
    const recipient = this.recipients.get(label)
    if (recipient?.names.has(name)) {
      const text = `${nameOf(label)} has a responder for "${name}" already; a name has one responder there, so end it first`
      throw new EventBusError('duplicate_responder', text)
    }
    recipient?.names.add(name)
    for (const [request, open] of this.open) {
      if (open.to === label && open.name === name && !open.isHandedOver) this.handOver(request, open)
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

  /** Sends a request and returns its id. */
  send(sent: NewRequest): { request: string; response: Promise<unknown> } {
    const { name, to, payload, signal } = sent
    const timeoutMs = sent.timeoutMs ?? DEFAULT_TIMEOUT_MS
    if (!(timeoutMs >= 1 && timeoutMs <= MAX_TIMEOUT_MS)) {
      const text = `timeoutMs is ${timeoutMs}; it must be at least 1 and at most ${MAX_TIMEOUT_MS}`
      throw new EventBusError('invalid_argument', text)
    }
    this.check(name, payload)
    if (signal?.aborted) throw cancelled(signal)
    const hasResponder = this.namesOf(to).has(name)
    const grace = this.recipients.get(to)?.grace ?? 0
    if (!hasResponder && grace <= 0) throw noResponder(to, name)
    this.newest += 1
    const request = this.newest.toString(16).padStart(32, '0')
    const settle: Pick<OpenRequest, 'resolve' | 'reject'> = { resolve: () => {}, reject: () => {} }
    const response = new Promise((resolve, reject) => Object.assign(settle, { resolve, reject }))
    const abort = () => this.stop(request, cancelled(signal))
    const open: OpenRequest = { ...sent, ...settle, isHandedOver: false, timers: [], abort, response }
    this.open.set(request, open)
    signal?.addEventListener('abort', abort)
    this.changed()
    const late = new EventBusError('timeout', `"${name}" got no response within ${timeoutMs} ms`)
    open.timers.push(setTimeout(() => this.stop(request, late), timeoutMs))
    if (hasResponder) this.handOver(request, open)
    else {
      const missing = () => open.isHandedOver || this.close(request)?.reject(noResponder(to, name))
      open.timers.push(setTimeout(missing, grace))
    }
    return { request, response }
  }

  /** The caller cancelled. */
  cancel(request: string): void {
    this.stop(request, cancelled())
  }

  /** Takes a response. Refuses one to a request that this page did not receive, or that has ended. */
  respond(label: Label, { request, payload, failure, declined }: PageResponse): void {
    const open = this.open.get(request)
    if (open?.to !== label || !open.isHandedOver) {
      const text = `this page did not receive the request ${request}, has responded already, or its caller cancelled`
      throw new EventBusError('unknown_request', text)
    }
    const { name, resolve, reject } = open
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

  private handOver(request: string, open: OpenRequest): void {
    const { name, caller, payload, component, causes } = open
    open.isHandedOver = true
    this.recipients.get(open.to)?.take({
      request,
      name,
      source: caller ?? 0,
      payload: readPayload(payload),
      ...(component !== undefined && { component }),
      ...(causes.length > 0 && { causes }),
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
    for (const timer of open.timers) clearTimeout(timer)
    open.signal?.removeEventListener('abort', open.abort)
    return open
  }
}

/** A page or the host that a test plays. It uses the responders of real pages. */
export class PlayedRecipient implements Recipient {
  readonly names = new Set<string>()
  readonly grace = 0
  private isClosed = false
  private readonly responders = new Responders(
    {
      session: '',
      push: (command, call) => this.run(command, call),
      send: (command, value) =>
        new Promise((resolve, reject) => this.run(command, { value, size: 0, resolve, reject })),
      withdraw: () => false,
      renewLater: () => {},
    },
    () => {},
  )

  constructor(
    private readonly label: Label,
    private readonly requests: TestRequests,
  ) {
    requests.join(label, this)
  }

  /** Registers a responder. Returns what ends it. */
  respond(name: string, title: string, respond: (payload: unknown, origin: RequestOrigin) => unknown): () => void {
    let refused: EventBusError | undefined
    const ended = (error?: EventBusError) => {
      refused = error
    }
    const off = this.responders.add({ name, title, stack: false, respond, accepted: () => {}, ended })
    if (refused) throw refused
    return off
  }

  /** Its responders and what comes later under its label have no effect. */
  close(): void {
    this.isClosed = true
    this.responders.abandon()
  }

  take(item: PulledRequest | PulledEnding): void {
    // A request takes its time, so its caller has gone on by then.
    void Promise.resolve().then(() => {
      if (this.isClosed) return
      if ('ended' in item) return this.responders.stop(item)
      this.responders.receive(item, endpointOf(item.source))
    })
  }

  withdraw(): boolean {
    return false
  }

  private run(command: string, { value, resolve, reject }: Call): void {
    if (this.isClosed) return
    try {
      if (command === 'respond') this.requests.respond(this.label, value as PageResponse)
      else {
        const { name, on } = value as { name: string; on: boolean }
        if (on) this.requests.addName(this.label, name)
        else this.requests.removeName(this.label, name)
      }
      resolve({}, '')
    } catch (error) {
      reject(toEventBusError(error))
    }
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

function failed(label: Label, name: string, failure: Failure): EventBusError {
  const where = label === null ? 'the host' : `"${label}"`
  const message = `the responder of "${name}" in ${where} failed: ${failure.name}: ${failure.message}`
  return toEventBusError({ code: 'responder_failed', message, failure })
}
