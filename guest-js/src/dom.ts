/**
 * Between the event bus and events of the DOM: for plain scripts, templates and attributes, which import nothing.
 *
 * @module
 */

import { EventBusError, report } from './core/error.js'
import { awaitable } from './core/subscription.js'
import { type BusEvent, type EventName, emit, type ListenOptions, listen, type Subscription } from './index.js'

/**
 * What is in the `detail` of a `CustomEvent` that {@link bridgeToDom} dispatches: the whole event, under the name that it
 * has on the bus.
 *
 * @example
 * ```ts
 * import type { BridgedDetail } from 'tauri-plugin-event-bus-api/dom'
 *
 * window.addEventListener('app:cart:updated', (event) => {
 *   const { payload, component } = (event as CustomEvent<BridgedDetail>).detail
 *   console.log(payload, component)
 * })
 * ```
 */
export type BridgedDetail = Omit<BusEvent<unknown>, 'emit' | 'emitTo'>

/**
 * What {@link bridgeToDom} takes over, and how.
 *
 * @example
 * ```ts
 * import { bridgeToDom, type ToDomOptions } from 'tauri-plugin-event-bus-api/dom'
 *
 * const options: ToDomOptions = { events: 'cart:*', prefix: 'app:', target: document }
 * await bridgeToDom(options)
 * ```
 */
export interface ToDomOptions {
  /** Names or patterns. An event that several of them match is dispatched once. */
  events: EventName | readonly EventName[]
  /**
   * What the names begin with in the DOM, unless they do so already; nothing by default. At `window` the types `error`
   * and `message` are the browser's own, which error reporters and `postMessage` use: the events of those names, which
   * components emit, too, take a prefix there. Without it they are refused by name, and passed over by a pattern.
   */
  prefix?: string
  /** Where they are dispatched: `window` by default. */
  target?: EventTarget
  /** How the events are listened to. */
  listen?: ListenOptions
}

/**
 * What {@link bridgeFromDom} takes over, and how.
 *
 * @example
 * ```ts
 * import { bridgeFromDom, type FromDomOptions } from 'tauri-plugin-event-bus-api/dom'
 *
 * const options: FromDomOptions = { events: ['app:cart:cleared'], prefix: 'app:', target: document }
 * const off = bridgeFromDom(options)
 * off()
 * ```
 */
export interface FromDomOptions {
  /** The types of the events in the DOM. */
  events: string | readonly string[]
  /** What is taken off their names on the bus; nothing by default. */
  prefix?: string
  /** Where they are heard: `window` by default. What elements dispatch has to bubble to get there. */
  target?: EventTarget
}

/**
 * How many events are remembered, so that one that several patterns match is dispatched once. A live one comes for all
 * of them in a row; of what came before, each gets all of its own, which by default are up to 5,120.
 */
const REMEMBERED = 8_192

/** What the browser itself dispatches at a window, and what hears it would take ours for. */
const OF_BROWSER = ['error', 'message']

/** What came from the bus, which must not go back to it. */
const BRIDGED = Symbol.for('tauri-plugin-event-bus/bridged')

/**
 * Dispatches every event of these names or patterns as a `CustomEvent`, with the payload, the component and the event's
 * other fields in its `detail`.
 *
 * @returns a {@link Subscription}: call it to end the bridge, await it to know that the host has accepted all of it.
 * Where it refuses one of them, awaiting rejects and the whole bridge ends.
 * @throws {EventBusError} by rejection, as {@link listen}, and `invalid_argument` for `error` and `message` at `window`
 * without a prefix.
 *
 * @example
 * ```ts
 * import { bridgeToDom } from 'tauri-plugin-event-bus-api/dom'
 *
 * const off = bridgeToDom({ events: ['cart:*', 'order:paid'], prefix: 'app:' })
 * window.addEventListener('app:cart:updated', (event) => console.log((event as CustomEvent).detail.payload))
 * off()
 * ```
 */
export function bridgeToDom({ events, prefix = '', target, listen: options }: ToDomOptions): Subscription {
  const names = [...new Set([events].flat())]
  const dispatched = new Set<number>()
  const typeOf = (name: string) => (name.startsWith(prefix) ? name : prefix + name)
  const isOfBrowser = (type: string) => OF_BROWSER.includes(type) && (target ?? globalThis.window) === globalThis.window
  const dispatch = ({ ...detail }: BusEvent<unknown>) => {
    const type = typeOf(detail.event)
    if (isOfBrowser(type)) return
    if (names.length > 1) {
      if (dispatched.has(detail.seq)) return
      dispatched.add(detail.seq)
      // A set gives its members in the order in which they came.
      const [oldest] = dispatched
      if (oldest !== undefined && dispatched.size > REMEMBERED) dispatched.delete(oldest)
    }
    const event = new CustomEvent(type, { detail })
    Object.defineProperty(event, BRIDGED, { value: true })
    const at = target ?? window
    at.dispatchEvent(event)
  }
  const refused = names.map((name) => typeOf(String(name))).find(isOfBrowser)
  if (refused !== undefined) {
    const text = `"${refused}" at the window is an event of the browser itself: give the bridge a prefix, such as "app:"`
    return awaitable(() => {}, Promise.reject(new EventBusError('invalid_argument', text)))
  }
  const heard = names.map((name) => listen<unknown>(name, dispatch, options))
  const off = () => {
    for (const subscription of heard) subscription()
  }
  const accepted = Promise.all(heard).then(
    () => () => off(),
    (error) => {
      off()
      throw error
    },
  )
  return awaitable(off, accepted)
}

/**
 * Emits events of the DOM to everyone on the bus. The `detail` of a `CustomEvent` is the payload; others have none. What
 * {@link bridgeToDom} has dispatched is passed over, so the two make no loop.
 *
 * An event that goes both ways under one name is heard twice in this page: when the script dispatches it, and when it
 * comes from the bus. What cannot be emitted is reported (`reportError`).
 *
 * @returns a {@link Subscription}, which nobody can refuse: call it to end the bridge.
 *
 * @example
 * ```ts
 * import { bridgeFromDom } from 'tauri-plugin-event-bus-api/dom'
 *
 * const off = bridgeFromDom({ events: 'app:cart:cleared', prefix: 'app:' }) // cart:cleared on the bus
 * window.dispatchEvent(new CustomEvent('app:cart:cleared', { detail: { by: 'user' } }))
 * off()
 * ```
 */
export function bridgeFromDom({ events, prefix = '', target }: FromDomOptions): Subscription {
  const from = target ?? (typeof window === 'undefined' ? undefined : window)
  const pass = (event: Event) => {
    if (BRIDGED in event) return
    const name = event.type.startsWith(prefix) ? event.type.slice(prefix.length) : event.type
    const { detail } = event as CustomEvent<unknown>
    // The detail of other events is a number that tells how often something was clicked.
    const payload = event instanceof CustomEvent && detail !== null ? detail : undefined
    emit<unknown>(name, payload).catch(report)
  }
  const types = [...new Set([events].flat())]
  for (const type of types) from?.addEventListener(type, pass)
  const off = () => {
    for (const type of types) from?.removeEventListener(type, pass)
  }
  return awaitable(off, Promise.resolve(off))
}
