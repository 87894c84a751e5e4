import type { BuiltInEvents } from './built-in.js'
import type { ChannelMap } from './channel-map.js'
import type { EventMap } from './event-map.js'
import type { RequestMap } from './request-map.js'
import type { StreamMap } from './stream-map.js'

/**
 * The kind of a name. Types look it up instead of branching on a condition, since TypeScript infers into the branches of a
 * condition: with 500 events in a pattern that takes an editor a fifth of a second. TypeScript compares functions with overloads
 * as if each name were `any`, the only one that `0` extends. It is `other`, so that no type of every event in the map is built.
 */
export type KindOf<Name extends string> = 0 extends Name
  ? 'other'
  : Name extends keyof EventMap
    ? 'name'
    : [MatchOf<Name>] extends [never]
      ? Name extends keyof BuiltInEvents
        ? 'builtIn'
        : 'other'
      : 'pattern'

/** The names in the map that a pattern matches. A pattern has a wildcard. */
export type MatchOf<Pattern extends string> = Pattern extends `${string}${'*' | '?' | '['}${string}`
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
 * The name in a signature that takes the payload's type from its caller. No name or pattern whose type is known fits, so the
 * signature typed by the map applies. The compiler shows this type where a handler or an option is wrong.
 *
 * Functions that listen have that signature last, since an editor completes names by the first one, and each costs it time:
 * with 2,000 events 40 ms. Functions that emit have it first, since TypeScript 7 explains only the last one's mistakes.
 *
 * @example
 * ```ts
 * import { type BusEvent, listen, type NameThatFitsHandlerAndOptions } from 'tauri-plugin-event-bus-api'
 *
 * function logged<Name extends string>(name: NameThatFitsHandlerAndOptions<Name>) {
 *   return listen<number, Name>(name, (event: BusEvent<number>) => console.log(event.payload))
 * }
 * logged('progress')
 * ```
 */
export type NameThatFitsHandlerAndOptions<Name extends string> = Name &
  {
    name: ThisNameHasAnotherPayload
    builtIn: ThisNameHasAnotherPayload
    pattern: ThisNameHasAnotherPayload
    other: unknown
  }[KindOf<Name>]

/**
 * {@link NameThatFitsHandlerAndOptions} where a payload is sent. The compiler shows `Problem`.
 *
 * @example
 * ```ts
 * import type { OtherName, ThePayloadOfThisEventIsMissingOrWrong } from 'tauri-plugin-event-bus-api'
 *
 * const name: OtherName<'progress', ThePayloadOfThisEventIsMissingOrWrong> = 'progress'
 * ```
 */
export type OtherName<Name extends string, Problem> = Name extends unknown
  ? KindOf<Name> extends 'other'
    ? Name
    : Problem
  : never

/**
 * {@link OtherName} for the name of a request.
 *
 * @example
 * ```ts
 * import type { OtherRequest } from 'tauri-plugin-event-bus-api'
 *
 * const name: OtherRequest<'ping'> = 'ping'
 * ```
 */
export type OtherRequest<Name extends string> = Name extends keyof RequestMap
  ? ThePayloadOfThisRequestIsMissingOrWrong
  : Name

/**
 * {@link OtherName} for the name of a stream.
 *
 * @example
 * ```ts
 * import type { OtherStream } from 'tauri-plugin-event-bus-api'
 *
 * const name: OtherStream<'ticks'> = 'ticks'
 * ```
 */
export type OtherStream<Name extends string> = Name extends keyof StreamMap
  ? ThePayloadOfThisRequestIsMissingOrWrong
  : Name

/**
 * {@link OtherName} for the name of a channel.
 *
 * @example
 * ```ts
 * import type { OtherChannel } from 'tauri-plugin-event-bus-api'
 *
 * const name: OtherChannel<'terminal'> = 'terminal'
 * ```
 */
export type OtherChannel<Name extends string> = Name extends keyof ChannelMap
  ? ThePayloadOfThisRequestIsMissingOrWrong
  : Name

declare const problem: unique symbol

/** No name has this type. The compiler shows it where a handler or an option does not fit a name in a namespace. */
export type ThisNameHasAnotherPayload = string & { readonly [problem]: never }

/**
 * No name has this type. The compiler shows it where the payload is missing in a call, or another one.
 *
 * @example
 * ```ts
 * import type { ThePayloadOfThisEventIsMissingOrWrong } from 'tauri-plugin-event-bus-api'
 *
 * const isUnusable = (name: ThePayloadOfThisEventIsMissingOrWrong): never => {
 *   throw new Error(name)
 * }
 * ```
 */
export type ThePayloadOfThisEventIsMissingOrWrong = string & { readonly [problem]: never }

/** No name has this type. The compiler shows it where the payload of a request is missing in a call, or another one. */
type ThePayloadOfThisRequestIsMissingOrWrong = string & { readonly [problem]: never }
