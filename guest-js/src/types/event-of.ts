import type { BuiltInEvents } from './built-in.js'
import type { BusEvent } from './event.js'
import type { EventMap } from './event-map.js'
import type { Received } from './map.js'
import type { KindOf, MatchOf } from './name-kind.js'

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
