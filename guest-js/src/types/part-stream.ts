import type { AsyncUsable } from './disposable.js'
import type { RequestOptions } from './request.js'

/**
 * The parts of a stream, and its response; the result of {@link requestStream}.
 *
 * A loop over it takes the parts. While it is busy, the responder sends up to the credit of the stream and then waits.
 * Leave the loop or call `stop` to end the stream, and its responder; or declare it with `await using`.
 *
 * @example
 * ```ts
 * import { HOST, type PartStream, requestStream } from 'tauri-plugin-event-bus-api'
 *
 * const lines: PartStream<string, number> = requestStream(HOST, 'lines', 'a.txt')
 * for await (const line of lines) console.log(line)
 * console.log(await lines.result)
 * ```
 */
export interface PartStream<Part, Response> extends AsyncIterableIterator<Part>, AsyncUsable {
  /**
   * The response, which comes behind all parts. It rejects with the error that ended the stream, also if nobody handles
   * that. It takes no parts: without a loop over them, the responder waits for credit. {@link response} takes them.
   */
  readonly result: Promise<Response>
  /** Takes and drops the parts that are left, and resolves to the response. */
  response(): Promise<Response>
  /** The next part. Behind the last one, `done` with the response. An error comes once, behind the parts before it. */
  next(): Promise<IteratorResult<Part, Response | undefined>>
  return(): Promise<IteratorResult<Part, Response | undefined>>
  throw(error?: unknown): Promise<IteratorResult<Part, Response | undefined>>
  [Symbol.asyncIterator](): PartStream<Part, Response>
  /** Ends the stream at once, and drops what was not taken. A loop over it ends. */
  stop(): void
}

/**
 * How a stream is requested.
 *
 * @example
 * ```ts
 * import { HOST, requestStream, type StreamRequestOptions } from 'tauri-plugin-event-bus-api'
 *
 * const options: StreamRequestOptions = { signal: AbortSignal.timeout(60_000), credit: { parts: 16 } }
 * const parts = requestStream(HOST, 'export', { format: 'csv' }, options)
 * ```
 */
export interface StreamRequestOptions extends Pick<RequestOptions, 'signal' | 'traceparent'> {
  /**
   * For how many milliseconds there may be neither a part nor the response: at least 1 and at most 86,400,000. The time does
   * not run while the responder waits for this page. Without it, a stream may be silent for good.
   */
  timeoutMs?: number
  /**
   * How much may be sent and not taken by the loop: `streamCreditBytes` (1 MiB) and `streamCreditParts` (4,096) of the
   * plugin's configuration by default.
   */
  credit?: { bytes?: number; parts?: number }
}
