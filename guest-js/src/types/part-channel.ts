import type { AsyncUsable } from './disposable.js'
import type { ErrorCode } from './error-code.js'
import type { StreamRequestOptions } from './part-stream.js'

/**
 * A channel to the host: parts both ways; the result of {@link openChannel}.
 *
 * Each direction has a window of credit. `send` waits for the host, and the host waits for the loop of this page. Leave the
 * loop or call `stop` to end the channel at once, or declare it with `await using`; `close` ends only what this page sends.
 *
 * @example
 * ```ts
 * import { HOST, openChannel, type PartChannel } from 'tauri-plugin-event-bus-api'
 *
 * const upper: PartChannel<string, string> = openChannel(HOST, 'upper')
 * await upper.send('tea')
 * upper.close()
 * for await (const text of upper) console.log(text)
 * console.log(await upper.closed)
 * ```
 */
export interface PartChannel<Incoming, Outgoing> extends AsyncUsable {
  /**
   * Sends a part behind those before it. It resolves once the host has given credit for it, not once the host has read it.
   *
   * @throws {EventBusError} by rejection: `cancelled` once the channel has ended, this page has closed its half, or the host
   * reads no more; `invalid_payload` for what is no JSON.
   */
  send(part: Outgoing): Promise<void>
  /** Ends what this page sends, behind what it has sent. The host may still send. */
  close(): void
  /** Why the channel has ended: `completed`, or the code and the message of an error. It never rejects. */
  readonly closed: Promise<ChannelEnd>
  /** Ends both directions at once, and drops what was not taken. A loop over it ends. */
  stop(): void
  /**
   * The parts of the host. The loop ends when the host closes its half or the channel ends. An error comes once, behind the
   * parts before it.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<Incoming>
}

/**
 * How a channel has ended. `completed`: the host has finished with it. Otherwise it is the code of an error, such as
 * `cancelled` after `stop`, and its message.
 *
 * @example
 * ```ts
 * import { type ChannelEnd, HOST, openChannel } from 'tauri-plugin-event-bus-api'
 *
 * const end: ChannelEnd = await openChannel(HOST, 'terminal', { cols: 80, rows: 24 }).closed
 * if (end.code !== 'completed') console.warn(end.message)
 * ```
 */
export interface ChannelEnd {
  readonly code: 'completed' | ErrorCode
  readonly message?: string
}

/**
 * How a channel is opened. `credit` applies to each direction.
 *
 * @example
 * ```ts
 * import { type ChannelOptions, HOST, openChannel } from 'tauri-plugin-event-bus-api'
 *
 * const options: ChannelOptions = { credit: { bytes: 65_536 } }
 * const terminal = openChannel(HOST, 'terminal', { cols: 80, rows: 24 }, options)
 * ```
 */
export type ChannelOptions = Pick<StreamRequestOptions, 'signal' | 'credit' | 'traceparent'>
