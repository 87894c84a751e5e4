import type { BuiltInEvents } from './built-in.js'
import type { BusEvent } from './event.js'

/**
 * The app's events: each name with the type of its payload. It is empty here and augmented by the app.
 *
 * Names in it complete in editors, and their payloads are checked; a payload of `void`, `undefined` or `null`
 * is omitted when emitting. Other names take and give `unknown`. An app that declares its events in Rust has this
 * written by `Catalog::export_typescript`.
 *
 * @example
 * ```ts
 * declare module 'tauri-plugin-event-bus-api' {
 *   interface EventMap {
 *     'cart:updated': { itemCount: number }
 *     'app:ready': void
 *   }
 * }
 * ```
 */
// biome-ignore lint/suspicious/noEmptyInterface: Only an interface can be augmented.
export interface EventMap {}

/**
 * The name of an event, or a glob pattern where one is listened to. Names in {@link EventMap} complete.
 *
 * @example
 * ```ts
 * import type { EventName } from 'tauri-plugin-event-bus-api'
 *
 * const name: EventName = 'cart:updated'
 * ```
 */
export type EventName = (keyof EventMap & string) | BuiltInName | (string & Record<never, never>)

/** The built-in events that complete in editors, beside those that each component has of its own. */
type BuiltInName = Exclude<keyof BuiltInEvents & string, `refresh-${string}`>

/**
 * The type of the payload that handlers of `Name` receive: the one in {@link EventMap} (`null` for an event
 * without payload), for a glob pattern the union of those that it matches there, else `unknown`.
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
 * The event that handlers of `Name` receive. For a glob pattern it is one of those that the pattern matches in
 * {@link EventMap}, so that comparing `event.event` narrows the payload. Names that are not in the map are not in
 * that union, though the pattern hears them, too.
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
 * What a name is. It is looked up with, instead of being a condition around the types, since TypeScript infers into the
 * branches of a condition: with 500 events in a pattern that takes an editor a fifth of a second.
 */
type KindOf<Name extends string> = Name extends keyof EventMap
  ? 'name'
  : [MatchOf<Name>] extends [never]
    ? Name extends keyof BuiltInEvents
      ? 'builtIn'
      : 'other'
    : 'pattern'

/** The names in the map that a pattern matches. Only what has a wildcard is a pattern. */
type MatchOf<Pattern extends string> = Pattern extends `${string}${'*' | '?' | '['}${string}`
  ? Extract<keyof EventMap & string, Matched<Pattern>>
  : never

/**
 * What a pattern matches, as far as the type system can say it: `?` and `[…]` stand for any text here, so the union
 * has at least what the pattern matches.
 */
type Matched<Pattern extends string> = Pattern extends `${infer Before}[${string}]${infer After}`
  ? `${Matched<Before>}${string}${Matched<After>}`
  : Pattern extends `${infer Before}*${infer After}`
    ? `${Matched<Before>}${string}${Matched<After>}`
    : Pattern extends `${infer Before}?${infer After}`
      ? `${Before}${string}${Matched<After>}`
      : Pattern

/** What a handler receives of what the map says. */
type Received<Payload> = [Payload] extends [Nothing] ? null : Payload

/**
 * The arguments that follow the name in `emit`: the payload, optional where the event has none or is not in
 * {@link EventMap}.
 *
 * @example
 * ```ts
 * import { emit, type EventName, type PayloadArguments } from 'tauri-plugin-event-bus-api'
 *
 * function logged<Name extends EventName>(event: Name, ...payload: PayloadArguments<Name>) {
 *   console.log(event)
 *   return emit(event, ...payload)
 * }
 * ```
 */
export type PayloadArguments<Name extends string> = Name extends keyof EventMap
  ? undefined extends EventMap[Name]
    ? [payload?: EventMap[Name]]
    : [EventMap[Name]] extends [Nothing]
      ? [payload?: EventMap[Name]]
      : [payload: EventMap[Name]]
  : [payload?: unknown]

/**
 * The name of an event in a namespace, or a pattern: those of {@link EventMap} complete with the prefix and without it.
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
 * The whole name of an event in a namespace: with the prefix, unless it has it already.
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

/** A built-in event of a namespace, without its prefix; `never` for what is the app's. */
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

declare const unset: unique symbol

/** The default of a type argument that the caller did not write. */
export type Unset = typeof unset

/**
 * The name's type in a signature that takes the payload's type as its only type argument, as in Tauri's
 * `listen<Payload>(…)`. Without that argument no name fits, so the signature typed by {@link EventMap} applies.
 */
export type NameIfSet<Payload> =
  IsAny<Payload> extends true
    ? string
    : [Payload] extends [Unset]
      ? [Unset] extends [Payload]
        ? ThePayloadOfThisEventIsMissing
        : string
      : string

/**
 * No name has this type. The compiler shows its name where the payload is missing in a call, since only this signature
 * has as few arguments then.
 */
interface ThePayloadOfThisEventIsMissing {
  readonly [unset]: never
}

/** Only `any` lets a number be assigned to another one's intersection with it. */
type IsAny<Type> = 0 extends 1 & Type ? true : false

/** What the map says of an event that has no payload. */
// biome-ignore lint/suspicious/noConfusingVoidType: Apps write void, which undefined does not cover.
type Nothing = undefined | null | void
