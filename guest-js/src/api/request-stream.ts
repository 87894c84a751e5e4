import { checkName } from '../core/checks.js'
import { encodePayload } from '../core/json.js'
import { currentCauses, traceOf } from '../core/realm.js'
import { failedStream, IncomingStreams } from '../core/requests/incoming.js'
import { checkTimeout, pageRequests } from '../core/requests/open.js'
import { copyOfTarget } from '../core/target.js'
import type { OtherStream } from '../types/name-kind.js'
import type { PartStream, StreamRequestOptions } from '../types/part-stream.js'
import type { PartOf, StreamArguments, StreamName, StreamResponseOf } from '../types/stream-map.js'
import type { Target } from '../types/target.js'

/**
 * Requests a stream from the page in another webview, or from the host ({@link HOST}): parts, and then a response. Iterate
 * over it to take the parts. The responder sends ahead up to the credit of the stream and then waits for the loop.
 *
 * The types are those in {@link StreamMap}, or the type arguments. It needs the permission `event-bus:request`, as
 * {@link request} does.
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
export function requestStream<Part = unknown, Response = unknown, Name extends string = string>(
  to: Target,
  name: OtherStream<Name>,
  payload?: unknown,
  options?: StreamRequestOptions,
): PartStream<Part, Response>
export function requestStream<Name extends StreamName, _ extends never>(
  to: Target,
  name: Name,
  ...payload: [...payload: StreamArguments<Name>, options?: StreamRequestOptions]
): PartStream<PartOf<Name>, StreamResponseOf<Name>>
export function requestStream(
  to: Target,
  name: string,
  payload?: unknown,
  { signal, timeoutMs, credit, traceparent }: StreamRequestOptions = {},
  component?: string,
): PartStream<never, never> {
  let streams: IncomingStreams
  try {
    streams = pageRequests().openStreams((...args) => new IncomingStreams(...args))
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
      component,
      causes: currentCauses(),
      traceparent: traceOf(traceparent),
      stream: { bytes, parts },
    }
  })
}

/** Requests a stream, as a component if there is one. */
export type RequestStreamAs = (
  to: Target,
  name: string,
  payload?: unknown,
  options?: StreamRequestOptions,
  component?: string,
) => PartStream<unknown, unknown>
