// The bus for the crate `tauri-plugin-event-bus-guest`, which carries this file along as a module of its own. Payloads cross
// between Rust and JavaScript as text, with their bytes beside it.

import { emit as emitToAll, emitTo as emitToSome } from './api/emit.js'
import { request as sendRequest } from './api/request.js'
import { requestStream as sendStreamRequest } from './api/request-stream.js'
import { withBytes } from './core/bytes.js'
import { EventBusError, toEventBusError } from './core/error.js'
import { encodePayload } from './core/json.js'
import { register } from './core/requests/open.js'
import { Producer } from './core/requests/producer.js'
import { subscribe } from './core/subscription.js'
import { latestOf } from './frameworks/shared-state.js'
import type { EmitOptions, Receipt } from './types/emit.js'
import type { ErrorCode } from './types/error-code.js'
import type { BusEvent } from './types/event.js'
import type { Gap } from './types/gap.js'
import type { StreamRequestOptions } from './types/part-stream.js'
import type { RequestContext, RequestOptions } from './types/request.js'
import type { ListenOptions, Subscription } from './types/subscription.js'
import type { Target } from './types/target.js'

export { isAvailable } from './api/available.js'

/** A payload for Rust. */
interface Marked {
  /** JSON with a mark in the place of each piece of bytes. */
  readonly text: string
  readonly pieces: Uint8Array[]
}

function marked(name: string, value: unknown): Marked {
  const { payload: text = 'null', bytes = [] } = encodePayload(name, value)
  const pieces = bytes.filter((piece) => piece instanceof Uint8Array)
  if (pieces.length === bytes.length) return { text, pieces }
  // It comes only from a page itself, over a bus in memory.
  throw new TypeError(`the payload of "${name}" has a Blob, whose bytes are not read yet; send a Uint8Array`)
}

/** The value of a payload of Rust: JSON with `null` in the places of bytes, the paths to these places, and the bytes. */
export function value(text: string, places: string, pieces: Uint8Array[]): unknown {
  const parsed: unknown = JSON.parse(text)
  return places === '' ? parsed : withBytes([parsed, JSON.parse(places)], (at) => pieces[at] as Uint8Array)
}

/** An error as the package makes them. */
export function busError(code: ErrorCode, message: string): Error {
  return new EventBusError(code, message)
}

/** An error with a name, as a responder throws it. */
export function failure(name: string, message: string): Error {
  const error = new Error(message)
  error.name = name
  return error
}

/** Whatever was thrown, as the error of this package. */
export function readError(reason: unknown): EventBusError {
  return toEventBusError(reason)
}

const nothing = () => {}

type Emitter = Pick<RequestContext, 'emit' | 'emitTo'>

/** Emits to everyone, or to the target in the options; as caused by an event or a request, if there is one. */
export function emit(name: string, payload: unknown, options: string, cause?: Emitter): Promise<Receipt> {
  const { to, ...rest } = JSON.parse(options) as EmitOptions & { to?: Target }
  const { emit, emitTo } = cause ?? { emit: emitToAll, emitTo: emitToSome }
  return to === undefined ? emit<unknown>(name, payload, rest) : emitTo<unknown>(to, name, payload, rest)
}

type Deliver = (text: string, pieces: Uint8Array[], event: BusEvent<unknown>) => void

/** Listens. With `ended`, a refusal is not reported: `ended` gets it, and nothing if Rust has ended it. */
export function listen(
  name: string,
  options: string,
  deliver: Deliver,
  onGap?: (gap: Gap) => void,
  ended?: (error?: Error) => void,
): Subscription {
  const receive = (event: BusEvent<unknown>) => {
    const { text, pieces } = marked(event.event, event.payload)
    deliver(text, pieces, event)
  }
  const listened: ListenOptions = { ...JSON.parse(options), onGap }
  const subscription = subscribe(name, listened, receive, receive, ended)
  if (ended) subscription.catch(nothing)
  return subscription
}

/** Calls `changed` with the payload of the newest event, also after a gap, until the returned function is called. */
export function latest(name: string, changed: (text: string, pieces: Uint8Array[]) => void): () => void {
  const source = latestOf<unknown>(name)
  return source.subscribe(() => {
    const { text, pieces } = marked(name, source.get())
    changed(text, pieces)
  })
}

/** A request that is on its way. */
interface Sent {
  readonly response: Promise<Marked>
  cancel(): void
}

/** Sends a request. */
export function request(to: string, name: string, payload: unknown, options: string): Sent {
  const controller = new AbortController()
  const given = { ...(JSON.parse(options) as RequestOptions), signal: controller.signal }
  const response = sendRequest<unknown>(JSON.parse(to), name, payload, given).then((value) => marked(name, value))
  // Who has dropped it does not want to know that it was cancelled.
  response.catch(nothing)
  return { response, cancel: () => controller.abort() }
}

/** Calls `stop` once the caller no longer waits; `null` takes that back. */
export function whenStopped({ signal }: RequestContext, stop: (() => void) | null): void {
  signal.onabort = stop
  if (signal.aborted) stop?.()
}

type Respond = (text: string, pieces: Uint8Array[], context: RequestContext) => Promise<unknown>

/** Responds to requests. */
export function respond(name: string, run: Respond): Subscription {
  return register(name, (payload: unknown, context: RequestContext) => {
    const { text, pieces } = marked(name, payload)
    return run(text, pieces, context)
  })
}

/** A stream that Rust reads. */
interface Incoming {
  /** The next part; `undefined` behind the last one. */
  next(): Promise<Marked | undefined>
  /** The response, which comes behind the parts. It takes and drops those that are left. */
  response(): Promise<Marked>
  stop(): void
}

/** Requests a stream. */
export function requestStream(to: string, name: string, payload: unknown, options: string): Incoming {
  const given = JSON.parse(options) as StreamRequestOptions
  const parts = sendStreamRequest<unknown, unknown>(JSON.parse(to), name, payload, given)
  return {
    async next() {
      const { done, value } = await parts.next()
      return done ? undefined : marked(name, value)
    },
    response: async () => marked(name, await parts.response()),
    stop: () => parts.stop(),
  }
}

/** The parts that Rust sends, each of which waits until the caller wants another one. */
class Parts {
  private readonly waiting: { readonly value: unknown; settle(isTaken: boolean): void }[] = []
  private wake = nothing
  private isOver = false

  /** Resolves to whether it was taken. */
  send(value: unknown): Promise<boolean> {
    return new Promise((settle) => {
      if (this.isOver) return settle(false)
      this.waiting.push({ value, settle })
      this.wake()
    })
  }

  /** Nothing follows what waits. */
  end(): void {
    this.isOver = true
    this.wake()
  }

  async *values(): AsyncGenerator<unknown, void> {
    try {
      while (true) {
        const next = this.waiting.shift()
        if (next) {
          let isTaken = false
          try {
            // What follows a yield runs once the caller wants another part.
            yield next.value
            isTaken = true
          } finally {
            next.settle(isTaken)
          }
        } else if (this.isOver) return
        else {
          await new Promise<void>((wake) => {
            this.wake = wake
          })
        }
      }
    } finally {
      this.isOver = true
      for (const { settle } of this.waiting.splice(0)) settle(false)
    }
  }
}

type RespondInParts = (text: string, pieces: Uint8Array[], context: RequestContext, parts: Parts) => Promise<unknown>

/** Responds to requests with streams. */
export function respondStream(name: string, run: RespondInParts): Subscription {
  async function* produce(payload: unknown, context: RequestContext) {
    const { text, pieces } = marked(name, payload)
    const parts = new Parts()
    const response = run(text, pieces, context, parts)
    const end = () => parts.end()
    response.then(end, end)
    yield* parts.values()
    return await response
  }
  return register(name, produce, undefined, (stream) => new Producer(stream))
}
