import type { IncomingPart, NameOf, OutgoingPart, RequestPayloadArguments } from './map.js'

/**
 * The channels of the app: each name with the types of the payload with which it is opened, of the parts that a page gets
 * (`incoming`) and of those that it sends (`outgoing`). It is empty here; the app augments it.
 *
 * An app that declares its channels in Rust has this file written by `Catalog::export_typescript`. Other names take and give
 * `unknown`.
 *
 * @example
 * ```ts
 * declare module 'tauri-plugin-event-bus-api' {
 *   interface ChannelMap {
 *     chat: { request: { room: string }; incoming: { from: string; text: string }; outgoing: string }
 *   }
 * }
 * ```
 */
// biome-ignore lint/suspicious/noEmptyInterface: Only an interface can be augmented.
export interface ChannelMap {}

/**
 * The name of a channel. Names in {@link ChannelMap} complete.
 *
 * @example
 * ```ts
 * import type { ChannelName } from 'tauri-plugin-event-bus-api'
 *
 * const name: ChannelName = 'chat'
 * ```
 */
export type ChannelName = NameOf<ChannelMap>

/**
 * What a page gets of the channel of this name: the type in {@link ChannelMap}, else `unknown`.
 *
 * @example
 * ```ts
 * import type { IncomingOf } from 'tauri-plugin-event-bus-api'
 *
 * const show = (message: IncomingOf<'chat'>) => console.log(message)
 * ```
 */
export type IncomingOf<Name extends string> = IncomingPart<ChannelMap, Name>

/**
 * What a page sends of the channel of this name: the type in {@link ChannelMap}, else `unknown`.
 *
 * @example
 * ```ts
 * import type { OutgoingOf } from 'tauri-plugin-event-bus-api'
 *
 * const texts: OutgoingOf<'chat'>[] = []
 * ```
 */
export type OutgoingOf<Name extends string> = OutgoingPart<ChannelMap, Name>

/**
 * The arguments that follow the name in `openChannel`: the payload, optional where the channel has none or is not in
 * {@link ChannelMap}.
 *
 * @example
 * ```ts
 * import { type ChannelArguments, HOST, openChannel } from 'tauri-plugin-event-bus-api'
 *
 * const chat = (...payload: ChannelArguments<'chat'>) => openChannel(HOST, 'chat', ...payload)
 * ```
 */
export type ChannelArguments<Name extends string> = RequestPayloadArguments<ChannelMap, Name>
