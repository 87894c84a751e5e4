/** What a map says of something without a payload. */
// biome-ignore lint/suspicious/noConfusingVoidType: Apps write void, which undefined does not cover.
export type Nothing = undefined | null | void

/**
 * A name in a map, or any other name. Names in the map complete.
 *
 * @example
 * ```ts
 * import type { NameOf } from 'tauri-plugin-event-bus-api/testing'
 *
 * const name: NameOf<{ saved: string }> = 'saved'
 * ```
 */
export type NameOf<Map> = (keyof Map & string) | (string & Record<never, never>)

/** What a handler receives of what a map says. */
export type Received<Payload> = [Payload] extends [Nothing] ? null : Payload

/** The arguments that pass a payload, which is optional where there may be none. */
export type ArgumentsOf<Payload> = undefined extends Payload
  ? [payload?: Payload]
  : [Payload] extends [Nothing]
    ? [payload?: Payload]
    : [payload: Payload]

/**
 * The payload that a handler of a name in a map of events receives.
 *
 * @example
 * ```ts
 * import type { EventPayload } from 'tauri-plugin-event-bus-api/testing'
 *
 * const payload: EventPayload<{ saved: string }, 'saved'> = '/a.txt'
 * ```
 */
export type EventPayload<Events, Name> = Name extends keyof Events ? Received<Events[Name]> : unknown

/**
 * The arguments that pass the payload of a name in a map of events.
 *
 * @example
 * ```ts
 * import type { EventArguments } from 'tauri-plugin-event-bus-api/testing'
 *
 * const payload: EventArguments<{ saved: string }, 'saved'> = ['/a.txt']
 * ```
 */
export type EventArguments<Events, Name> = Name extends keyof Events ? ArgumentsOf<Events[Name]> : [payload?: unknown]

/**
 * What a responder of a name in a map of requests receives.
 *
 * @example
 * ```ts
 * import type { RequestPayload } from 'tauri-plugin-event-bus-api/testing'
 *
 * const numbers: RequestPayload<{ sum: { request: number[]; response: number } }, 'sum'> = [1, 2]
 * ```
 */
export type RequestPayload<Requests, Name> = Name extends keyof Requests
  ? Requests[Name] extends { request: infer Request }
    ? Received<Request>
    : null
  : unknown

/**
 * The arguments that pass the request of a name in a map of requests.
 *
 * @example
 * ```ts
 * import type { RequestPayloadArguments } from 'tauri-plugin-event-bus-api/testing'
 *
 * interface Requests {
 *   sum: { request: number[]; response: number }
 * }
 * const payload: RequestPayloadArguments<Requests, 'sum'> = [[1, 2]]
 * ```
 */
export type RequestPayloadArguments<Requests, Name> = Name extends keyof Requests
  ? Requests[Name] extends { request: infer Request }
    ? ArgumentsOf<Request>
    : [payload?: undefined]
  : [payload?: unknown]

/**
 * What a caller of a name in a map of requests receives.
 *
 * @example
 * ```ts
 * import type { ResponsePayload } from 'tauri-plugin-event-bus-api/testing'
 *
 * const sum: ResponsePayload<{ sum: { request: number[]; response: number } }, 'sum'> = 3
 * ```
 */
export type ResponsePayload<Requests, Name> = Name extends keyof Requests
  ? Requests[Name] extends { response: infer Response }
    ? Response
    : null
  : unknown

/**
 * A part of a name in a map of streams.
 *
 * @example
 * ```ts
 * import type { PartPayload } from 'tauri-plugin-event-bus-api/testing'
 *
 * const part: PartPayload<{ count: { request: number; part: number; response: string } }, 'count'> = 3
 * ```
 */
export type PartPayload<Streams, Name> = Name extends keyof Streams
  ? Streams[Name] extends { part: infer Part }
    ? Part
    : null
  : unknown

/** What a page gets of a name in a map of channels. */
export type IncomingPart<Channels, Name> = Name extends keyof Channels
  ? Channels[Name] extends { incoming: infer Part }
    ? Part
    : null
  : unknown

/** What a page sends of a name in a map of channels. */
export type OutgoingPart<Channels, Name> = Name extends keyof Channels
  ? Channels[Name] extends { outgoing: infer Part }
    ? Part
    : null
  : unknown

/** What a responder of a stream may return as its response. */
export type StreamResult<Response> = [Response] extends [Nothing] ? Nothing : Response
