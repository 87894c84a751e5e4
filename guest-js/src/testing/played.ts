import {
  endpointOf,
  type PulledCredit,
  type PulledEnding,
  type PulledParts,
  type PulledRequest,
} from '../core/batch.js'
import type { Piece } from '../core/bytes.js'
import { Carrier } from '../core/carrier.js'
import type { Call, CommandQueue } from '../core/commands.js'
import { type EventBusError, toEventBusError } from '../core/error.js'
import type { RegistrationQueue } from '../core/registrations.js'
import { IncomingStreams } from '../core/requests/incoming.js'
import { Producer } from '../core/requests/producer.js'
import type { OutgoingRequest, OutgoingRequests } from '../core/requests/requests.js'
import { type RequestOrigin, Responders, type RunningStream, type StreamToSend } from '../core/requests/responders.js'
import type { PartStream } from '../types/part-stream.js'
import { type OpenedChannel, PlayedChannel } from './channels.js'
import { type PayloadText, withPieces } from './payload.js'
import type { Label, PageResponse, Recipient, ResponderKind, TestRequests } from './requests.js'
import { errorOf } from './results.js'
import type { StreamConsumer } from './streams.js'

/** A page or the host that a test plays. It uses the responders and the streams of real pages. */
export class PlayedRecipient implements Recipient {
  readonly names = new Map<string, ResponderKind>()
  readonly grace = 0
  private isClosed = false
  /** The kind of the responder that is being registered. */
  private kind: ResponderKind = 'single'
  /** What responds as a recording did, by name. */
  private readonly replayed = new Map<string, () => PayloadText | undefined>()
  private readonly channels = new Map<string, PlayedChannel>()
  private readonly queue: RegistrationQueue = {
    session: '',
    push: (command, call) => this.run(command, call),
    send: (command, value) => new Promise((resolve, reject) => this.run(command, { value, size: 0, resolve, reject })),
    withdraw: () => false,
    renewLater: () => {},
  }
  private readonly responders = new Responders(this.queue, () => {}, new Carrier(this.queue))

  constructor(
    private readonly label: Label,
    private readonly requests: TestRequests,
  ) {
    requests.join(label, this)
  }

  /** Registers a responder. Returns what ends it. */
  respond(
    name: string,
    title: string,
    kind: ResponderKind,
    respond: (payload: unknown, origin: RequestOrigin) => unknown,
  ): () => void {
    let refused: EventBusError | undefined
    const ended = (error?: EventBusError) => {
      refused = error
    }
    this.kind = kind
    const stream = kind !== 'single' && { stream: (sent: StreamToSend) => this.begin(sent, kind) }
    const off = this.responders.add({ name, title, stack: false, respond, accepted: () => {}, ended, ...stream })
    if (refused) throw refused
    return off
  }

  /**
   * Responds with what `next` returns, which is JSON, or with the error that it throws, code and all. A responder of the test
   * goes first. Returns what ends it.
   */
  replay(name: string, next: () => PayloadText | undefined): () => void {
    if (this.names.has(name)) return () => {}
    this.replayed.set(name, next)
    this.requests.addName(this.label, name, 'single')
    return () => {
      this.replayed.delete(name)
      this.requests.removeName(this.label, name)
    }
  }

  private begin(sent: StreamToSend, kind: ResponderKind): RunningStream {
    if (kind === 'stream') return new Producer(sent)
    const { request } = sent
    const ended = (reason?: EventBusError) => {
      this.channels.delete(request)
      sent.ended(reason)
    }
    const side = {
      took: (parts: number) => this.requests.takeOfCaller(request, parts),
      closed: () => this.requests.closeHalf(request),
    }
    const channel = new PlayedChannel({ ...sent, source: () => sent.source() as OpenedChannel, ended }, side)
    this.channels.set(request, channel)
    return channel
  }

  takePart(request: string, part: { value: unknown } | null): void {
    // Behind the request, which is taken then, too.
    void Promise.resolve().then(() => {
      const channel = this.channels.get(request)
      if (part) channel?.receive(part.value)
      else channel?.complete()
    })
  }

  /** Requests a stream by `send`, which returns the id of the request. What it throws ends the stream. */
  requestStream(
    name: string,
    signal: AbortSignal | undefined,
    send: (consumer: StreamConsumer) => string,
  ): PartStream<never, never> {
    let request = ''
    const receive = (item: object) => streams.receive({ stream: 1, ...item } as PulledParts, 0)
    const consumer: StreamConsumer = {
      part: (part, due) => receive({ parts: [part], due }),
      end: (end) => receive('error' in end ? { error: errorOf(end.error) } : end),
      withdraw: () => {},
    }
    const leave = async () => this.requests.leaveStream(request)
    const transmit = async () => {
      request = send(consumer)
      return {}
    }
    const streams: IncomingStreams = new IncomingStreams(
      { session: '', send: leave } as unknown as CommandQueue,
      { nextId: () => 1, transmit, isRefusal: () => true } as unknown as OutgoingRequests,
      (_, taken) => this.requests.take(request, taken),
      () => {},
    )
    return streams.request(name, signal, () => ({}) as OutgoingRequest)
  }

  /** Its responders and what comes later under its label have no effect. */
  close(): void {
    this.isClosed = true
    this.responders.abandon()
  }

  take(item: PulledRequest | PulledEnding | PulledCredit): void {
    // A request takes its time, so its caller has gone on by then.
    void Promise.resolve().then(() => {
      if (this.isClosed) return
      if ('ended' in item) {
        this.channels.delete(item.ended)
        return this.responders.stop(item)
      }
      if ('credit' in item) return this.responders.credit(item)
      const next = this.replayed.get(item.name)
      if (next) return this.requests.settle(item.request, next)
      const { source } = item
      this.responders.receive(item, endpointOf(source))
    })
  }

  withdraw(): boolean {
    return false
  }

  private run(command: string, { value, resolve, reject }: Call): void {
    if (this.isClosed) return
    try {
      if (command === 'respond') this.requests.respond(this.label, received(value as PageResponse))
      else {
        const { name, on } = value as { name: string; on: boolean }
        if (on) this.requests.addName(this.label, name, this.kind)
        else this.requests.removeName(this.label, name)
      }
      resolve({}, '')
    } catch (error) {
      reject(toEventBusError(error))
    }
  }
}

/** A response with its bytes in its payload. */
function received({ bytes, ...response }: PageResponse & { bytes?: readonly Piece[] }): PageResponse {
  return bytes ? { ...response, payload: withPieces(response.payload as string, bytes) } : response
}
