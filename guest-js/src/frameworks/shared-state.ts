import { isAvailable } from '../api/available.js'
import { emit } from '../api/emit.js'
import { listen } from '../api/listen.js'
import type { Inbox } from '../core/contract.js'
import type { EventBusError } from '../core/error.js'
import { asSent } from '../core/json.js'
import { existingInbox } from '../core/realm.js'
import { report } from '../core/report.js'
import type { BusEvent } from '../types/event.js'
import type { ListenOptions } from '../types/subscription.js'

/**
 * How a component listens: the options of `listen`, and a receiver of refusals.
 *
 * @example
 * ```ts
 * import type { ListenerOptions } from 'tauri-plugin-event-bus-api/react'
 *
 * const options: ListenerOptions = { retained: false, onError: (error) => console.warn(error.code) }
 * ```
 */
export interface ListenerOptions extends ListenOptions {
  /** Receives the error if the host refuses the subscription; without it the error is reported (`reportError`). */
  onError?: (error: EventBusError) => unknown
}

/**
 * Options of a shared state.
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
   * Receives the error if a value cannot be emitted, after which the state is back to what it was, or if the host refuses
   * the subscription. Without it the error is reported (`reportError`).
   */
  onError?: (error: EventBusError) => unknown
}

/** A value that frameworks read and subscribe to. */
export interface Source<Value> {
  get(): Value
  /** Listens until the returned function is called. There is one subscriber at a time, with its own function. */
  subscribe(changed: () => void): () => void
}

/** The argument that sets a state: a value, or a function of the one before. */
export type Next<Value> = Value | ((before: Value) => Value)

/** A value that all pages share. */
export interface SharedState<Value> extends Source<Value> {
  set(next: Next<Value>): void
}

/** Listens until the returned function is called. */
export function observe(
  event: string,
  deliver: (event: BusEvent<never>) => unknown,
  options: ListenerOptions = {},
): () => void {
  const off = listen<never>(event, deliver, options)
  if (options.onError) off.catch(options.onError)
  return off
}

/**
 * Observes events and, after a gap, recovers the retained one with another subscription. The first subscription goes on
 * meanwhile, for events on their way to it that are not retained. `receive` skips what it has received already.
 */
function observeRetained(
  event: string,
  receive: (event: BusEvent<never>) => void,
  options: ListenerOptions,
): () => void {
  let offAgain = () => {}
  const again = () => {
    offAgain()
    if (options.retained !== false) offAgain = observe(event, receiveAgain, { ...options, replay: false, onGap: again })
  }
  const receiveAgain = (received: BusEvent<never>) => {
    // Live events come after all retained ones.
    if (!received.retained) offAgain()
    receive(received)
  }
  const off = observe(event, receive, {
    ...options,
    onGap: (gap) => {
      again()
      return options.onGap?.(gap)
    },
  })
  return () => {
    off()
    offAgain()
  }
}

/** The part of the options that, besides the signal, needs a new subscription when it changes. */
export function contentOf(options: ListenerOptions): string {
  // JSON leaves out functions, and an AbortSignal is an empty object.
  return JSON.stringify({ ...options, onGap: !options.onGap })
}

/** The payload of the latest event; `undefined` before the first one. */
export function latestOf<Payload>(event: string, options: ListenerOptions = {}): Source<Payload | undefined> {
  let newest: BusEvent<Payload> | undefined
  let inbox: Inbox | undefined
  // Another bus, such as that of the next test, counts its events from the beginning.
  const known = () => (inbox === existingInbox() ? newest : undefined)
  // Events that are not retained are lost for good.
  const { onGap = (gap) => existingInbox()?.warn(gap, event) } = options
  return {
    get: () => known()?.payload,
    subscribe: (changed) =>
      observeRetained(
        event,
        (received) => {
          // A new subscription receives the retained event again.
          if (received.seq <= (known()?.seq ?? 0)) return
          newest = received
          inbox = existingInbox()
          changed()
        },
        { ...options, onGap },
      ),
  }
}

/** The state of one name in a page, which all hooks of that name share. */
interface PageState {
  /** The inbox that it was used with. */
  inbox?: Inbox | undefined
  /** The value that shows; `initial` before there is one. */
  get(initial: unknown): unknown
  set(value: unknown, onError: (error: EventBusError) => unknown): void
  subscribe(changed: () => void, onError: (error: EventBusError) => unknown): () => void
}

function stateFor(event: string): PageState {
  // `undefined` until there is one, since no event has it as its payload.
  let accepted: unknown
  let shown: unknown
  let seq = 0
  let inFlight = 0
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
    if (!inFlight) show(accepted)
  }
  /** Keeps the state in the page until the returned function is called. */
  const use = (changed: () => void) => {
    state.inbox = existingInbox()
    const states = state.inbox?.states
    states?.set(event, state)
    users.add(changed)
    return () => {
      if (users.delete(changed) && !users.size) states?.delete(event)
    }
  }
  const state: PageState = {
    get: (initial) => (shown === undefined ? initial : shown),
    set(value, onError) {
      const sent = asSent(event, value)
      // It is emitted before it shows, since a subscriber may set the next one.
      const emitted = emit<unknown>(event, value, { retain: true })
      const release = use(() => {})
      inFlight += 1
      emitted
        .then(
          (receipt) => {
            // The event itself may have come before the receipt.
            if (receipt.seq < seq) return
            seq = receipt.seq
            accepted = sent
          },
          (error) => {
            // Without Tauri, the state belongs to the page alone.
            if (!isAvailable()) accepted = sent
            onError(error)
          },
        )
        .finally(() => {
          inFlight -= 1
          release()
          if (!inFlight) show(accepted)
        })
      show(sent)
    },
    subscribe(changed, onError) {
      // The lost events were retained, so nothing of the state is lost.
      const off = observeRetained(event, receive, { onError })
      const release = use(changed)
      return () => {
        off()
        release()
      }
    },
  }
  return state
}

/**
 * A state that all pages share, kept by the host as a retained event. A page has one state for each name; only the initial
 * value belongs to each hook. A value that is set here shows here at once. While it is on its way, values of other pages
 * wait. Then the value that the host accepted last shows, here and everywhere.
 */
export function sharedState<Value>(
  event: string,
  initial: Value,
  { onError = report }: StateOptions = {},
): SharedState<Value> {
  let last = stateFor(event)
  const state = () => {
    const inbox = existingInbox()
    // Another bus counts its events from the beginning.
    if (last.inbox && last.inbox !== inbox) last = stateFor(event)
    last = (inbox?.states?.get(event) as PageState | undefined) ?? last
    return last
  }
  const get = () => state().get(initial) as Value
  return {
    get,
    set(next) {
      const value = typeof next === 'function' ? (next as (before: Value) => Value)(get()) : next
      state().set(value, onError)
    },
    subscribe: (changed) => state().subscribe(changed, onError),
  }
}
