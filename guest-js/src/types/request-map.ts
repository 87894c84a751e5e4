import type { NameOf, RequestPayload, RequestPayloadArguments, ResponsePayload } from './map.js'

/**
 * The requests of the app: each name with the types of the request and of its response. It is empty here; the app augments
 * it.
 *
 * An app that declares its requests in Rust has this file written by `Catalog::export_typescript`. Other names take and
 * give `unknown`.
 *
 * @example
 * ```ts
 * declare module 'tauri-plugin-event-bus-api' {
 *   interface RequestMap {
 *     confirm: { request: { title: string }; response: boolean }
 *   }
 * }
 * ```
 */
// biome-ignore lint/suspicious/noEmptyInterface: Only an interface can be augmented.
export interface RequestMap {}

/**
 * The name of a request. Names in {@link RequestMap} complete.
 *
 * @example
 * ```ts
 * import type { RequestName } from 'tauri-plugin-event-bus-api'
 *
 * const name: RequestName = 'confirm'
 * ```
 */
export type RequestName = NameOf<RequestMap>

/**
 * What a responder of this name receives: the type in {@link RequestMap} (`null` for a request without a payload), else
 * `unknown`.
 *
 * @example
 * ```ts
 * import type { RequestOf } from 'tauri-plugin-event-bus-api'
 *
 * function show(request: RequestOf<'confirm'>) {}
 * ```
 */
export type RequestOf<Name extends string> = RequestPayload<RequestMap, Name>

/**
 * What a caller of this name receives: the type in {@link RequestMap}, else `unknown`.
 *
 * @example
 * ```ts
 * import type { ResponseOf } from 'tauri-plugin-event-bus-api'
 *
 * const responses: ResponseOf<'confirm'>[] = []
 * ```
 */
export type ResponseOf<Name extends string> = ResponsePayload<RequestMap, Name>

/**
 * The arguments that follow the name in `request`: the payload, optional where the request has none or is not in
 * {@link RequestMap}.
 *
 * @example
 * ```ts
 * import { type RequestArguments, request } from 'tauri-plugin-event-bus-api'
 *
 * const confirmInMain = (...payload: RequestArguments<'confirm'>) => request('main', 'confirm', ...payload)
 * ```
 */
export type RequestArguments<Name extends string> = RequestPayloadArguments<RequestMap, Name>
