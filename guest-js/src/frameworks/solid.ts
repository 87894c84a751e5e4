/**
 * Events of the bus in Solid components and roots, from Solid 1.8 on.
 *
 * @module
 */

import { type Accessor, createEffect, createMemo, createSignal, onCleanup, untrack } from 'solid-js'
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
import {
  contentOf,
  type ListenerOptions,
  latestOf,
  observe,
  type Source,
  type StateOptions,
  sharedState,
} from './shared-state.js'

export type { StreamOptions, StreamView, TaskActions, TaskView } from './followed.js'
export type { ListenerOptions, StateOptions } from './shared-state.js'

/**
 * A value, or a signal of it.
 *
 * @example
 * ```ts
 * import type { MaybeAccessor } from 'tauri-plugin-event-bus-api/solid'
 *
 * const name: MaybeAccessor<string> = () => 'cart:updated'
 * ```
 */
export type MaybeAccessor<Value> = Value | Accessor<Value>

/**
 * Calls `handler` with each event of that name or glob pattern, until its owner is disposed of. The name and the
 * options may be signals: another name, or options with another content, subscribe again.
 *
 * @example
 * ```ts
 * import { createEventListener } from 'tauri-plugin-event-bus-api/solid'
 *
 * createEventListener('cart:*', (event) => console.log(event.event, event.payload))
 * ```
 */
export function createEventListener<Name extends EventName, _ extends never>(
  event: MaybeAccessor<Name>,
  handler: (event: EventOf<Name>) => unknown,
  options?: MaybeAccessor<ListenerOptions>,
): void
export function createEventListener<Payload = unknown, Name extends string = string>(
  event: MaybeAccessor<NameThatFitsHandlerAndOptions<Name>>,
  handler: EventHandler<Payload>,
  options?: MaybeAccessor<ListenerOptions>,
): void
export function createEventListener(
  event: MaybeAccessor<string>,
  handler: EventHandler<never>,
  options: MaybeAccessor<ListenerOptions> = {},
): void {
  whileOwned(event, options, (name, listened) => observe(name, handler, listened))
}

/**
 * The payload of the latest event of that name or glob pattern, as a signal; `undefined` before the first one, also
 * after the name has changed. A retained event is there at once.
 *
 * @example
 * ```ts
 * import { createEffect } from 'solid-js'
 * import { createLatest } from 'tauri-plugin-event-bus-api/solid'
 *
 * const percent = createLatest<number>('import:progress')
 * createEffect(() => console.log(percent()))
 * ```
 */
export function createLatest<Name extends EventName, _ extends never>(
  event: MaybeAccessor<Name>,
  options?: MaybeAccessor<ListenerOptions>,
): Accessor<PayloadOf<Name> | undefined>
export function createLatest<Payload = unknown, Name extends string = string>(
  event: MaybeAccessor<NameThatFitsHandlerAndOptions<Name>>,
  options?: MaybeAccessor<ListenerOptions>,
): Accessor<Payload | undefined>
export function createLatest(
  event: MaybeAccessor<string>,
  options: MaybeAccessor<ListenerOptions> = {},
): Accessor<unknown> {
  const [payload, setPayload] = createSignal<unknown>()
  whileOwned(event, options, (name, listened) => {
    const newest = latestOf(name, listened)
    setPayload(undefined)
    return newest.subscribe(() => setPayload(newest.get))
  })
  return payload
}

/**
 * A state that all pages of the app share under that name, like a signal.
 *
 * Setting it shows the value here at once and emits it as a retained event, so that later pages receive it, too.
 * Once the host has accepted it, every page has the value that was accepted last. If the host refuses it, the state goes
 * back to what it was, and the error goes to `onError` or is reported. A page has one value for each name, as JSON has it.
 * Only `initial` belongs to each caller: it shows until there is an event, and is not emitted.
 *
 * @returns the value as a signal, and a function that sets it.
 *
 * @example
 * ```ts
 * import { createEventState } from 'tauri-plugin-event-bus-api/solid'
 *
 * const [zoom, setZoom] = createEventState<number>('view:zoom', 100)
 * setZoom((before) => before + 10)
 * console.log(zoom())
 * ```
 */
export function createEventState<Name extends EventName, _ extends never>(
  event: MaybeAccessor<Name>,
  initial: PayloadOf<Name>,
  options?: StateOptions,
): [Accessor<PayloadOf<Name>>, SetState<PayloadOf<Name>>]
export function createEventState<Value = unknown, Name extends string = string>(
  event: MaybeAccessor<NameThatFitsHandlerAndOptions<Name>>,
  initial: Value,
  options?: StateOptions,
): [Accessor<Value>, SetState<Value>]
export function createEventState(
  event: MaybeAccessor<string>,
  initial: unknown,
  options: StateOptions = {},
): [Accessor<unknown>, SetState<unknown>] {
  const state = createMemo(() => sharedState(access(event), initial, options))
  const [changes, setChanged] = createSignal(undefined, { equals: false })
  const changed = () => setChanged(undefined)
  const value = createMemo(() => {
    changes()
    return state().get()
  })
  createEffect(() => {
    onCleanup(state().subscribe(changed))
    // It may have been set since the body ran.
    changed()
  })
  const set: SetState<unknown> = (next) => {
    untrack(state).set(next)
    // Effects run after the body, so changes in it need this.
    changed()
  }
  return [value, set]
}

/**
 * Requests a stream until its owner is disposed of, and shows its newest part. The target, the name and the payload may be
 * signals: another one leaves the stream and requests another.
 *
 * @returns what shows, as a signal, and a function that leaves the stream.
 *
 * @example
 * ```ts
 * import { HOST } from 'tauri-plugin-event-bus-api'
 * import { createStream } from 'tauri-plugin-event-bus-api/solid'
 *
 * const [download, stop] = createStream<number, string>(HOST, 'download', { url: 'https://example.com' })
 * console.log(download().state, download().part)
 * stop()
 * ```
 */
export function createStream<Name extends StreamName, _ extends never>(
  to: MaybeAccessor<Target>,
  name: MaybeAccessor<Name>,
  payload?: MaybeAccessor<StreamArguments<Name>[0]>,
  options?: StreamOptions<PartOf<Name>>,
): [Accessor<StreamView<PartOf<Name>, StreamResponseOf<Name>>>, () => void]
export function createStream<Part = unknown, Response = unknown, Name extends string = string>(
  to: MaybeAccessor<Target>,
  name: MaybeAccessor<OtherStream<Name>>,
  payload?: unknown,
  options?: StreamOptions<Part>,
): [Accessor<StreamView<Part, Response>>, () => void]
export function createStream(
  to: MaybeAccessor<Target>,
  name: MaybeAccessor<string>,
  payload?: unknown,
  { onPart = () => {}, enabled, ...options }: StreamOptions<never> = {},
): [Accessor<StreamView<never, never>>, () => void] {
  const begin = () =>
    enabled === false ? undefined : requestStream(access(to), access(name), access(payload), options)
  const stream = followStream(begin, onPart)
  const content = () => contentOfStream(access(to), access(name), access(payload), {})
  return [viewWhileOwned(stream, content), stream.stop]
}

/**
 * Follows a task of the app until its owner is disposed of: it attaches to the one that waits, runs or has ended a while ago. Where
 * there is none, its state is `idle` until `start` is called.
 *
 * @returns what shows, as a signal, and what starts and cancels the task.
 *
 * @example
 * ```ts
 * import { createTask } from 'tauri-plugin-event-bus-api/solid'
 *
 * const [task, { start }] = createTask<string>('export', 'quarter-3')
 * await start({ rows: 1_000 })
 * console.log(task().state, task().result)
 * ```
 */
export function createTask<Result = unknown, Detail = unknown>(
  name: string,
  key: string,
): [Accessor<TaskView<Result, Detail>>, TaskActions<Result>]
export function createTask(name: string, key: string): [Accessor<TaskView<never, never>>, TaskActions<never>] {
  const task = followTask(name, key)
  return [viewWhileOwned(task, () => ''), { start: task.start, cancel: task.cancel }]
}

/** What shows of a source, which is subscribed to again for each content. */
function viewWhileOwned<View>({ get, subscribe }: Source<View>, content: () => string): Accessor<View> {
  const [view, setView] = createSignal(get())
  const watched = createMemo(content)
  createEffect(() => {
    watched()
    onCleanup(untrack(() => subscribe(() => setView(get))))
  })
  return view
}

/**
 * Sets a shared state to a value, or to what a function makes of the one before.
 *
 * @example
 * ```ts
 * import type { SetState } from 'tauri-plugin-event-bus-api/solid'
 *
 * const double = (set: SetState<number>) => set((before) => before * 2)
 * ```
 */
export type SetState<Value> = (next: Value | ((before: Value) => Value)) => void

/** Subscribes again for each name and each content of the options. */
function whileOwned(
  event: MaybeAccessor<string>,
  options: MaybeAccessor<ListenerOptions>,
  begin: (event: string, options: ListenerOptions) => () => void,
): void {
  const content = createMemo(() => contentOf(access(options)))
  const signal = createMemo(() => access(options).signal)
  createEffect(() => {
    content()
    signal()
    onCleanup(
      begin(
        access(event),
        untrack(() => access(options)),
      ),
    )
  })
}

function access<Value>(value: MaybeAccessor<Value>): Value {
  return typeof value === 'function' ? (value as Accessor<Value>)() : value
}
