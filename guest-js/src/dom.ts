/**
 * Bridges between the event bus and DOM events, for plain scripts, templates and attributes that import nothing.
 *
 * @module
 */

import { emit } from './api/emit.js'
import { listen } from './api/listen.js'
import { EventBusError } from './core/error.js'
import { report } from './core/report.js'
import { thenable } from './core/subscription.js'
import type { BusEvent } from './types/event.js'
import type { EventName } from './types/event-map.js'
import type { ListenOptions, Subscription } from './types/subscription.js'

/**
 * The `detail` of a `CustomEvent` that {@link bridgeToDom} dispatches: the whole event, under its name on the bus.
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
 * Which events {@link bridgeToDom} dispatches, and how.
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
   * A prefix for the names in the DOM, unless they begin with it already; none by default. At `window` the types `error` and
   * `message` belong to the browser, whose error reporters and `postMessage` use them. Events of those names, which
   * components emit, need a prefix there. Without one they are refused by name, and skipped by a pattern.
   */
  prefix?: string
  /** The target of the dispatch: `window` by default. */
  target?: EventTarget
  /** Options of the subscriptions. */
  listen?: ListenOptions
}

/**
 * Which events {@link bridgeFromDom} emits, and how.
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
  /** The types of the DOM events. */
  events: string | readonly string[]
  /** A prefix that their names lose on the bus; none by default. */
  prefix?: string
  /** Where the bridge listens: `window` by default. Events of elements have to bubble to get there. */
  target?: EventTarget
}

/**
 * How many events are remembered, so that an event that several patterns match is dispatched once. A live event comes for
 * all of them in a row. Of earlier events, each pattern first receives all of its own, up to 5,120 by default.
 */
const REMEMBERED = 8_192

/** The browser dispatches these at a window, and its listeners would mistake ours for them. */
const OF_BROWSER = ['error', 'message']

/** Marks events that came from the bus, which must not go back to it. */
const BRIDGED = Symbol.for('tauri-plugin-event-bus/bridged')

/**
 * Dispatches every event of these names or patterns as a `CustomEvent`, with the payload, the component and the event's
 * other fields in its `detail`.
 *
 * @returns a {@link Subscription}: call it to end the bridge, await it to know that the host has accepted all of it. Where
 * the host refuses one of the names, awaiting rejects and the whole bridge ends.
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
    const text = `"${refused}" at the window is an event of the browser: give the bridge a prefix, such as "app:"`
    return thenable(() => {}, Promise.reject(new EventBusError('invalid_argument', text)))
  }
  const subscriptions = names.map((name) => listen<unknown>(name, dispatch, options))
  const off = () => {
    for (const subscription of subscriptions) subscription()
  }
  const accepted = Promise.all(subscriptions).then(
    () => () => off(),
    (error) => {
      off()
      throw error
    },
  )
  return thenable(off, accepted)
}

/**
 * Emits DOM events to everyone on the bus. The `detail` of a `CustomEvent` is the payload; others have none. Events that
 * {@link bridgeToDom} dispatched are skipped, so the two make no loop.
 *
 * An event that goes both ways under one name is received twice in this page: when the script dispatches it, and when it
 * comes from the bus. What cannot be emitted is reported (`reportError`).
 *
 * @returns a {@link Subscription}, which is never refused: call it to end the bridge.
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
    // The detail of other events is a number, such as the count of clicks.
    const payload = event instanceof CustomEvent && detail !== null ? detail : undefined
    emit<unknown>(name, payload).catch(report)
  }
  const types = [...new Set([events].flat())]
  for (const type of types) from?.addEventListener(type, pass)
  const off = () => {
    for (const type of types) from?.removeEventListener(type, pass)
  }
  return thenable(off, Promise.resolve(off))
}
