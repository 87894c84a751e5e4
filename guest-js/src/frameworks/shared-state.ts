import { emit } from '../api/emit.js'
import { listen } from '../api/listen.js'
import { type EventBusError, report } from '../core/error.js'
import { asReceived } from '../core/outgoing.js'
import { existingInbox } from '../core/realm.js'
import type { ListenOptions } from '../core/subscription.js'
import type { BusEvent, Gap } from '../types/event.js'

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
  /** Listens until the returned function is called. There is one subscriber at a time, with a function of its own. */
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

/**
 * Observes what is retained, also what a gap has swallowed: another subscription brings it once more. The first one goes
 * on meanwhile, for what is on its way to it and is not retained. `receive` passes over what it has had.
 */
function observeKept(
  event: string,
  receive: (event: BusEvent<never>) => void,
  onGap: (gap: Gap) => unknown,
  options: ListenerOptions,
): () => void {
  let offAgain = () => {}
  const again = () => {
    offAgain()
    if (options.retained !== false) offAgain = observe(event, receiveAgain, { ...options, replay: false, onGap: again })
  }
  const receiveAgain = (received: BusEvent<never>) => {
    // What comes live comes after all that was retained.
    if (!received.retained) offAgain()
    receive(received)
  }
  const off = observe(event, receive, {
    ...options,
    onGap: (gap) => {
      again()
      return onGap(gap)
    },
  })
  return () => {
    off()
    offAgain()
  }
}

/** What of options makes another subscription when it changes, besides the signal. */
export function contentOf({ target, replay, retained, onGap }: ListenerOptions): string {
  return JSON.stringify([target, replay, retained, !onGap])
}

/** The payload of the newest event; `undefined` before the first one. */
export function newestOf<Payload>(event: string, options: ListenerOptions = {}): Source<Payload | undefined> {
  let payload: Payload | undefined
  let seq = 0
  // What is not retained is lost for good.
  const onGap = options.onGap ?? ((gap) => existingInbox()?.warn(gap, event))
  return {
    get: () => payload,
    subscribe: (changed) =>
      observeKept(
        event,
        (received) => {
          // A subscription that begins again is given the retained event again.
          if (received.seq <= seq) return
          seq = received.seq
          payload = received.payload
          changed()
        },
        onGap,
        options,
      ),
  }
}

/** What the hooks of one name have in common. */
interface Common {
  /** What shows; the other value before there is one. */
  get(otherwise: unknown): unknown
  set(value: unknown, onError: (error: EventBusError) => unknown): void
  subscribe(changed: () => void, onError: (error: EventBusError) => unknown): () => void
}

function commonState(event: string): Common {
  // No event brings `undefined`.
  let accepted: unknown
  let shown: unknown
  let seq = 0
  let onTheirWay = 0
  const users = new Set<() => void>()
  const show = (value: unknown) => {
    if (value === shown) return
    shown = value
    for (const changed of [...users]) changed()
  }
  const receive = (received: BusEvent<unknown>) => {
    if (received.seq <= seq) return
    seq = received.seq
    accepted = received.payload
    if (onTheirWay === 0) show(accepted)
  }
  /** Keeps the state in the page until the returned function is called. */
  const use = (changed: () => void) => {
    const states = existingInbox()?.states
    states?.set(event, common)
    users.add(changed)
    return () => {
      if (users.delete(changed) && users.size === 0) states?.delete(event)
    }
  }
  const common: Common = {
    get: (otherwise) => (shown === undefined ? otherwise : shown),
    set(value, onError) {
      const sent = asReceived(event, value)
      // It is emitted before it shows, since who hears of it may set the next one.
      const receipt = emit<unknown>(event, value, { retain: true })
      const release = use(() => {})
      onTheirWay += 1
      receipt
        .then((accepting) => {
          // Its own event may have come before the receipt, as a copy.
          if (accepting.seq < seq) return
          seq = accepting.seq
          accepted = sent
        }, onError)
        .finally(() => {
          onTheirWay -= 1
          release()
          if (onTheirWay === 0) show(accepted)
        })
      show(sent)
    },
    subscribe(changed, onError) {
      // What a gap has swallowed is retained, so that nothing of it is lost.
      const off = observeKept(event, receive, () => {}, { onError })
      const release = use(changed)
      return () => {
        off()
        release()
      }
    },
  }
  return common
}

/**
 * A state that every page has, kept by the host as a retained event; in a page there is one for each name, whose initial
 * value alone is each hook's own. What is set here shows here at once. While an own value is on its way, what others have
 * set waits; then the value that the host accepted last holds, here as everywhere.
 */
export function sharedState<Value>(event: string, initial: Value, options: StateOptions = {}): SharedState<Value> {
  const onError = options.onError ?? report
  let last = commonState(event)
  const common = () => {
    last = (existingInbox()?.states?.get(event) as Common | undefined) ?? last
    return last
  }
  const get = () => common().get(initial) as Value
  return {
    get,
    set(next) {
      const value = typeof next === 'function' ? (next as (before: Value) => Value)(get()) : next
      common().set(value, onError)
    },
    subscribe: (changed) => common().subscribe(changed, onError),
  }
}
