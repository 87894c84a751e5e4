import { failedStream, IncomingStreams } from '../core/requests/incoming.js'
import { pageRequests } from '../core/requests/open.js'
import type { PartStream } from '../types/part-stream.js'
import type { TapFilter, TapRecord } from '../types/tap.js'

/** The name under which errors tell of it. */
const NAME = 'event-bus:tap'

/**
 * Tells what happens in the bus of the whole app: every event, request, response, tick, refusal and gap, with where it went
 * and when. Each part is a list of records. What this page does to follow it is not in it.
 *
 * It is for developer tools: it needs the permission `event-bus:allow-tap`, which is in no set, and release builds of an app
 * refuse it unless `Builder::page_taps` allows it. A page that is too slow gets a record `lost` with a count.
 *
 * @throws {EventBusError} by rejection of `next()` and of `result`: `denied`, `invalid_argument`, `invalid_pattern`,
 * `rate_limited`, `queue_full`, `unavailable`.
 *
 * @example
 * ```ts
 * import { tap } from 'tauri-plugin-event-bus-api'
 *
 * for await (const records of tap({ names: ['cart:*'] })) {
 *   for (const record of records) {
 *     if (record.kind === 'event') console.log(record.name, record.routes)
 *     if (record.kind === 'refused') console.warn(record.name, record.message)
 *   }
 * }
 * ```
 */
export function tap(filter: TapFilter = {}): PartStream<TapRecord[], null> {
  let streams: IncomingStreams
  try {
    streams = pageRequests().openStreams((...args) => new IncomingStreams(...args))
  } catch (error) {
    return failedStream(NAME, error)
  }
  return streams.request(NAME, undefined, () => ({ command: 'tap', name: NAME, filter, causes: [] }))
}
