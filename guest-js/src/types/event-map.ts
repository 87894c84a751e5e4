import type { BuiltInEvents } from './built-in.js'
import type { EventArguments, NameOf } from './map.js'

/**
 * The events of the app: each name with the type of its payload. It is empty here; the app augments it.
 *
 * Editors complete the names in it, and the compiler checks their payloads. A payload of `void`, `undefined` or `null` is
 * omitted when emitting. Other names take and give `unknown`. An app that declares its events in Rust has this file written
 * by `Catalog::export_typescript`.
 *
 * @example
 * ```ts
 * declare module 'tauri-plugin-event-bus-api' {
 *   interface EventMap {
 *     'cart:updated': { itemCount: number }
 *     'app:closed': void
 *   }
 * }
 * ```
 */
// biome-ignore lint/suspicious/noEmptyInterface: Only an interface can be augmented.
export interface EventMap {}

/**
 * The name of an event, or a glob pattern where it is listened to. Names in {@link EventMap} complete.
 *
 * @example
 * ```ts
 * import type { EventName } from 'tauri-plugin-event-bus-api'
 *
 * const name: EventName = 'cart:updated'
 * ```
 */
export type EventName = NameOf<EventMap> | BuiltInName

/** The built-in events that complete in editors, beside those that each component has of its own. */
type BuiltInName = Exclude<keyof BuiltInEvents & string, `refresh-${string}`>

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
export type PayloadArguments<Name extends string> = EventArguments<EventMap, Name>
