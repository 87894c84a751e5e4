import type {
  NameOf,
  PartPayload,
  RequestPayload,
  RequestPayloadArguments,
  ResponsePayload,
  StreamResult,
} from './map.js'

/**
 * The streams of the app: each name with the types of the request, of a part and of the response. It is empty here; the app
 * augments it.
 *
 * An app that declares its streams in Rust has this file written by `Catalog::export_typescript`. Other names take and give
 * `unknown`.
 *
 * @example
 * ```ts
 * declare module 'tauri-plugin-event-bus-api' {
 *   interface StreamMap {
 *     export: { request: { format: string }; part: { done: number; of: number }; response: string }
 *   }
 * }
 * ```
 */
// biome-ignore lint/suspicious/noEmptyInterface: Only an interface can be augmented.
export interface StreamMap {}

/**
 * The name of a stream. Names in {@link StreamMap} complete.
 *
 * @example
 * ```ts
 * import type { StreamName } from 'tauri-plugin-event-bus-api'
 *
 * const name: StreamName = 'export'
 * ```
 */
export type StreamName = NameOf<StreamMap>

/**
 * What a responder of this name receives: the type in {@link StreamMap} (`null` for a request without a payload), else
 * `unknown`.
 *
 * @example
 * ```ts
 * import type { StreamRequestOf } from 'tauri-plugin-event-bus-api'
 *
 * function* rows(request: StreamRequestOf<'export'>) {}
 * ```
 */
export type StreamRequestOf<Name extends string> = RequestPayload<StreamMap, Name>

/**
 * A part of the stream of this name: the type in {@link StreamMap}, else `unknown`.
 *
 * @example
 * ```ts
 * import type { PartOf } from 'tauri-plugin-event-bus-api'
 *
 * const show = (part: PartOf<'export'>) => console.log(part)
 * ```
 */
export type PartOf<Name extends string> = PartPayload<StreamMap, Name>

/**
 * The response behind the parts of the stream of this name: the type in {@link StreamMap}, else `unknown`.
 *
 * @example
 * ```ts
 * import type { StreamResponseOf } from 'tauri-plugin-event-bus-api'
 *
 * const files: StreamResponseOf<'export'>[] = []
 * ```
 */
export type StreamResponseOf<Name extends string> = ResponsePayload<StreamMap, Name>

/**
 * The arguments that follow the name in `requestStream`: the payload, optional where the request has none or is not in
 * {@link StreamMap}.
 *
 * @example
 * ```ts
 * import { HOST, requestStream, type StreamArguments } from 'tauri-plugin-event-bus-api'
 *
 * const exportAll = (...payload: StreamArguments<'export'>) => requestStream(HOST, 'export', ...payload)
 * ```
 */
export type StreamArguments<Name extends string> = RequestPayloadArguments<StreamMap, Name>

/**
 * What a responder of this name returns: an async generator of its parts, which returns the response, or anything else to
 * iterate.
 *
 * @example
 * ```ts
 * import type { PartsOf } from 'tauri-plugin-event-bus-api'
 *
 * const none = (): PartsOf<'ticks'> => []
 * ```
 */
export type PartsOf<Name extends string> = PartsToSend<PartPayload<StreamMap, Name>, ResponsePayload<StreamMap, Name>>

/** Something to iterate over parts, which returns the response. */
export type PartsToSend<Part, Response> =
  | { [Symbol.asyncIterator](): AsyncIterator<Part, StreamResult<Response>> }
  | { [Symbol.iterator](): Iterator<Part, StreamResult<Response>> }
