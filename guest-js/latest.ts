import { emit } from './emit.js'
import { type EventBusError, report } from './error.js'
import type { BusEvent } from './event.js'
import { listen } from './listen.js'
import type { ListenOptions } from './subscription.js'

/**
 * How a component listens: the options of `listen`, and who hears of a refusal.
 *
 * @example
 * ```ts
 * import type { ListenerOptions } from 'tauri-plugin-event-bus-api/react'
 *
 * const options: ListenerOptions = { retained: false, onError: (error) => console.warn(error.code) }
 * ```
 */
export interface ListenerOptions extends ListenOptions {
  /** Receives the refusal of the subscription; without it the refusal is reported (`reportError`). */
  onError?: (error: EventBusError) => unknown
}

/**
 * How a shared state is kept.
 *
 * @example
 * ```ts
 * import type { StateOptions } from 'tauri-plugin-event-bus-api/react'
 *
 * const options: StateOptions = { onError: (error) => alert(error.message) }
 * ```
 */
export interface StateOptions {
  /**
   * Receives why a value could not be emitted, after which the state is what it was, or why the subscription was
   * refused; without it either is reported (`reportError`).
   */
  onError?: (error: EventBusError) => unknown
}

/** A value that frameworks read, and whose changes they are told of. */
export interface Source<Value> {
  get(): Value
  /** Listens until the returned function is called. There is one subscriber at a time. */
  subscribe(changed: () => void): () => void
}

/** What may be given to set a state: a value, or what makes it of the one before. */
export type Next<Value> = Value | ((before: Value) => Value)

/** A value that every page shares. */
export interface SharedState<Value> extends Source<Value> {
  set(next: Next<Value>): void
}

/** Listens until the returned function is called. While a server renders there is nothing to listen to. */
export function observe(
  event: string,
  deliver: (event: BusEvent<never>) => unknown,
  options: ListenerOptions = {},
): () => void {
  if (typeof window === 'undefined') return () => {}
  const off = listen<never>(event, deliver, options)
  if (options.onError) off.catch(options.onError)
  return off
}

/** What of options makes another subscription when it changes, besides the signal. */
export function contentOf({ target, replay, retained, onGap }: ListenerOptions): string {
  return JSON.stringify([target, replay, retained, !onGap])
}

/** The payload of the newest event; `undefined` before the first one. */
export function newestOf<Payload>(event: string, options?: ListenerOptions): Source<Payload | undefined> {
  let payload: Payload | undefined
  let seq = 0
  return {
    get: () => payload,
    subscribe: (changed) =>
      observe(
        event,
        (received) => {
          // A subscription that begins again is given the retained event again.
          if (received.seq <= seq) return
          seq = received.seq
          payload = received.payload
          changed()
        },
        options,
      ),
  }
}

/**
 * A state that every page has, kept by the host as a retained event. What is set here shows here at once. While an
 * own value is on its way, what others have set waits; then the value that the host accepted last holds, here as
 * everywhere.
 */
export function sharedState<Value>(event: string, initial: Value, options: StateOptions = {}): SharedState<Value> {
  const onError = options.onError ?? report
  let accepted = initial
  let seq = 0
  let shown = initial
  let onTheirWay = 0
  let notify = () => {}
  const show = (value: Value) => {
    if (Object.is(value, shown)) return
    shown = value
    notify()
  }
  const receive = (received: BusEvent<Value>) => {
    if (received.seq <= seq) return
    seq = received.seq
    accepted = received.payload
    if (onTheirWay === 0) show(accepted)
  }
  const set = (next: Next<Value>) => {
    const value = typeof next === 'function' ? (next as (before: Value) => Value)(shown) : next
    onTheirWay += 1
    show(value)
    emit<unknown>(event, value, { retain: true })
      .then((receipt) => {
        // Its own event may have come before the receipt, as a copy.
        if (receipt.seq < seq) return
        seq = receipt.seq
        accepted = value
      })
      .catch(onError)
      .finally(() => {
        onTheirWay -= 1
        if (onTheirWay === 0) show(accepted)
      })
  }
  const subscribe = (changed: () => void) => {
    notify = changed
    // What a gap has swallowed is retained, so that another subscription brings it.
    const onGap = () => {
      off()
      off = observe(event, receive, { onError, onGap, replay: false })
    }
    let off = observe(event, receive, { onError, onGap })
    return () => {
      off()
      notify = () => {}
    }
  }
  return { get: () => shown, set, subscribe }
}
