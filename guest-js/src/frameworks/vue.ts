/**
 * Events of the bus in Vue components and effect scopes, from Vue 3.3 on.
 *
 * @module
 */

import {
  customRef,
  type MaybeRefOrGetter,
  type Ref,
  type ShallowRef,
  shallowReadonly,
  shallowRef,
  toValue,
  watch,
} from 'vue'
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
  type SharedState,
  type Source,
  type StateOptions,
  sharedState,
} from './shared-state.js'

export type { StreamOptions, StreamView, TaskActions, TaskView } from './followed.js'
export type { ListenerOptions, StateOptions } from './shared-state.js'

/**
 * Calls `handler` with each event of that name or glob pattern, until the component or effect scope ends. The name and
 * the options may be refs or getters: another name, or options with another content, subscribe again.
 *
 * @returns a function that ends it earlier.
 *
 * @example
 * ```ts
 * import { useEvent } from 'tauri-plugin-event-bus-api/vue'
 *
 * useEvent('cart:*', (event) => console.log(event.event, event.payload))
 * ```
 */
export function useEvent<Name extends EventName, _ extends never>(
  event: MaybeRefOrGetter<Name>,
  handler: (event: EventOf<Name>) => unknown,
  options?: MaybeRefOrGetter<ListenerOptions>,
): () => void
export function useEvent<Payload = unknown, Name extends string = string>(
  event: MaybeRefOrGetter<NameThatFitsHandlerAndOptions<Name>>,
  handler: EventHandler<Payload>,
  options?: MaybeRefOrGetter<ListenerOptions>,
): () => void
export function useEvent(
  event: MaybeRefOrGetter<string>,
  handler: EventHandler<never>,
  options: MaybeRefOrGetter<ListenerOptions> = {},
): () => void {
  return whileActive(event, options, (name, listened) => observe(name, handler, listened))
}

/**
 * The payload of the latest event of that name or glob pattern; `undefined` before the first one, also after the name
 * has changed. A retained event is there at once. It is a shallow ref that cannot be written.
 *
 * @example
 * ```ts
 * import { watchEffect } from 'vue'
 * import { useLatest } from 'tauri-plugin-event-bus-api/vue'
 *
 * const percent = useLatest<number>('import:progress')
 * watchEffect(() => console.log(percent.value))
 * ```
 */
export function useLatest<Name extends EventName, _ extends never>(
  event: MaybeRefOrGetter<Name>,
  options?: MaybeRefOrGetter<ListenerOptions>,
): Readonly<ShallowRef<PayloadOf<Name> | undefined>>
export function useLatest<Payload = unknown, Name extends string = string>(
  event: MaybeRefOrGetter<NameThatFitsHandlerAndOptions<Name>>,
  options?: MaybeRefOrGetter<ListenerOptions>,
): Readonly<ShallowRef<Payload | undefined>>
export function useLatest(
  event: MaybeRefOrGetter<string>,
  options: MaybeRefOrGetter<ListenerOptions> = {},
): Readonly<ShallowRef<unknown>> {
  const payload = shallowRef<unknown>()
  whileActive(event, options, (name, listened) => {
    const newest = latestOf(name, listened)
    payload.value = undefined
    return newest.subscribe(() => {
      payload.value = newest.get()
    })
  })
  return shallowReadonly(payload)
}

/**
 * A state that all pages of the app share under that name, as a ref to write.
 *
 * Writing it shows the value here at once and emits it as a retained event, so that later pages receive it, too.
 * Once the host has accepted it, every page has the value that was accepted last. If the host refuses it, the state goes
 * back to what it was, and the error goes to `onError` or is reported. A page has one value for each name, as JSON has it.
 * Only `initial` belongs to each caller: it shows until there is an event, and is not emitted.
 * The ref is shallow: replace an object instead of changing its properties.
 *
 * @example
 * ```ts
 * import { useEventState } from 'tauri-plugin-event-bus-api/vue'
 *
 * const zoom = useEventState<number>('view:zoom', 100)
 * zoom.value += 10
 * ```
 */
export function useEventState<Name extends EventName, _ extends never>(
  event: MaybeRefOrGetter<Name>,
  initial: PayloadOf<Name>,
  options?: StateOptions,
): Ref<PayloadOf<Name>>
export function useEventState<Value = unknown, Name extends string = string>(
  event: MaybeRefOrGetter<NameThatFitsHandlerAndOptions<Name>>,
  initial: Value,
  options?: StateOptions,
): Ref<Value>
export function useEventState(
  event: MaybeRefOrGetter<string>,
  initial: unknown,
  options: StateOptions = {},
): Ref<unknown> {
  let state: SharedState<unknown>
  let changed = () => {}
  const value = customRef<unknown>((track, trigger) => {
    changed = trigger
    return {
      get() {
        track()
        return state.get()
      },
      set: (next) => state.set(() => next),
    }
  })
  const begin = (name: string) => {
    state = sharedState(name, initial, options)
    changed()
    return state.subscribe(changed)
  }
  // The next value is for the name at that time.
  whileActive(event, {}, begin, 'sync')
  return value
}

/**
 * Requests a stream until the component or effect scope ends, and shows its newest part. The target, the name and the payload
 * may be refs or getters.
 *
 * Another target, name or payload leaves the stream and requests another one. The options are read once.
 *
 * @example
 * ```ts
 * import { HOST } from 'tauri-plugin-event-bus-api'
 * import { useStream } from 'tauri-plugin-event-bus-api/vue'
 *
 * const { view, stop } = useStream<number, string>(HOST, 'download', { url: 'https://example.com' })
 * console.log(view.value.state, view.value.part)
 * stop()
 * ```
 */
export function useStream<Name extends StreamName, _ extends never>(
  to: MaybeRefOrGetter<Target>,
  name: MaybeRefOrGetter<Name>,
  payload?: MaybeRefOrGetter<StreamArguments<Name>[0]>,
  options?: StreamOptions<PartOf<Name>>,
): { readonly view: Readonly<ShallowRef<StreamView<PartOf<Name>, StreamResponseOf<Name>>>>; stop(): void }
export function useStream<Part = unknown, Response = unknown, Name extends string = string>(
  to: MaybeRefOrGetter<Target>,
  name: MaybeRefOrGetter<OtherStream<Name>>,
  payload?: unknown,
  options?: StreamOptions<Part>,
): { readonly view: Readonly<ShallowRef<StreamView<Part, Response>>>; stop(): void }
export function useStream(
  to: MaybeRefOrGetter<Target>,
  name: MaybeRefOrGetter<string>,
  payload?: unknown,
  { onPart = () => {}, enabled, ...options }: StreamOptions<never> = {},
): { readonly view: Readonly<ShallowRef<StreamView<never, never>>>; stop(): void } {
  const begin = () =>
    enabled === false ? undefined : requestStream(toValue(to), toValue(name), toValue(payload), options)
  const stream = followStream(begin, onPart)
  const content = () => contentOfStream(toValue(to), toValue(name), toValue(payload), {})
  return { view: viewWhileActive(stream, content), stop: stream.stop }
}

/**
 * Follows a task of the app until the component or effect scope ends: it attaches to the one that waits, runs or has ended a while
 * ago. Where there is none, its state is `idle` until `start` is called.
 *
 * @example
 * ```ts
 * import { useTask } from 'tauri-plugin-event-bus-api/vue'
 *
 * const { view, start } = useTask<string>('export', 'quarter-3')
 * await start({ rows: 1_000 })
 * console.log(view.value.state, view.value.result)
 * ```
 */
export function useTask<Result = unknown, Detail = unknown>(
  name: string,
  key: string,
): { readonly view: Readonly<ShallowRef<TaskView<Result, Detail>>> } & TaskActions<Result>
export function useTask(
  name: string,
  key: string,
): { readonly view: Readonly<ShallowRef<TaskView<never, never>>> } & TaskActions<never> {
  const task = followTask(name, key)
  return { view: viewWhileActive(task, () => ''), start: task.start, cancel: task.cancel }
}

/** What shows of a source, which is subscribed to again for each content. */
function viewWhileActive<View>({ get, subscribe }: Source<View>, content: () => string): Readonly<ShallowRef<View>> {
  const view = shallowRef(get()) as ShallowRef<View>
  const show = () => {
    view.value = get()
  }
  watch(content, (_, __, onCleanup) => onCleanup(subscribe(show)), { immediate: true })
  return shallowReadonly(view)
}

/** Subscribes again for each name and each content of the options. */
function whileActive(
  event: MaybeRefOrGetter<string>,
  options: MaybeRefOrGetter<ListenerOptions>,
  begin: (event: string, options: ListenerOptions) => () => void,
  flush: 'pre' | 'sync' = 'pre',
): () => void {
  return watch(
    [() => toValue(event), () => contentOf(toValue(options)), () => toValue(options).signal],
    ([name], _, onCleanup) => onCleanup(begin(name as string, toValue(options))),
    { immediate: true, flush },
  )
}
