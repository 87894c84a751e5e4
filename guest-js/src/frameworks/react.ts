/**
 * Events of the bus in React components, from React 18 on.
 *
 * @module
 */

import { useEffect, useInsertionEffect, useMemo, useRef, useSyncExternalStore } from 'react'
import type { EventHandler } from '../types/event.js'
import type { EventName, EventOf, NameIfSet, PayloadOf, Unset } from '../types/event-map.js'
import { contentOf, type ListenerOptions, newestOf, observe, type StateOptions, sharedState } from './shared-state.js'

export type { ListenerOptions, StateOptions } from './shared-state.js'

/**
 * Calls `handler` with each event of that name, or glob pattern, while the component is mounted.
 *
 * The handler of the newest render is called, without subscribing again. Another name, or options with another
 * content, subscribe again; options need not be memoized.
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
export function useEvent<Payload = Unset>(
  event: NameIfSet<Payload>,
  handler: EventHandler<NoInfer<Payload>>,
  options?: ListenerOptions,
): void
export function useEvent<Name extends EventName, _ extends never>(
  event: Name,
  handler: (event: EventOf<Name>) => unknown,
  options?: ListenerOptions,
): void
export function useEvent(event: string, handler: EventHandler<never>, options: ListenerOptions = {}): void {
  const newest = useNewest(handler)
  const kept = useSameOptions(options)
  useEffect(() => observe(event, (received) => newest.current(received), kept), [event, newest, kept])
}

/**
 * The payload of the newest event of that name, or glob pattern; `undefined` before the first one. A retained event is
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
export function useLatest<Payload = Unset>(event: NameIfSet<Payload>, options?: ListenerOptions): Payload | undefined
export function useLatest<Name extends EventName, _ extends never>(
  event: Name,
  options?: ListenerOptions,
): PayloadOf<Name> | undefined
export function useLatest(event: string, options: ListenerOptions = {}): unknown {
  const kept = useSameOptions(options)
  const { subscribe, get } = useMemo(() => newestOf(event, kept), [event, kept])
  return useSyncExternalStore(subscribe, get, get)
}

/**
 * A state that every page of the app shares under that name, like `useState`.
 *
 * Setting it shows the value here at once and emits it as a retained event, so that pages that come later have it, too.
 * Once the host has accepted it, every page holds the value that was accepted last. Where the host refuses it, the
 * state is what it was, and the error goes to `onError` or is reported. In a page, too, a name has one value, kept as JSON
 * has it; `initial` alone is each one's own: it is what shows until there is an event, and is not emitted.
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
export function useEventState<Value = Unset>(
  event: NameIfSet<Value>,
  initial: NoInfer<Value>,
  options?: StateOptions,
): [Value, SetState<Value>]
export function useEventState<Name extends EventName, _ extends never>(
  event: Name,
  initial: PayloadOf<Name>,
  options?: StateOptions,
): [PayloadOf<Name>, SetState<PayloadOf<Name>>]
export function useEventState(event: string, initial: unknown, options: StateOptions = {}): unknown {
  const kept = useSameOptions(options)
  // Like useState, it looks at the initial value once.
  const first = useRef(initial)
  const { subscribe, get, set } = useMemo(() => sharedState(event, first.current, kept), [event, kept])
  // What the server has rendered is the initial value, also where the page has another one by now.
  return [useSyncExternalStore(subscribe, get, () => first.current), set]
}

/**
 * Sets a shared state: to a value, or to what a function makes of the one before.
 *
 * @example
 * ```ts
 * import type { SetState } from 'tauri-plugin-event-bus-api/react'
 *
 * const double = (set: SetState<number>) => set((before) => before * 2)
 * ```
 */
export type SetState<Value> = (next: Value | ((before: Value) => Value)) => void

/** What the newest render that was committed has given: one that React discards must not be heard of. */
function useNewest<Value>(value: Value): { readonly current: Value } {
  const newest = useRef(value)
  useInsertionEffect(() => {
    newest.current = value
  })
  return newest
}

/** Options that are the same while their content is. Their functions call the newest ones. */
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
