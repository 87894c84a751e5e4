import {
  endpointOf,
  type PulledCredit,
  type PulledEnding,
  type PulledParts,
  type PulledRequest,
} from '../core/batch.js'
import type { Piece } from '../core/bytes.js'
import type { Call, CommandQueue } from '../core/commands.js'
import { type EventBusError, toEventBusError } from '../core/error.js'
import { IncomingStreams } from '../core/requests/incoming.js'
import { Producer } from '../core/requests/producer.js'
import type { OutgoingRequest, OutgoingRequests } from '../core/requests/requests.js'
import { type RequestOrigin, Responders, type StreamToSend } from '../core/requests/responders.js'
import type { PartStream } from '../types/part-stream.js'
import { holdBytes } from './payload.js'
import type { Label, PageResponse, Recipient, ResponderKind, TestRequests } from './requests.js'
import { errorOf } from './results.js'
import type { StreamConsumer } from './streams.js'

/** A page or the host that a test plays. It uses the responders and the streams of real pages. */
export class PlayedRecipient implements Recipient {
  readonly names = new Map<string, ResponderKind>()
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
    const stream = kind === 'stream' && { stream: (sent: StreamToSend) => new Producer(sent) }
    const off = this.responders.add({ name, title, stack: false, respond, accepted: () => {}, ended, ...stream })
    if (refused) throw refused
    return off
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
      if ('ended' in item) return this.responders.stop(item)
      if ('credit' in item) return this.responders.credit(item)
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
      if (command === 'respond') this.requests.respond(this.label, held(value as PageResponse))
      else {
        const { name, on, stream } = value as { name: string; on: boolean; stream?: boolean }
        if (on) this.requests.addName(this.label, name, stream ? 'stream' : 'single')
        else this.requests.removeName(this.label, name)
      }
      resolve({}, '')
    } catch (error) {
      reject(toEventBusError(error))
    }
  }
}

/** A response with its bytes in the text of its payload. */
function held({ bytes, ...response }: PageResponse & { bytes?: readonly Piece[] }): PageResponse {
  return bytes ? { ...response, payload: holdBytes(response.payload, bytes) } : response
}
