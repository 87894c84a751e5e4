import type { BuiltInEvents } from './built-in.js'
import type { BusEvent } from './event.js'
import type { EventMap } from './event-map.js'
import type { Received } from './map.js'

/**
 * The type of the payload that handlers of `Name` receive: the type in {@link EventMap} (`null` for an event without a
 * payload), for a glob pattern the union of those that it matches there, else `unknown`.
 *
 * @example
 * ```ts
 * import type { PayloadOf } from 'tauri-plugin-event-bus-api'
 *
 * function badge(cart: PayloadOf<'cart:updated'>) {}
 * ```
 */
export type PayloadOf<Name extends string> = {
  name: Name extends keyof EventMap ? Received<EventMap[Name]> : never
  builtIn: Name extends keyof BuiltInEvents ? BuiltInEvents[Name] : never
  pattern: { [Match in MatchOf<Name>]: Received<EventMap[Match]> }[MatchOf<Name>]
  other: unknown
}[KindOf<Name>]

/**
 * The event that handlers of `Name` receive. For a glob pattern it is the union of those that the pattern matches in
 * {@link EventMap}, so comparing `event.event` narrows the payload. The union lacks names that are not in the map, though
 * the pattern receives them, too.
 *
 * @example
 * ```ts
 * import { type EventOf, listen } from 'tauri-plugin-event-bus-api'
 *
 * function log(event: EventOf<'cart:*'>) {
 *   console.log(event.event, event.payload)
 * }
 * listen('cart:*', log)
 * ```
 */
export type EventOf<Name extends string> = {
  name: Name extends keyof EventMap ? BusEvent<Received<EventMap[Name]>, Name> : never
  builtIn: Name extends keyof BuiltInEvents ? BusEvent<BuiltInEvents[Name], Name> : never
  pattern: { [Match in MatchOf<Name>]: BusEvent<Received<EventMap[Match]>, Match> }[MatchOf<Name>]
  other: BusEvent<unknown>
}[KindOf<Name>]

/**
 * The kind of a name. Types look it up instead of branching on a condition, since TypeScript infers into the branches of a
 * condition: with 500 events in a pattern that takes an editor a fifth of a second.
 */
type KindOf<Name extends string> = Name extends keyof EventMap
  ? 'name'
  : [MatchOf<Name>] extends [never]
    ? Name extends keyof BuiltInEvents
      ? 'builtIn'
      : 'other'
    : 'pattern'

/** The names in the map that a pattern matches. A pattern has a wildcard. */
type MatchOf<Pattern extends string> = Pattern extends `${string}${'*' | '?' | '['}${string}`
  ? Extract<keyof EventMap & string, Matched<Pattern>>
  : never

/**
 * What a pattern matches, as far as the type system can express it: `?` and `[…]` stand for any text here, so the union
 * has at least what the pattern matches.
 */
type Matched<Pattern extends string> = Pattern extends `${infer Before}[${string}]${infer After}`
  ? `${Matched<Before>}${string}${Matched<After>}`
  : Pattern extends `${infer Before}*${infer After}`
    ? `${Matched<Before>}${string}${Matched<After>}`
    : Pattern extends `${infer Before}?${infer After}`
      ? `${Before}${string}${Matched<After>}`
      : Pattern

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
export type NameIn<Prefix extends string> =
  | { [Name in keyof EventMap & string]: Name extends `${Prefix}:${infer Rest}` ? Name | Rest : never }[keyof EventMap &
      string]
  | 'action-complete'
  | 'error'
  | 'message'
  | (string & Record<never, never>)

/**
 * The full name of an event in a namespace: with the prefix, unless it has it already.
 *
 * @example
 * ```ts
 * import type { FullName } from 'tauri-plugin-event-bus-api'
 *
 * const name: FullName<'shop', 'cart:updated'> = 'shop:cart:updated'
 * ```
 */
export type FullName<Prefix extends string, Name extends string> = Name extends `${Prefix}:${string}`
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
export type EventIn<Prefix extends string, Name extends string> = [BuiltInIn<Prefix, Name>] extends [never]
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
export type PayloadIn<Prefix extends string, Name extends string> = [BuiltInIn<Prefix, Name>] extends [never]
  ? PayloadOf<FullName<Prefix, Name>>
  : BuiltInEvents[BuiltInIn<Prefix, Name>]
