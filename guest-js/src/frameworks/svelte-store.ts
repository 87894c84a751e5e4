/**
 * Events of the bus as Svelte stores, for Svelte 4 and 5.
 *
 * @module
 */

import { type Readable, readable, type Writable } from 'svelte/store'
import { requestStream } from '../api/request-stream.js'
import type { EventName } from '../types/event-map.js'
import type { PayloadOf } from '../types/event-of.js'
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
import { type ListenerOptions, latestOf, type Source, type StateOptions, sharedState } from './shared-state.js'

export type { StreamOptions, StreamView, TaskActions, TaskView } from './followed.js'
export type { ListenerOptions, StateOptions } from './shared-state.js'

/**
 * The payload of the latest event of that name or glob pattern; `undefined` before the first one. A retained event is
 * there at once. It listens while the store has subscribers.
 *
 * @example
 * ```ts
 * import { eventStore } from 'tauri-plugin-event-bus-api/svelte/store'
 *
 * const percent = eventStore<number>('import:progress')
 * const off = percent.subscribe((value) => console.log(value))
 * off()
 * ```
 */
export function eventStore<Name extends EventName, _ extends never>(
  event: Name,
  options?: ListenerOptions,
): Readable<PayloadOf<Name> | undefined>
export function eventStore<Payload = unknown, Name extends string = string>(
  event: NameThatFitsHandlerAndOptions<Name>,
  options?: ListenerOptions,
): Readable<Payload | undefined>
export function eventStore(event: string, options?: ListenerOptions): Readable<unknown> {
  return storeOf(latestOf<unknown>(event, options))
}

/**
 * A state that all pages of the app share under that name, as a store to write.
 *
 * Writing it shows the value here at once and emits it as a retained event, so that later pages receive it, too.
 * Once the host has accepted it, every page has the value that was accepted last. If the host refuses it, the state goes
 * back to what it was, and the error goes to `onError` or is reported. A page has one value for each name, as JSON has it.
 * Only `initial` belongs to each caller: it shows until there is an event, and is not emitted.
 *
 * @example
 * ```ts
 * import { eventStateStore } from 'tauri-plugin-event-bus-api/svelte/store'
 *
 * const zoom = eventStateStore<number>('view:zoom', 100)
 * zoom.update((before) => before + 10)
 * ```
 */
export function eventStateStore<Name extends EventName, _ extends never>(
  event: Name,
  initial: PayloadOf<Name>,
  options?: StateOptions,
): Writable<PayloadOf<Name>>
export function eventStateStore<Value = unknown, Name extends string = string>(
  event: NameThatFitsHandlerAndOptions<Name>,
  initial: Value,
  options?: StateOptions,
): Writable<Value>
export function eventStateStore(event: string, initial: unknown, options?: StateOptions): Writable<unknown> {
  const state = sharedState(event, initial, options)
  return { ...storeOf(state), set: (value) => state.set(() => value), update: state.set }
}

/**
 * A stream as a store, which is requested while the store has subscribers, and shows its newest part.
 *
 * @example
 * ```ts
 * import { HOST } from 'tauri-plugin-event-bus-api'
 * import { streamStore } from 'tauri-plugin-event-bus-api/svelte/store'
 *
 * const download = streamStore<number, string>(HOST, 'download', { url: 'https://example.com' })
 * const off = download.subscribe(({ state, part }) => console.log(state, part))
 * off()
 * ```
 */
export function streamStore<Name extends StreamName, _ extends never>(
  to: Target,
  name: Name,
  ...payload: [...payload: StreamArguments<Name>, options?: StreamOptions<PartOf<Name>>]
): Readable<StreamView<PartOf<Name>, StreamResponseOf<Name>>> & { stop(): void }
export function streamStore<Part = unknown, Response = unknown, Name extends string = string>(
  to: Target,
  name: OtherStream<Name>,
  payload?: unknown,
  options?: StreamOptions<Part>,
): Readable<StreamView<Part, Response>> & { stop(): void }
export function streamStore(
  to: Target,
  name: string,
  payload?: unknown,
  { onPart = () => {}, enabled, ...options }: StreamOptions<never> = {},
): Readable<StreamView<never, never>> & { stop(): void } {
  const begin = () => (enabled === false ? undefined : requestStream(to, name, payload, options))
  const stream = followStream(begin, onPart)
  return { ...storeOf(stream), stop: stream.stop }
}

/**
 * A task of the app as a store, which follows it while the store has subscribers: it attaches to the one that waits, runs or has
 * ended a while ago. Where there is none, its state is `idle` until `start` is called.
 *
 * @example
 * ```ts
 * import { taskStore } from 'tauri-plugin-event-bus-api/svelte/store'
 *
 * const task = taskStore<string>('export', 'quarter-3')
 * const off = task.subscribe(({ state, result }) => console.log(state, result))
 * await task.start({ rows: 1_000 })
 * off()
 * ```
 */
export function taskStore<Result = unknown, Detail = unknown>(
  name: string,
  key: string,
): Readable<TaskView<Result, Detail>> & TaskActions<Result>
export function taskStore(name: string, key: string): Readable<TaskView<never, never>> & TaskActions<never> {
  const task = followTask(name, key)
  return { ...storeOf(task), start: task.start, cancel: task.cancel }
}

function storeOf<Value>({ get, subscribe }: Source<Value>): Readable<Value> {
  return readable(get(), (set) => {
    // It may have been written without a subscriber.
    set(get())
    return subscribe(() => set(get()))
  })
}
