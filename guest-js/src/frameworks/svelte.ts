/**
 * Events of the bus in Svelte components, from Svelte 5.7 on. The stores of `tauri-plugin-event-bus-api/svelte/store`
 * work in Svelte 4, too.
 *
 * @module
 */

import { onMount } from 'svelte'
import { createSubscriber } from 'svelte/reactivity'
import { requestStream } from '../api/request-stream.js'
import type { EventHandler } from '../types/event.js'
import type { EventName } from '../types/event-map.js'
import type { EventOf, PayloadOf } from '../types/event-of.js'
import type { NameThatFitsHandlerAndOptions, OtherStream } from '../types/name-kind.js'
import type { PartOf, StreamArguments, StreamName, StreamResponseOf } from '../types/stream-map.js'
import type { Target } from '../types/target.js'
import {
  followStream,
  followTask,
  type StreamOptions,
  type StreamView,
  type TaskActions,
  type TaskView,
} from './followed.js'
import { type ListenerOptions, latestOf, observe, type Source, type StateOptions, sharedState } from './shared-state.js'

export type { StreamOptions, StreamView, TaskActions, TaskView } from './followed.js'
export type { ListenerOptions, StateOptions } from './shared-state.js'

/**
 * Calls `handler` with each event of that name or glob pattern, while the component is mounted. Call it while the
 * component is initialized. For a name that changes, use `$effect(() => listen(name, handler))`.
 *
 * @example
 * ```ts
 * import { useEvent } from 'tauri-plugin-event-bus-api/svelte'
 *
 * useEvent('cart:*', (event) => console.log(event.event, event.payload))
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
export function useEvent(event: string, handler: EventHandler<never>, options?: ListenerOptions): void {
  onMount(() => observe(event, handler, options))
}

/**
 * The payload of the latest event of that name or glob pattern, as `current`; `undefined` before the first one. A
 * retained event is there at once. It listens while an active template, `$effect` or `$derived` reads `current`.
 *
 * @example
 * ```ts
 * import { latest } from 'tauri-plugin-event-bus-api/svelte'
 *
 * const percent = latest<number>('import:progress')
 * console.log(percent.current)
 * ```
 */
export function latest<Name extends EventName, _ extends never>(
  event: Name,
  options?: ListenerOptions,
): { readonly current: PayloadOf<Name> | undefined }
export function latest<Payload = unknown, Name extends string = string>(
  event: NameThatFitsHandlerAndOptions<Name>,
  options?: ListenerOptions,
): { readonly current: Payload | undefined }
export function latest(event: string, options?: ListenerOptions): { readonly current: unknown } {
  const read = reactive(latestOf<unknown>(event, options))
  return {
    get current() {
      return read()
    },
  }
}

/**
 * A state that all pages of the app share under that name, as `current`, which can be written.
 *
 * Writing it shows the value here at once and emits it as a retained event, so that later pages receive it, too.
 * Once the host has accepted it, every page has the value that was accepted last. If the host refuses it, the state goes
 * back to what it was, and the error goes to `onError` or is reported. A page has one value for each name, as JSON has it.
 * Only `initial` belongs to each caller: it shows until there is an event, and is not emitted.
 * Replace an object instead of changing its properties.
 *
 * @example
 * ```ts
 * import { eventState } from 'tauri-plugin-event-bus-api/svelte'
 *
 * const zoom = eventState<number>('view:zoom', 100)
 * zoom.current += 10
 * ```
 */
export function eventState<Name extends EventName, _ extends never>(
  event: Name,
  initial: PayloadOf<Name>,
  options?: StateOptions,
): { current: PayloadOf<Name> }
export function eventState<Value = unknown, Name extends string = string>(
  event: NameThatFitsHandlerAndOptions<Name>,
  initial: Value,
  options?: StateOptions,
): { current: Value }
export function eventState(event: string, initial: unknown, options?: StateOptions): { current: unknown } {
  const state = sharedState(event, initial, options)
  const read = reactive(state)
  return {
    get current() {
      return read()
    },
    set current(value) {
      state.set(() => value)
    },
  }
}

/**
 * Requests a stream while the component is mounted, and shows its newest part as `current`. Call it while the component is
 * initialized.
 *
 * @example
 * ```ts
 * import { HOST } from 'tauri-plugin-event-bus-api'
 * import { useStream } from 'tauri-plugin-event-bus-api/svelte'
 *
 * const download = useStream<number, string>(HOST, 'download', { url: 'https://example.com' })
 * console.log(download.current.state, download.current.part)
 * ```
 */
export function useStream<Name extends StreamName, _ extends never>(
  to: Target,
  name: Name,
  ...payload: [...payload: StreamArguments<Name>, options?: StreamOptions<PartOf<Name>>]
): { readonly current: StreamView<PartOf<Name>, StreamResponseOf<Name>>; stop(): void }
export function useStream<Part = unknown, Response = unknown, Name extends string = string>(
  to: Target,
  name: OtherStream<Name>,
  payload?: unknown,
  options?: StreamOptions<Part>,
): { readonly current: StreamView<Part, Response>; stop(): void }
export function useStream(
  to: Target,
  name: string,
  payload?: unknown,
  { onPart = () => {}, enabled, ...options }: StreamOptions<never> = {},
): { readonly current: StreamView<never, never>; stop(): void } {
  const begin = () => (enabled === false ? undefined : requestStream(to, name, payload, options))
  const stream = followStream(begin, onPart)
  const read = reactiveWhileMounted(stream)
  return {
    get current() {
      return read()
    },
    stop: stream.stop,
  }
}

/**
 * Follows a task of the app while the component is mounted, as `current`: it attaches to the one that waits, runs or has ended a
 * while ago. Where there is none, its state is `idle` until `start` is called. Call it while the component is initialized.
 *
 * @example
 * ```ts
 * import { useTask } from 'tauri-plugin-event-bus-api/svelte'
 *
 * const task = useTask<string>('export', 'quarter-3')
 * await task.start({ rows: 1_000 })
 * console.log(task.current.state, task.current.result)
 * ```
 */
export function useTask<Result = unknown, Detail = unknown>(
  name: string,
  key: string,
): { readonly current: TaskView<Result, Detail> } & TaskActions<Result>
export function useTask(name: string, key: string): { readonly current: TaskView<never, never> } & TaskActions<never> {
  const task = followTask(name, key)
  const read = reactiveWhileMounted(task)
  return {
    get current() {
      return read()
    },
    start: task.start,
    cancel: task.cancel,
  }
}

/** Subscribes while the component is mounted, whether anything reads it or not. */
function reactiveWhileMounted<Value>({ get, subscribe }: Source<Value>): () => Value {
  let changed = () => {}
  const track = createSubscriber((update) => {
    changed = update
  })
  onMount(() => subscribe(() => changed()))
  return () => {
    track()
    return get()
  }
}

function reactive<Value>({ get, subscribe }: Source<Value>): () => Value {
  const track = createSubscriber(subscribe)
  return () => {
    track()
    return get()
  }
}
