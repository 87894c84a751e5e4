import type { ChannelEnd, PartChannel } from '../../types/part-channel.js'
import { ASYNC_DISPOSE } from '../disposal.js'
import type { EventBusError } from '../error.js'
import { CallerHalf } from './caller-half.js'
import { failedIncoming, type IncomingStream, IncomingStreams } from './incoming.js'
import { pageRequests } from './open.js'
import type { OutgoingRequest } from './requests.js'

/** Opens a channel. What `begin` throws ends it. */
export function openPartChannel(
  name: string,
  signal: AbortSignal | undefined,
  begin: () => OutgoingRequest,
): PartChannel<never, unknown> {
  let streams: IncomingStreams
  try {
    streams = pageRequests().openStreams((...args) => new IncomingStreams(...args))
  } catch (error) {
    return channelOf(failedIncoming(name, error), undefined)
  }
  let half: CallerHalf | undefined
  const stream = streams.start(
    name,
    signal,
    () => ({ ...begin(), channel: true }),
    (...args) => {
      half = new CallerHalf(name, ...args)
      return half
    },
  )
  const channel = channelOf(stream, half)
  streams.watch(channel, stream)
  return channel
}

/** What users hold of a channel. Nothing else refers to it, except its loops, so that it is noticed when they lose it. */
export function channelOf(stream: IncomingStream, half: CallerHalf | undefined): PartChannel<never, unknown> {
  let closed: Promise<ChannelEnd> | undefined
  const channel = {
    send: (part: unknown) => half?.send(part) ?? stream.outcome.then(() => {}),
    close: () => half?.close(),
    get closed() {
      closed ??= stream.outcome.then(
        () => ({ code: 'completed' }),
        ({ code, message }: EventBusError) => ({ code, message }),
      )
      stream.observe()
      return closed
    },
    stop: () => stream.leave(),
    [ASYNC_DISPOSE]: async () => stream.leave(),
    [Symbol.asyncIterator]: () => ({
      next: () => stream.next(),
      async return(value?: unknown) {
        channel.stop()
        return { done: true as const, value: await value }
      },
      async throw(error: unknown) {
        channel.stop()
        throw error
      },
      [Symbol.asyncIterator]() {
        return this
      },
    }),
  }
  return channel as unknown as PartChannel<never, unknown>
}
