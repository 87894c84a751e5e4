/**
 * Events of the bus in React components, from React 18 on.
 *
 * @module
 */

import { useEffect, useInsertionEffect, useMemo, useRef, useSyncExternalStore } from 'react'
import { requestStream } from '../api/request-stream.js'
import type { EventHandler } from '../types/event.js'
import type { EventName } from '../types/event-map.js'
import type { EventOf, PayloadOf } from '../types/event-of.js'
import type { NameThatFitsHandlerAndOptions, OtherStream } from '../types/name-kind.js'
import type { PartOf, StreamArguments, StreamName, StreamResponseOf } from '../types/stream-map.js'
import type { Target } from '../types/target.js'
import {
  contentOfStream,
  followStream,
  followTask,
  type StreamOptions,
  type StreamView,
  type TaskActions,
  type TaskView,
} from './followed.js'
import { contentOf, type ListenerOptions, latestOf, observe, type StateOptions, sharedState } from './shared-state.js'

export type { StreamOptions, StreamView, TaskActions, TaskView } from './followed.js'
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

/**
 * Requests a stream while the component is mounted, and shows its newest part.
 *
 * Another target, name, payload or credit leaves the stream and requests another one. Payloads are compared by what is sent,
 * and a `Blob` by its identity, so keep it between renders.
 * With `enabled: false` it is not requested. The stream ends with the component.
 *
 * @example
 * ```tsx
 * import { HOST } from 'tauri-plugin-event-bus-api'
 * import { useStream } from 'tauri-plugin-event-bus-api/react'
 *
 * export function Download({ url }: { url: string }) {
 *   const { state, part, error, stop } = useStream<number, string>(HOST, 'download', { url })
 *   if (error) return <p>{error.message}</p>
 *   return <button disabled={state !== 'running'} onClick={stop}>{part ?? 0} bytes: stop</button>
 * }
 * ```
 */
export function useStream<Name extends StreamName, _ extends never>(
  to: Target,
  name: Name,
  ...payload: [...payload: StreamArguments<Name>, options?: StreamOptions<PartOf<Name>>]
): StreamView<PartOf<Name>, StreamResponseOf<Name>> & { stop(): void }
export function useStream<Part = unknown, Response = unknown, Name extends string = string>(
  to: Target,
  name: OtherStream<Name>,
  payload?: unknown,
  options?: StreamOptions<Part>,
): StreamView<Part, Response> & { stop(): void }
export function useStream(
  to: Target,
  name: string,
  payload?: unknown,
  options: StreamOptions<never> = {},
): StreamView<never, never> & { stop(): void } {
  const { enabled, timeoutMs, credit } = options
  const newest = useNewest({ to, payload, options })
  const content = contentOfStream(to, name, payload, { enabled, timeoutMs, credit })
  // biome-ignore lint/correctness/useExhaustiveDependencies: The content stands for what the request takes.
  const { get, subscribe, stop } = useMemo(() => {
    const begin = () => (enabled === false ? undefined : requestStream(to, name, payload, { timeoutMs, credit }))
    return followStream(begin, (part) => newest.current.options.onPart?.(part))
  }, [content])
  return { ...useSyncExternalStore(subscribe, get, get), stop }
}

/**
 * Follows a task of the app while the component is mounted: it attaches to the one that waits, runs or has ended a while ago.
 * Where there is none, its state is `idle` until `start` is called. Leaving the component ends the following, not the task.
 *
 * @example
 * ```tsx
 * import { useTask } from 'tauri-plugin-event-bus-api/react'
 *
 * export function Export() {
 *   const { state, progress, result, error, start, cancel } = useTask<string>('export', 'quarter-3')
 *   if (state === 'running') return <progress value={progress?.fraction ?? 0} onClick={cancel} />
 *   return <button onClick={() => start({ rows: 1_000 })}>{error?.message ?? result ?? 'Export'}</button>
 * }
 * ```
 */
export function useTask<Result = unknown, Detail = unknown>(
  name: string,
  key: string,
): TaskView<Result, Detail> & TaskActions<Result>
export function useTask(name: string, key: string): TaskView<never, never> & TaskActions<never> {
  const { get, subscribe, start, cancel } = useMemo(() => followTask(name, key), [name, key])
  return { ...useSyncExternalStore(subscribe, get, get), start, cancel }
}

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
