import type { PulledOther, PulledRequest } from '../core/batch.js'
import type { Piece } from '../core/bytes.js'
import type { Inbox } from '../core/contract.js'
import { EventBusError, toEventBusError } from '../core/error.js'
import { MARK } from '../core/json.js'
import { reportRefusal } from '../core/report.js'
import { IncomingStreams, isLost } from '../core/requests/incoming.js'
import { pageRequests } from '../core/requests/open.js'
import { openPartChannel } from '../core/requests/part-channel.js'
import type { OutgoingRequest } from '../core/requests/requests.js'
import type { RequestOrigin, StreamToSend } from '../core/requests/responders.js'
import type { PartChannel } from '../types/part-channel.js'
import type { PartStream } from '../types/part-stream.js'
import type { Target } from '../types/target.js'
import { plainErrorOf } from './errors.js'
import { randomId } from './messages.js'
import { type Entry, readEntry, readFailure, readId, readText, sizeOf } from './values.js'

/** How many parts of a stream are on their way to a member. */
const STREAM_WINDOW = 16

/** How often a task is attached to again, where each attempt is lost, before that is its end. */
const MAX_ATTEMPTS = 10

/** How many names a member may respond to. */
const MAX_RESPONDERS = 256

/** How many streams, channels and tasks a member may receive at once: half of what the host grants its page. */
const MAX_STREAMS = 128

/** What requests need of their member. */
export interface Requester {
  readonly source: string
  readonly inbox: Inbox
  add(item: PulledOther): void
  /** The component of what a member sends. */
  componentOf(component: unknown): string
}

/** A request that a responder of the member works on. */
interface Pending {
  resolve(response: unknown): void
  reject(reason: unknown): void
}

/** A stream that the member receives, or a channel that it has opened. */
interface Incoming {
  parts: Pick<AsyncIterator<unknown>, 'next'>
  readonly channel?: PartChannel<unknown, unknown>
  stop(): void
  /** Replaces it where it has ended with the session of the page alone. */
  again?(): void
  taken: number
  /** How many parts of the member the host has not taken. */
  unsent?: number
  wake: (() => void) | undefined
}

/** A stream that the member sends, and what of it waits for the host. */
interface Outgoing {
  readonly stream: StreamToSend
  parts: number
  bytes: number
}

/** What a responder of a member gets of a request. */
interface Received {
  readonly payload: unknown
  readonly origin: RequestOrigin
}

/** The requests that a member sends through its page, and those that it responds to. */
export class MemberRequests {
  /** The requests in flight, by the ids of the member. */
  private readonly sent = new Map<number, AbortController>()
  private readonly incoming = new Map<number, Incoming>()
  private readonly responders = new Map<string, () => void>()
  private readonly pending = new Map<string, Pending>()
  /** The streams that the member sends, by the ids of the host. */
  private readonly outgoing = new Map<string, Outgoing>()
  private lastRequest = 0

  constructor(private readonly member: Requester) {}

  async send(entry: Entry, stream: unknown, isChannel: boolean): Promise<unknown> {
    const { id: given, name, to, payload, bytes, timeoutMs, component, causes, traceparent } = entry
    const id = readId('id', given)
    if (this.sent.has(id)) throw new EventBusError('invalid_argument', `the request ${id} is in flight already`)
    const request = {
      name: name as string,
      to: to as Target,
      payload,
      bytes,
      timeoutMs: timeoutMs as number | undefined,
      component: this.member.componentOf(component),
      causes: (causes ?? []) as string[],
      traceparent: traceparent as string | undefined,
    }
    const controller = new AbortController()
    const { signal } = controller
    const requests = pageRequests()
    if (stream !== undefined && stream !== null) {
      const sent = { ...request, signal, stream: readCredit(stream) }
      this.checkStreams()
      this.sent.set(id, controller)
      if (isChannel) return this.openChannel(id, sent)
      const parts = streamOf(signal, sent)
      void this.forward(id, { parts, stop: () => parts.stop(), taken: 0, wake: undefined })
      return null
    }
    this.sent.set(id, controller)
    try {
      return await requests.requests.send({ ...request, signal })
    } finally {
      this.sent.delete(id)
    }
  }

  /** Follows a task for the member. Its stream goes on when the session of the page is renewed, as it does in a page. */
  attach(id: number, { name, key }: { name: string; key: string }): null {
    if (this.sent.has(id)) throw new EventBusError('invalid_argument', `the request ${id} is in flight already`)
    this.checkStreams()
    const controller = new AbortController()
    this.sent.set(id, controller)
    const open = () => streamOf(controller.signal, { command: 'attach_task', name, key, causes: [] })
    let parts = open()
    const incoming: Incoming = { parts, stop: () => parts.stop(), taken: 0, wake: undefined }
    incoming.again = () => {
      parts = open()
      incoming.parts = parts
    }
    void this.forward(id, incoming)
    return null
  }

  private checkStreams(): void {
    if (this.incoming.size < MAX_STREAMS) return
    const text = `${this.member.source} receives ${MAX_STREAMS} streams and tasks, the limit of a worker or frame`
    throw new EventBusError('queue_full', text)
  }

  cancel(ids: unknown): null {
    for (const id of Array.isArray(ids) ? ids : []) this.sent.get(id)?.abort()
    return null
  }

  /** Opens a channel for the member. The reply is the credit of the member: its page passes on what the host takes. */
  private openChannel(id: number, request: OutgoingRequest & { signal: AbortSignal }): object {
    const channel = openPartChannel(request.name, request.signal, () => request) as PartChannel<unknown, unknown>
    const parts = channel[Symbol.asyncIterator]()
    void this.forward(id, { parts, channel, stop: () => channel.stop(), taken: 0, wake: undefined })
    return { credit: { bytes: Number.MAX_SAFE_INTEGER, parts: STREAM_WINDOW } }
  }

  /** Brings a stream to the member, as fast as that takes it. */
  private async forward(id: number, incoming: Incoming): Promise<void> {
    const { channel } = incoming
    this.incoming.set(id, incoming)
    const isOpen = () => this.incoming.get(id) === incoming
    const tell = (end: PulledOther) => {
      if (isOpen()) this.member.add(end)
      this.sent.delete(id)
      this.incoming.delete(id)
    }
    let attempts = 0
    for (let sent = 0; isOpen(); ) {
      if (sent - incoming.taken >= STREAM_WINDOW) {
        await new Promise<void>((resolve) => {
          incoming.wake = resolve
        })
        continue
      }
      try {
        const { done, value } = await incoming.parts.next()
        if (done && channel) {
          // Its own half may go on.
          if (isOpen()) this.member.add({ stream: id, closed: true })
          const end = await channel.closed
          return tell(end.code === 'completed' ? { stream: id, response: null } : { stream: id, error: end })
        }
        if (done) return tell({ stream: id, response: value })
        attempts = 0
        sent += 1
        if (isOpen()) this.member.add({ stream: id, parts: [value], due: true })
      } catch (error) {
        attempts += 1
        const { again } = incoming
        const isOver = !again || attempts >= MAX_ATTEMPTS || !isLost(toEventBusError(error))
        if (isOver || !isOpen()) return tell({ stream: id, error: plainErrorOf(error) })
        again()
      }
    }
  }

  /** Registers a responder of the member, or ends it. */
  setResponder(entry: Entry): Promise<object> | object {
    const { on, stream } = entry
    const name = readText('name', entry.name, 'invalid_event_name')
    if (on !== true) {
      this.responders.get(name)?.()
      return {}
    }
    if (this.responders.size >= MAX_RESPONDERS) {
      throw new EventBusError('queue_full', `${this.member.source} has ${MAX_RESPONDERS} responders, the limit`)
    }
    return new Promise((resolve, reject) => {
      const end = pageRequests().add({
        name,
        title: `that of ${this.member.source}`,
        stack: true,
        respond: (payload, origin) => (stream === true ? { payload, origin } : this.respond(name, { payload, origin })),
        ...(stream === true && { stream: (toSend) => this.respondWithStream(toSend) }),
        accepted: () => resolve({}),
        ended: (error) => {
          this.responders.delete(name)
          if (error) reject(error)
          else resolve({})
        },
      })
      this.responders.set(name, end)
    })
  }

  private respond(name: string, received: Received): Promise<unknown> {
    this.lastRequest += 1
    const request = `${this.lastRequest}`
    return new Promise((resolve, reject) => {
      this.pending.set(request, { resolve, reject })
      this.hand(request, name, received)
    })
  }

  private respondWithStream(stream: StreamToSend) {
    const { request, name, credit } = stream
    this.outgoing.set(request, { stream, parts: 0, bytes: 0 })
    this.hand(request, name, stream.source() as Received, credit)
    return {
      credit: (parts: number) => this.member.add({ credit: request, parts }),
      // Its signal has told the member already.
      stop: () => void this.outgoing.delete(request),
    }
  }

  /** Hands a request to the member. */
  private hand(request: string, name: string, { payload, origin }: Received, stream?: PulledRequest['stream']): void {
    const { caller, component, signal, chain, traceparent } = origin
    const causes = chain.slice(0, -1)
    signal.addEventListener('abort', () => {
      this.pending.delete(request)
      this.member.add({ ended: request, code: (signal.reason as Partial<EventBusError>)?.code ?? 'cancelled' })
    })
    this.member.add({
      request,
      name,
      source: caller.kind === 'webview' ? caller.label : 0,
      payload,
      ...(component !== undefined && { component }),
      ...(causes.length > 0 && { causes }),
      ...(traceparent !== undefined && { traceparent }),
      ...(stream && { stream }),
    })
  }

  /** Takes an entry of `respond`. */
  takeResponse(given: unknown): Promise<unknown> | object {
    const { failure, ...rest } = given as { failure?: unknown }
    const entry = readEntry(rest)
    if (entry.stream !== undefined) return entry.part === undefined ? this.takeProgress(entry) : this.sendPart(entry)
    const request = readText('request', entry.request)
    const thrown = failure === undefined ? undefined : readFailure(failure)
    const own = this.outgoing.get(request)
    if (own) {
      const isLast = thrown !== undefined || entry.declined === true || entry.part === undefined
      if (isLast) {
        this.outgoing.delete(request)
        own.stream.ended()
      }
      return this.sendOf(own, isLast, { ...entry, failure: thrown })
    }
    const pending = this.pending.get(request)
    if (!pending) {
      const text = 'this member did not receive the request, has responded already, or its caller cancelled'
      throw new EventBusError('unknown_request', text)
    }
    this.pending.delete(request)
    if (thrown) pending.reject(thrown)
    else if (entry.declined === true) pending.reject(new Error(`the responder in ${this.member.source} has ended`))
    else {
      try {
        pending.resolve(valueIn(entry))
      } catch (error) {
        const text = `the response of ${this.member.source} is no JSON: ${error}`
        pending.reject(new EventBusError('invalid_payload', text))
        throw new EventBusError('invalid_payload', text)
      }
    }
    return {}
  }

  /** Sends a part of a stream, or its end. A part that waits for the host counts for the credit of the stream. */
  private async sendOf(own: Outgoing, isLast: boolean, entry: Entry): Promise<unknown> {
    const { credit, name } = own.stream
    if (!isLast && (own.parts >= credit.parts || own.bytes >= 2 * credit.bytes)) {
      const text = `${own.parts} parts of the stream "${name}" wait: its credit is ${credit.parts}, or ${credit.bytes} bytes`
      throw new EventBusError('queue_full', text)
    }
    const size = sizeOf(entry)
    own.parts += 1
    own.bytes += size
    try {
      return await this.member.inbox.queue.send('respond', entry, size)
    } catch (error) {
      // The request has ended with the session of the page.
      if ((error as EventBusError).code !== 'stale_session') throw error
      throw new EventBusError('unknown_request', (error as EventBusError).message)
    } finally {
      own.parts -= 1
      own.bytes -= size
    }
  }

  /** Sends a part of a channel that the member has opened. */
  private sendPart(entry: Entry): object {
    const stream = readId('stream', entry.stream)
    const part = readId('part', entry.part)
    const incoming = this.incoming.get(stream)
    if (!incoming?.channel) return {}
    const { unsent = 0 } = incoming
    if (unsent >= STREAM_WINDOW) {
      throw new EventBusError('queue_full', `${STREAM_WINDOW} parts of the channel ${stream} wait, all of its credit`)
    }
    const value = valueIn(entry)
    incoming.unsent = unsent + 1
    const sent = () => {
      incoming.unsent = (incoming.unsent ?? 1) - 1
    }
    // What fails tells by the end of the channel.
    incoming.channel.send(value).then(() => {
      sent()
      if (this.incoming.get(stream) === incoming) this.member.add({ stream, credit: part })
    }, sent)
    return {}
  }

  /** The member has taken parts of a stream, leaves it, or closes its half of a channel. */
  private takeProgress({ stream, taken, stop, closed }: Entry): object {
    const incoming = this.incoming.get(readId('stream', stream))
    if (!incoming) return {}
    incoming.taken = Math.max(incoming.taken, readId('taken', taken ?? 0))
    incoming.wake?.()
    if (closed === true) incoming.channel?.close()
    if (stop === true) {
      this.incoming.delete(stream as number)
      this.sent.delete(stream as number)
      incoming.stop()
    }
    return {}
  }

  /** Ends all of them. */
  end(): void {
    const reason = new EventBusError('page_gone', `${this.member.source} has ended`)
    for (const controller of this.sent.values()) controller.abort()
    for (const incoming of this.incoming.values()) {
      incoming.stop()
      incoming.wake?.()
    }
    for (const end of [...this.responders.values()]) end()
    for (const { reject } of this.pending.values()) reject(reason)
    const failure = { name: reason.name, message: reason.message }
    for (const [request, { stream }] of this.outgoing) {
      stream.ended()
      this.member.inbox.queue.send('respond', { request, failure }).catch(reportRefusal)
    }
    for (const map of [this.sent, this.incoming, this.responders, this.pending, this.outgoing]) map.clear()
  }
}

/** Requests a stream, or follows a task. */
function streamOf(signal: AbortSignal, request: OutgoingRequest): PartStream<unknown, unknown> {
  const streams = pageRequests().openStreams((...needed) => new IncomingStreams(...needed))
  return streams.request(request.name, signal, () => request) as PartStream<unknown, unknown>
}

/** The credit of a stream. */
function readCredit(given: unknown): { bytes: number | undefined; parts: number | undefined } {
  const { bytes, parts } = given as Record<string, unknown>
  const read = (what: string, value: unknown) => (value === undefined ? undefined : readId(`stream.${what}`, value))
  return { bytes: read('bytes', bytes), parts: read('parts', parts) }
}

/** The value of a response. */
function valueIn({ payload = 'null', bytes = [] }: Entry): unknown {
  if (bytes.length === 0) return JSON.parse(payload)
  const place = `bytes ${randomId()}`
  const pieces: Piece[] = [...bytes]
  // Writing and reading pass the properties of an object in the same order.
  return JSON.parse(payload.replaceAll(MARK, `"${place}"`), (_, value) => (value === place ? pieces.shift() : value))
}
