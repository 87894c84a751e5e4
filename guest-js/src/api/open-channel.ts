import { checkName } from '../core/checks.js'
import { encodePayload } from '../core/json.js'
import { currentCauses, traceOf } from '../core/realm.js'
import { openPartChannel } from '../core/requests/part-channel.js'
import { copyOfTarget } from '../core/target.js'
import type { ChannelArguments, ChannelName, IncomingOf, OutgoingOf } from '../types/channel-map.js'
import type { OtherChannel } from '../types/name-kind.js'
import type { ChannelOptions, PartChannel } from '../types/part-channel.js'
import type { Target } from '../types/target.js'

/**
 * Opens a channel to the host ({@link HOST}), which accepts it with `accept_channel` in Rust: parts both ways, in order and
 * once, each way with credit. Iterate over it to take the parts of the host.
 *
 * The types are those in {@link ChannelMap}, or the type arguments. It needs the permission `event-bus:request`, as
 * {@link request} does. A channel does not survive a reload.
 *
 * It returns at once. What refuses it comes from the loop and from `closed`: `no_responder` if the host accepts no such
 * channel, `invalid_argument` for another target than the host, and what {@link request} throws.
 *
 * @example
 * ```ts
 * import { HOST, openChannel } from 'tauri-plugin-event-bus-api'
 *
 * const terminal = openChannel<Uint8Array, string>(HOST, 'terminal', { cols: 80, rows: 24 })
 * await terminal.send('ls\n')
 * for await (const bytes of terminal) console.log(new TextDecoder().decode(bytes))
 * console.log((await terminal.closed).code)
 * ```
 */
export function openChannel<Incoming = unknown, Outgoing = unknown, Name extends string = string>(
  to: Target,
  name: OtherChannel<Name>,
  payload?: unknown,
  options?: ChannelOptions,
): PartChannel<Incoming, Outgoing>
export function openChannel<Name extends ChannelName, _ extends never>(
  to: Target,
  name: Name,
  ...payload: [...payload: ChannelArguments<Name>, options?: ChannelOptions]
): PartChannel<IncomingOf<Name>, OutgoingOf<Name>>
export function openChannel(
  to: Target,
  name: string,
  payload?: unknown,
  { signal, credit, traceparent }: ChannelOptions = {},
  component?: string,
): PartChannel<never, unknown> {
  return openPartChannel(name, signal, () => {
    checkName(name)
    const { bytes, parts } = credit ?? {}
    return {
      name,
      to: copyOfTarget(to),
      ...encodePayload(name, payload),
      signal,
      component,
      causes: currentCauses(),
      traceparent: traceOf(traceparent),
      stream: { bytes, parts },
    }
  })
}

/** Opens a channel, as a component if there is one. */
export type OpenChannelAs = (
  to: Target,
  name: string,
  payload?: unknown,
  options?: ChannelOptions,
  component?: string,
) => PartChannel<unknown, unknown>
