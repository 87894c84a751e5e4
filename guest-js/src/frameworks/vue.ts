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
import type { EventHandler } from '../types/event.js'
import type { EventName } from '../types/event-map.js'
import type { EventOf, PayloadOf } from '../types/event-of.js'
import type { NameThatFitsHandlerAndOptions } from '../types/name-kind.js'
import {
  contentOf,
  type ListenerOptions,
  latestOf,
  observe,
  type SharedState,
  type StateOptions,
  sharedState,
} from './shared-state.js'

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
