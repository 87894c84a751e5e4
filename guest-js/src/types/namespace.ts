import type { BuiltInEvents } from './built-in.js'
import type { ChannelMap, ChannelName } from './channel-map.js'
import type { BusEvent } from './event.js'
import type { EventMap, EventName } from './event-map.js'
import type { EventOf, PayloadOf } from './event-of.js'
import type { KindOf, ThisNameHasAnotherPayload } from './name-kind.js'
import type { RequestMap, RequestName } from './request-map.js'
import type { StreamMap, StreamName } from './stream-map.js'

/**
 * The name of an event in a namespace, or a pattern. Those of {@link EventMap} complete with the prefix and without it.
 *
 * @example
 * ```ts
 * import type { NameIn } from 'tauri-plugin-event-bus-api'
 *
 * const name: NameIn<'shop'> = 'cart:updated'
 * ```
 */
export type NameIn<Prefix extends string> = [Prefix] extends [never]
  ? EventName
  : NamesOf<Prefix, keyof EventMap & string> | 'action-complete' | 'error' | 'message' | (string & Record<never, never>)

/**
 * The name of a request in a namespace. Those of {@link RequestMap} complete with the prefix and without it.
 *
 * @example
 * ```ts
 * import type { RequestNameIn } from 'tauri-plugin-event-bus-api'
 *
 * const name: RequestNameIn<'shop'> = 'confirm'
 * ```
 */
export type RequestNameIn<Prefix extends string> = [Prefix] extends [never]
  ? RequestName
  : NamesOf<Prefix, keyof RequestMap & string> | (string & Record<never, never>)

/**
 * The name of a stream in a namespace. Those of {@link StreamMap} complete with the prefix and without it.
 *
 * @example
 * ```ts
 * import type { StreamNameIn } from 'tauri-plugin-event-bus-api'
 *
 * const name: StreamNameIn<'shop'> = 'export'
 * ```
 */
export type StreamNameIn<Prefix extends string> = [Prefix] extends [never]
  ? StreamName
  : NamesOf<Prefix, keyof StreamMap & string> | (string & Record<never, never>)

/**
 * The name of a channel in a namespace. Those of {@link ChannelMap} complete with the prefix and without it.
 *
 * @example
 * ```ts
 * import type { ChannelNameIn } from 'tauri-plugin-event-bus-api'
 *
 * const name: ChannelNameIn<'shop'> = 'chat'
 * ```
 */
export type ChannelNameIn<Prefix extends string> = [Prefix] extends [never]
  ? ChannelName
  : NamesOf<Prefix, keyof ChannelMap & string> | (string & Record<never, never>)

/** The names that have the prefix, with it and without it. */
type NamesOf<Prefix extends string, Names extends string> = {
  [Name in Names]: Name extends `${Prefix}:${infer Rest}` ? Name | Rest : never
}[Names]

/**
 * The full name of an event or request in a namespace: with the prefix, unless it has it already.
 *
 * @example
 * ```ts
 * import type { FullName } from 'tauri-plugin-event-bus-api'
 *
 * const name: FullName<'shop', 'cart:updated'> = 'shop:cart:updated'
 * ```
 */
export type FullName<Prefix extends string, Name extends string> = [Prefix] extends [never]
  ? Name
  : Name extends `${Prefix}:${string}`
    ? Name
    : `${Prefix}:${Name}`

/** A built-in event of a namespace, without its prefix; `never` for events of the app. */
type BuiltInIn<Prefix extends string, Name extends string> =
  FullName<Prefix, Name> extends keyof EventMap
    ? never
    : FullName<Prefix, Name> extends `${Prefix}:${infer Own}`
      ? Own extends keyof BuiltInEvents
        ? Own extends `event-bus:${string}`
          ? never
          : Own
        : never
      : never

/**
 * The event that handlers in a namespace receive, as {@link EventOf}.
 *
 * @example
 * ```ts
 * import type { EventIn } from 'tauri-plugin-event-bus-api'
 *
 * const failed = (event: EventIn<'shop', 'error'>) => console.log(event.payload.error)
 * ```
 */
export type EventIn<Prefix extends string, Name extends string> = [Prefix] extends [never]
  ? EventOf<Name>
  : [BuiltInIn<Prefix, Name>] extends [never]
    ? EventOf<FullName<Prefix, Name>>
    : BusEvent<BuiltInEvents[BuiltInIn<Prefix, Name>], FullName<Prefix, Name>>

/**
 * The payload that handlers in a namespace receive, as {@link PayloadOf}.
 *
 * @example
 * ```ts
 * import type { PayloadIn } from 'tauri-plugin-event-bus-api'
 *
 * const failed = (failure: PayloadIn<'shop', 'error'>) => console.log(failure.error)
 * ```
 */
export type PayloadIn<Prefix extends string, Name extends string> = [Prefix] extends [never]
  ? PayloadOf<Name>
  : [BuiltInIn<Prefix, Name>] extends [never]
    ? PayloadOf<FullName<Prefix, Name>>
    : BuiltInEvents[BuiltInIn<Prefix, Name>]

/** `NameThatFitsHandlerAndOptions`, and where a payload is sent `OtherName`, in a namespace. */
export type OtherNameIn<
  Prefix extends string,
  Name extends string,
  Problem = ThisNameHasAnotherPayload,
> = Name extends unknown
  ? [BuiltInIn<Prefix, Name>] extends [never]
    ? KindOf<FullName<Prefix, Name>> extends 'other'
      ? Name
      : Problem
    : Problem
  : never
