import { ASYNC_DISPOSE } from '../core/disposal.js'
import { EventBusError } from '../core/error.js'
import { Fifo } from '../core/fifo.js'
import { addLost } from '../core/lost.js'
import { subscribe } from '../core/subscription.js'
import type { BusEvent } from '../types/event.js'
import type { EventName } from '../types/event-map.js'
import type { EventOf, PayloadOf } from '../types/event-of.js'
import { type Gap, isGap } from '../types/gap.js'
import type { NameThatFitsHandlerAndOptions } from '../types/name-kind.js'
import type { EventStream, StreamOptions } from '../types/stream.js'

/**
 * Iterates over the events of a name or pattern. It listens from the call on, not from the first `next()`.
 *
 * Events that arrive while the loop is busy are buffered. When the buffer is full, the oldest event is dropped and a
 * {@link Gap} with the reason `buffer_full` takes its place. The gaps of the host are yielded, too. Leaving the loop ends
 * the subscription, and so do `stop()`, `signal` and {@link unlisten}.
 *
 * @throws {EventBusError} by rejection of `next()`: as {@link listen}, and `invalid_argument` for a `buffer` that
 * is not a whole number from 1.
 *
 * @example
 * ```ts
 * import { events, isGap } from 'tauri-plugin-event-bus-api'
 *
 * for await (const value of events('download:*')) {
 *   if (isGap(value)) continue
 *   console.log(value.event, value.payload)
 *   if (value.event === 'download:finished') break
 * }
 * ```
 */
export function events<Name extends EventName, _ extends never>(
  event: Name,
  options?: StreamOptions,
): EventStream<PayloadOf<Name>, EventOf<Name>>
export function events<Payload = unknown, Name extends string = string>(
  event: NameThatFitsHandlerAndOptions<Name>,
  options?: StreamOptions,
): EventStream<Payload>
export function events(event: string, options: StreamOptions = {}): EventStream<never, never> {
  return open<never>(event, options) as EventStream<never, never>
}

type Value<Payload> = BusEvent<Payload> | Gap
type Result<Payload> = IteratorResult<Value<Payload>, undefined>

interface Waiter<Payload> {
  resolve(result: Result<Payload>): void
  reject(error: unknown): void
}

function open<Payload>(event: string, options: StreamOptions): EventStream<Payload> {
  const { buffer: limit = 1_024, signal, ...narrowed } = options
  const buffered = new Fifo<Value<Payload>>()
  const waiters: Waiter<Payload>[] = []
  let dropped: Gap | null = null
  let running = true
  let failure: EventBusError | null = null

  const push = (value: Value<Payload>) => {
    const waiter = waiters.shift()
    if (waiter) {
      waiter.resolve({ done: false, value })
      return
    }
    buffered.push(value)
    if (buffered.length <= limit) return
    const oldest = buffered.shift()
    if (oldest) dropped = merge(dropped, oldest)
  }
  const discard = () => {
    buffered.take()
    dropped = null
    failure = null
  }
  const ended = (error?: EventBusError) => {
    running = false
    const waiter = error && waiters.shift()
    if (waiter) waiter.reject(error)
    else if (error) failure = error
    for (const rest of waiters.splice(0)) rest.resolve({ done: true, value: undefined })
    if (!error && signal?.aborted) discard()
  }

  const valid = Number.isInteger(limit) && limit >= 1
  const handler = (received: BusEvent<unknown>) => push(received as BusEvent<Payload>)
  const subscription = valid ? subscribe(event, { ...narrowed, signal, onGap: push }, handler, handler, ended) : null
  // next() rejects instead.
  subscription?.catch(() => {})
  if (!valid) {
    ended(new EventBusError('invalid_argument', `the buffer of "${event}" must be a whole number from 1, not ${limit}`))
  }

  const close = () => {
    subscription?.()
    discard()
  }
  const stream: EventStream<Payload> = {
    async next() {
      if (dropped) {
        const value = dropped
        dropped = null
        return { done: false, value }
      }
      const value = buffered.shift()
      if (value) return { done: false, value }
      if (failure) {
        const error = failure
        failure = null
        throw error
      }
      if (!running) return { done: true, value: undefined }
      return new Promise((resolve, reject) => waiters.push({ resolve, reject }))
    },
    async return() {
      close()
      return { done: true, value: undefined }
    },
    async throw(error) {
      close()
      throw error
    },
    [Symbol.asyncIterator]: () => stream,
    stop: close,
    [ASYNC_DISPOSE]: async () => close(),
  }
  return stream
}

function merge(dropped: Gap | null, oldest: BusEvent<unknown> | Gap): Gap {
  if (!isGap(oldest)) return addLost(dropped ?? undefined, oldest.seq, oldest.superseded)
  return {
    from: Math.min(dropped?.from ?? oldest.from, oldest.from),
    to: Math.max(dropped?.to ?? 0, oldest.to),
    count: (dropped?.count ?? 0) + oldest.count,
    atMost: (dropped?.atMost ?? false) || oldest.atMost,
    reason: 'buffer_full',
  }
}
