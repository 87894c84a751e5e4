import type { PartStream } from '../../types/part-stream.js'
import type { PulledIncoming, PulledNote, PulledParts } from '../batch.js'
import type { CommandQueue } from '../commands.js'
import { ASYNC_DISPOSE } from '../disposal.js'
import { EventBusError, toEventBusError } from '../error.js'
import { Fifo } from '../fifo.js'
import { report } from '../report.js'
import type { OutgoingRequest, OutgoingRequests } from './requests.js'

/** How long credit may be used up before a page that only awaits the result is told so, in milliseconds. */
const STALL_MS = 5_000

type Result = IteratorResult<unknown, unknown>

/** A promise, and what settles it. */
interface Deferred<T> {
  readonly promise: Promise<T>
  resolve(value: T | PromiseLike<T>): void
  reject(reason: unknown): void
}

/** What this page sends of a channel. */
interface OwnHalf {
  accept(reply: unknown): void
  credit(parts: number): void
  end(why: string, cause?: EventBusError): void
}

/** Makes the half of this page of a channel with this number. */
export type MakeHalf = (number: number, queue: CommandQueue, failed: (error: EventBusError) => void) => OwnHalf

/** One stream that this page has requested, or the half of a channel that it receives. */
export class IncomingStream {
  private readonly parts = new Fifo<unknown>()
  private readonly waiters: Deferred<Result>[] = []
  private readonly settled = withResolvers<unknown>()
  /** How many parts were received, and the counts at which the host wants to know that they were taken. */
  private received = 0
  private readonly due: number[] = []
  taken = 0
  /** The session in which its request was sent last. */
  session = ''
  /** Whether the host is known to have sent its request. */
  isAccepted = false
  /** How it ended, until a loop has learned of it. */
  private end: { readonly error?: EventBusError; readonly response?: unknown } | undefined
  isOpen = true
  /** Whether no more parts come, although it is open. */
  private isComplete = false
  /** What this page sends, if it is a channel. */
  half: OwnHalf | undefined
  /** Whether its parts are dropped as they come. */
  private isDraining = false
  private isIterated = false
  private isAwaited = false

  constructor(
    readonly name: string,
    private readonly wasTaken: () => void,
    private readonly wasLeft: () => void,
    /** Nothing is left to take. */
    private readonly wasEmptied: () => void = () => {},
  ) {
    // Who only iterates learns of an error by the loop.
    this.outcome.catch(() => {})
  }

  /** Whether its end can still be learned, although its handle is gone. */
  get isObserved(): boolean {
    return this.isAwaited || this.isDraining
  }

  get outcome(): Promise<unknown> {
    return this.settled.promise
  }

  /** Its end is awaited, so it goes on without its handle. */
  observe(): void {
    this.isAwaited = true
  }

  /** Whether the host waits for a loop to take a part. */
  get isBehind(): boolean {
    return this.isOpen && this.due.length > 0
  }

  get result(): Promise<unknown> {
    this.observe()
    this.warnLater()
    return this.outcome
  }

  receive({ parts, due }: PulledParts, skipped: number): void {
    this.isAccepted = true
    const fresh = skipped > 0 ? parts.slice(skipped) : parts
    this.received += fresh.length
    if (due) this.due.push(this.received)
    for (const part of fresh) {
      const waiter = this.waiters.shift()
      if (waiter) waiter.resolve({ done: false, value: part })
      else if (!this.isDraining) this.parts.push(part)
      if (waiter || this.isDraining) this.take()
    }
    if (due) this.warnLater()
  }

  private take(): void {
    this.taken += 1
    if (!this.isOpen) this.checkEmptied()
    if (this.taken !== this.due[0]) return
    this.due.shift()
    if (this.isOpen) this.wasTaken()
  }

  private checkEmptied(): void {
    if (this.parts.length === 0) this.wasEmptied()
  }

  /** Ends it behind the parts that have come. A loop learns of an error, unless it is quiet. */
  finish(end: NonNullable<IncomingStream['end']>, isQuiet = false): void {
    if (!this.isOpen) return
    this.isOpen = false
    this.end = isQuiet ? undefined : end
    if (end.error) this.half?.end(`the channel has ended: ${end.error.message}`, end.error)
    else this.half?.end('the host has ended the channel')
    if (end.error) this.settled.reject(end.error)
    else this.settled.resolve(end.response)
    this.releaseWaiters()
    this.checkEmptied()
  }

  private releaseWaiters(): void {
    // The waiting loop has taken all parts.
    for (const waiter of this.waiters.splice(0)) this.next().then(waiter.resolve, waiter.reject)
  }

  /** Takes what the host tells of a channel. */
  note(note: PulledNote): void {
    if ('credit' in note) this.half?.credit(note.credit)
    else if ('unread' in note) this.half?.end('the host reads no more')
    else {
      this.isComplete = true
      this.releaseWaiters()
    }
  }

  /** Ends it at once, without what was not taken. Its loop must not look complete then. */
  abort(error: EventBusError, isQuiet = false): void {
    const isCut = this.parts.length > 0
    this.parts.take()
    if (this.isOpen) {
      this.wasLeft()
      this.finish({ error }, isQuiet)
    } else if (isCut) {
      this.end = isQuiet ? undefined : { error }
      this.wasEmptied()
    }
  }

  // No async function: its promise costs twice as much, for each part.
  next(): Promise<Result> {
    this.isIterated = true
    if (this.parts.length > 0) {
      const value = this.parts.shift()
      this.take()
      return Promise.resolve({ done: false, value })
    }
    if (this.isOpen && !this.isComplete) {
      const waiter = withResolvers<Result>()
      this.waiters.push(waiter)
      return waiter.promise
    }
    const end = this.end
    this.end = undefined
    return end?.error ? Promise.reject(end.error) : Promise.resolve({ done: true, value: end?.response })
  }

  /** Ends it as its user wants, who learns of nothing more. */
  leave(): void {
    const kind = this.half ? 'channel' : 'stream'
    this.abort(new EventBusError('cancelled', `the ${kind} "${this.name}" was left`), true)
    this.end = undefined
  }

  drain(): Promise<unknown> {
    this.isDraining = true
    this.isIterated = true
    while (this.parts.length > 0) {
      this.parts.shift()
      this.take()
    }
    return this.outcome
  }

  /** A page that awaits the result and takes no part would wait for good. */
  private warnLater(): void {
    if (!this.isAwaited || this.isIterated || !this.isBehind) return
    const { name, taken } = this
    setTimeout(() => {
      if (this.isIterated || !this.isBehind || this.taken !== taken) return
      this.isIterated = true
      console.warn(
        `event bus: nothing takes the parts of "${name}", so its result cannot come; iterate, or call response()`,
      )
    }, STALL_MS)
  }
}

/** The streams that this page has requested. They share the numbers of its requests. */
export class IncomingStreams {
  private readonly open = new Map<number, IncomingStream>()
  /** Streams that the page has left, and that may still send. */
  private readonly left = new Set<number>()
  /** Ends the streams whose handles were collected. */
  private readonly forgotten =
    typeof FinalizationRegistry === 'function'
      ? new FinalizationRegistry<IncomingStream>((stream) => stream.isObserved || stream.leave())
      : undefined

  constructor(
    private readonly queue: CommandQueue,
    private readonly requests: OutgoingRequests,
    /** Tells the host how many parts of a stream were taken. */
    private readonly tell: (stream: number, taken: number) => void,
    private readonly changed: () => void,
  ) {}

  get isActive(): boolean {
    for (const { isAccepted } of this.open.values()) if (isAccepted) return true
    return false
  }

  /** Whether loops are behind what the host wants to know. */
  get isBehind(): boolean {
    for (const stream of this.open.values()) if (stream.isBehind) return true
    return false
  }

  /** Requests a stream. What `begin` throws ends it. */
  request(name: string, signal: AbortSignal | undefined, begin: () => OutgoingRequest): PartStream<never, never> {
    const stream = this.start(name, signal, begin)
    const handle = handleOf(stream)
    this.watch(handle, stream)
    return handle
  }

  /** Ends a stream when its handle is collected, unless its end is awaited. */
  watch(handle: object, stream: IncomingStream): void {
    this.forgotten?.register(handle, stream)
  }

  /** Requests a stream or, with `makeHalf`, a channel. */
  start(
    name: string,
    signal: AbortSignal | undefined,
    begin: () => OutgoingRequest,
    makeHalf?: MakeHalf,
  ): IncomingStream {
    let request: OutgoingRequest
    try {
      if (signal?.aborted) {
        throw new EventBusError('cancelled', `the signal of "${name}" had aborted already`, { cause: signal.reason })
      }
      request = begin()
    } catch (error) {
      return failedIncoming(name, error)
    }
    const number = this.requests.nextId()
    const abort = () =>
      stream.abort(new EventBusError('cancelled', `the signal of "${name}" aborted`, { cause: signal?.reason }))
    const stream: IncomingStream = new IncomingStream(
      name,
      () => this.tell(number, stream.taken),
      () => this.leave(number),
      // What has come and was not taken can still be cut off.
      () => signal?.removeEventListener('abort', abort),
    )
    stream.half = makeHalf?.(number, this.queue, (error) => stream.abort(error))
    this.open.set(number, stream)
    signal?.addEventListener('abort', abort)
    void this.send(number, stream, request)
    return stream
  }

  private async send(number: number, stream: IncomingStream, request: OutgoingRequest): Promise<void> {
    try {
      const reply = await this.requests.transmit(
        number,
        request,
        () => stream.isOpen,
        (session) => {
          stream.session = session
        },
      )
      stream.isAccepted = true
      stream.half?.accept(reply)
      if (stream.session !== this.queue.session) this.fail(number, SESSION_ENDED)
      this.changed()
    } catch (reason) {
      const error = toEventBusError(reason, 'request')
      // The host may have sent it all the same.
      if (!this.requests.isRefusal(error)) this.leave(number)
      this.remove(number)
      stream.finish({ error })
    }
    // The page has left it meanwhile, perhaps before the host knew of it.
    if (!stream.isOpen) this.remove(number)
  }

  receive(item: PulledIncoming, skipped: number): void {
    const { stream: number } = item
    const stream = this.open.get(number)
    if ('parts' in item) {
      if (stream) stream.receive(item, skipped)
      else this.leave(number)
      return
    }
    if (!('response' in item || 'error' in item)) {
      stream?.note(item)
      return
    }
    this.remove(number)
    this.left.delete(number)
    if ('error' in item) stream?.finish({ error: toEventBusError(item.error) })
    else stream?.finish({ response: item.response })
  }

  /** Tells the host that the page receives a stream no longer. */
  private leave(number: number, isQuiet = false): void {
    this.remove(number)
    if (this.left.has(number)) return
    this.left.add(number)
    this.queue
      .send('respond', { stream: number, stop: true })
      .catch((error: EventBusError) => {
        if (!isQuiet && error.code !== 'stale_session') report(error)
      })
      .finally(() => this.left.delete(number))
  }

  private remove(number: number): void {
    this.open.delete(number)
  }

  /** Tells again what was taken, since the host may have lost it. */
  tellAgain(): void {
    for (const [number, { taken }] of this.open) if (taken > 0) this.tell(number, taken)
  }

  /** Ends what the host had accepted in a session that has ended. Requests in flight may still go into the next one. */
  abandon(): void {
    this.left.clear()
    for (const [number, { isAccepted }] of [...this.open]) if (isAccepted) this.fail(number, SESSION_ENDED)
  }

  /** Ends all of them: the page was away, and may have missed something. */
  forget(): void {
    for (const number of [...this.open.keys()]) {
      this.fail(number, 'the page was away')
      this.leave(number, true)
    }
  }

  private fail(number: number, why: string): void {
    const stream = this.open.get(number)
    this.remove(number)
    const kind = stream?.half ? 'channel' : 'stream'
    const error = new EventBusError('unavailable', `the ${kind} "${stream?.name}" has ended: ${why}`)
    lost.add(error)
    stream?.finish({ error })
  }

  /** Ends all of them, since this page may not pull. */
  lose(error: EventBusError): void {
    for (const [number, stream] of [...this.open]) {
      this.leave(number, true)
      stream.finish({ error })
    }
  }
}

const SESSION_ENDED = 'the session of this page has ended'

/** The errors of streams that have ended although nothing is wrong with what they are about. */
const lost = new WeakSet<EventBusError>()

/** Whether a stream has ended only because the session of the page has, or because the page was away. */
export function isLost(error: EventBusError): boolean {
  return lost.has(error)
}

/** A stream that could not be requested. */
export function failedStream(name: string, reason: unknown): PartStream<never, never> {
  return handleOf(failedIncoming(name, reason))
}

/** A stream or a channel that could not be requested. */
export function failedIncoming(name: string, reason: unknown): IncomingStream {
  const stream = new IncomingStream(
    name,
    () => {},
    () => {},
  )
  stream.finish({ error: toEventBusError(reason) })
  return stream
}

/** What users hold of a stream. Nothing else refers to it, so that it is noticed when they lose it. */
function handleOf(stream: IncomingStream): PartStream<never, never> {
  const close = async (value?: unknown) => {
    stream.leave()
    return { done: true as const, value: await value }
  }
  return {
    get result() {
      return stream.result
    },
    response: () => stream.drain(),
    next: () => stream.next(),
    return: close,
    async throw(error: unknown) {
      stream.leave()
      throw error
    },
    [Symbol.asyncIterator]() {
      return this
    },
    stop: () => stream.leave(),
    [ASYNC_DISPOSE]: async () => stream.leave(),
  } as unknown as PartStream<never, never>
}

function withResolvers<T>(): Deferred<T> {
  const settle = {} as Pick<Deferred<T>, 'resolve' | 'reject'>
  const promise = new Promise<T>((resolve, reject) => Object.assign(settle, { resolve, reject }))
  return Object.assign(settle, { promise })
}
