/**
 * Events of the bus in React components, from React 18 on.
 *
 * @module
 */

import { useEffect, useInsertionEffect, useMemo, useRef, useSyncExternalStore } from 'react'
import type { EventHandler } from '../types/event.js'
import type { EventName } from '../types/event-map.js'
import type { EventOf, PayloadOf } from '../types/event-of.js'
import type { NameThatFitsHandlerAndOptions } from '../types/name-kind.js'
import { contentOf, type ListenerOptions, latestOf, observe, type StateOptions, sharedState } from './shared-state.js'

export type { ListenerOptions, StateOptions } from './shared-state.js'

/**
 * Calls `handler` with each event of that name or glob pattern, while the component is mounted.
 *
 * It calls the handler of the newest render, without subscribing again. Another name, or options with another content,
 * subscribe again. Options need not be memoized.
 *
 * @example
 * ```tsx
 * import { useEvent } from 'tauri-plugin-event-bus-api/react'
 *
 * export function Log() {
 *   useEvent('cart:*', (event) => console.log(event.event, event.payload))
 *   return null
 * }
 * ```
 */
export function useEvent<Name extends EventName, _ extends never>(
  event: Name,
  handler: (event: EventOf<Name>) => unknown,
  options?: ListenerOptions,
): void
export function useEvent<Payload = unknown, Name extends string = string>(
  event: NameThatFitsHandlerAndOptions<Name>,
  handler: EventHandler<Payload>,
  options?: ListenerOptions,
): void
export function useEvent(event: string, handler: EventHandler<never>, options: ListenerOptions = {}): void {
  const newest = useNewest(handler)
  const kept = useSameOptions(options)
  useEffect(() => observe(event, (received) => newest.current(received), kept), [event, newest, kept])
}

/**
 * The payload of the latest event of that name or glob pattern; `undefined` before the first one. A retained event is
 * there at once. Each newer event renders the component again.
 *
 * @example
 * ```tsx
 * import { useLatest } from 'tauri-plugin-event-bus-api/react'
 *
 * export function Progress() {
 *   const percent = useLatest<number>('import:progress')
 *   return percent === undefined ? null : <progress max={100} value={percent} />
 * }
 * ```
 */
export function useLatest<Name extends EventName, _ extends never>(
  event: Name,
  options?: ListenerOptions,
): PayloadOf<Name> | undefined
export function useLatest<Payload = unknown, Name extends string = string>(
  event: NameThatFitsHandlerAndOptions<Name>,
  options?: ListenerOptions,
): Payload | undefined
export function useLatest(event: string, options: ListenerOptions = {}): unknown {
  const kept = useSameOptions(options)
  const { subscribe, get } = useMemo(() => latestOf(event, kept), [event, kept])
  return useSyncExternalStore(subscribe, get, get)
}

/**
 * A state that all pages of the app share under that name, like `useState`.
 *
 * Setting it shows the value here at once and emits it as a retained event, so that later pages receive it, too.
 * Once the host has accepted it, every page has the value that was accepted last. If the host refuses it, the state goes
 * back to what it was, and the error goes to `onError` or is reported. A page has one value for each name, as JSON has it.
 * Only `initial` belongs to each caller: it shows until there is an event, and is not emitted.
 *
 * @returns the value, and a function that sets it, which stays the same.
 *
 * @example
 * ```tsx
 * import { useEventState } from 'tauri-plugin-event-bus-api/react'
 *
 * export function Zoom() {
 *   const [zoom, setZoom] = useEventState<number>('view:zoom', 100)
 *   return <button onClick={() => setZoom((before) => before + 10)}>{zoom} %</button>
 * }
 * ```
 */
export function useEventState<Name extends EventName, _ extends never>(
  event: Name,
  initial: PayloadOf<Name>,
  options?: StateOptions,
): [PayloadOf<Name>, SetState<PayloadOf<Name>>]
export function useEventState<Value = unknown, Name extends string = string>(
  event: NameThatFitsHandlerAndOptions<Name>,
  initial: Value,
  options?: StateOptions,
): [Value, SetState<Value>]
export function useEventState(event: string, initial: unknown, options: StateOptions = {}): unknown {
  const kept = useSameOptions(options)
  // As with useState, only the first initial value counts.
  const first = useRef(initial)
  const { subscribe, get, set } = useMemo(() => sharedState(event, first.current, kept), [event, kept])
  // The server has rendered the initial value, even where the page has another one by now.
  return [useSyncExternalStore(subscribe, get, () => first.current), set]
}

/**
 * Sets a shared state to a value, or to what a function makes of the one before.
 *
 * @example
 * ```ts
 * import type { SetState } from 'tauri-plugin-event-bus-api/react'
 *
 * const double = (set: SetState<number>) => set((before) => before * 2)
 * ```
 */
export type SetState<Value> = (next: Value | ((before: Value) => Value)) => void

/** The value of the newest committed render. A render that React discards must have no effect. */
function useNewest<Value>(value: Value): { readonly current: Value } {
  const newest = useRef(value)
  useInsertionEffect(() => {
    newest.current = value
  })
  return newest
}

/** Options that are identical while their content is. Their functions call the newest ones. */
function useSameOptions(options: ListenerOptions): ListenerOptions {
  const newest = useNewest(options)
  const content = contentOf(options)
  const { signal, onGap, onError } = options
  const callingNewest: ListenerOptions = {
    ...options,
    ...(onGap && { onGap: (gap) => newest.current.onGap?.(gap) }),
    ...(onError && { onError: (error) => newest.current.onError?.(error) }),
  }
  // biome-ignore lint/correctness/useExhaustiveDependencies: The content stands for the options.
  return useMemo(() => callingNewest, [content, signal, !onError])
}
