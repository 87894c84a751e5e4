import type { AsyncUsable } from './disposable.js'
import type { BusEvent } from './event.js'
import type { Gap } from './gap.js'
import type { ListenOptions } from './subscription.js'

/**
 * The result of {@link events}: an async iterator of events and gaps. Leave its loop or call `stop` to end it, or
 * declare it with `await using`.
 *
 * @example
 * ```ts
 * import { events, type EventStream } from 'tauri-plugin-event-bus-api'
 *
 * const stream: EventStream<unknown> = events('log:line')
 * const first = await stream.next()
 * stream.stop()
 * ```
 */
export interface EventStream<Payload, Event = BusEvent<Payload>>
  extends AsyncIterableIterator<Event | Gap>,
    AsyncUsable {
  next(): Promise<IteratorResult<Event | Gap, undefined>>
  return(): Promise<IteratorResult<Event | Gap, undefined>>
  throw(error?: unknown): Promise<IteratorResult<Event | Gap, undefined>>
  [Symbol.asyncIterator](): EventStream<Payload, Event>
  /** Ends it at once, and drops what was buffered. A loop over it ends. */
  stop(): void
}

/**
 * How {@link events} is narrowed, ended and buffered. `target`, `replay` and `retained` are as in {@link ListenOptions}.
 *
 * @example
 * ```ts
 * import { events } from 'tauri-plugin-event-bus-api'
 *
 * const lines = events('log:line', { signal: AbortSignal.timeout(5_000), buffer: 100, replay: false })
 * ```
 */
export interface StreamOptions extends Omit<ListenOptions, 'onGap'> {
  /** Ends the iteration when it aborts, and drops what was buffered. */
  signal?: AbortSignal
  /** How many events wait while the loop is busy, at least 1; 1,024 by default. */
  buffer?: number
}
