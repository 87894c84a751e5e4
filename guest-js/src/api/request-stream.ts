import { checkName } from '../core/checks.js'
import { encodePayload } from '../core/json.js'
import { currentCauses } from '../core/realm.js'
import { failedStream, IncomingStreams } from '../core/requests/incoming.js'
import { checkTimeout, openChannel } from '../core/requests/open.js'
import { copyOfTarget } from '../core/target.js'
import type { PartStream, StreamRequestOptions } from '../types/part-stream.js'
import type { Target } from '../types/target.js'

/**
 * Requests a stream from the page in another webview, or from the host ({@link HOST}): parts, and then a response. Iterate
 * over it to take the parts. The responder sends ahead up to the credit of the stream and then waits for the loop.
 *
 * It needs the permission `event-bus:request`, as {@link request} does.
 *
 * @throws {EventBusError} by rejection of `next()`, behind the parts before it, and of `result`: those of {@link request}.
 *
 * @example
 * ```ts
 * import { HOST, requestStream } from 'tauri-plugin-event-bus-api'
 *
 * const rows = requestStream<{ done: number }, string>(HOST, 'export', { format: 'csv' })
 * for await (const row of rows) console.log(row.done)
 * console.log(await rows.result)
 * ```
 */
export function requestStream<Part = unknown, Response = unknown>(
  to: Target,
  name: string,
  payload?: unknown,
  { signal, timeoutMs, credit }: StreamRequestOptions = {},
): PartStream<Part, Response> {
  let streams: IncomingStreams
  try {
    streams = openChannel().openStreams((...args) => new IncomingStreams(...args))
  } catch (error) {
    return failedStream(name, error)
  }
  return streams.request(name, signal, () => {
    checkName(name)
    checkTimeout(name, timeoutMs)
    const { bytes, parts } = credit ?? {}
    return {
      name,
      to: copyOfTarget(to),
      ...encodePayload(name, payload),
      timeoutMs,
      signal,
      component: undefined,
      causes: currentCauses(),
      stream: { bytes, parts },
    }
  })
}
