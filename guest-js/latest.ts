import { emit } from './emit.js'
import { type EventBusError, report } from './error.js'
import { type BusEvent, type Gap, payloadJson } from './event.js'
import { listen } from './listen.js'
import { existingInbox } from './realm.js'
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

/**
 * Observes what is retained, also what a gap has swallowed: another subscription brings it once more. The first one goes
 * on meanwhile, for what is on its way to it and is not retained. `receive` passes over what it has had.
 */
function observeKept(
  event: string,
  receive: (event: BusEvent<never>) => void,
  options: ListenerOptions & { onGap: NonNullable<ListenOptions['onGap']> },
): () => void {
  if (options.retained === false) return observe(event, receive, options)
  let offAgain = () => {}
  const again = () => {
    offAgain()
    const off = observe(
      event,
      (received) => {
        // What comes live comes after all that was retained.
        if (!received.retained) off()
        receive(received)
      },
      { ...options, replay: false, onGap: again },
    )
    offAgain = off
  }
  const off = observe(event, receive, {
    ...options,
    onGap(gap) {
      again()
      return options.onGap(gap)
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
  // It may be lost for good, as far as it is not retained.
  const onGap = options.onGap ?? ((gap: Gap) => existingInbox()?.warn(gap, event))
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
        { ...options, onGap },
      ),
  }
}

/** What the hooks of one name have in common. */
interface Common {
  /** What shows; `undefined`, which no event brings, until there is a value. */
  shown: unknown
  /** What the host has accepted last. */
  accepted: unknown
  seq: number
  onTheirWay: number
  readonly notified: Set<() => void>
  /** How many subscribe to it or wait for what they have set. */
  users: number
}

const STATES = Symbol.for('tauri-plugin-event-bus/states')

/** The states that are in use in this page, by name. They stand at what every copy of this package shares. */
function statesInUse(): Map<string, Common> {
  // What one request sets on a server is none of the next one's business.
  if (typeof window === 'undefined') return new Map()
  const realm: object & { [STATES]?: Map<string, Common> } = existingInbox() ?? globalThis
  realm[STATES] ??= new Map()
  return realm[STATES]
}

/** Keeps a state in the page until the returned function is called. */
function use(event: string, state: Common): () => void {
  const states = statesInUse()
  states.set(event, state)
  state.users += 1
  return () => {
    state.users -= 1
    if (state.users === 0) states.delete(event)
  }
}

/** A value as every page has it, which is what JSON makes of it. What JSON cannot express stays, until it is refused. */
function asSent(event: string, value: unknown): unknown {
  try {
    return JSON.parse(payloadJson(event, value) ?? 'null')
  } catch {
    return value
  }
}

function show(state: Common, value: unknown): void {
  if (Object.is(value, state.shown)) return
  state.shown = value
  for (const notify of [...state.notified]) notify()
}

/**
 * A state that every page has, kept by the host as a retained event; in a page there is one for each name, whose initial
 * value alone is each hook's own. What is set here shows here at once. While an own value is on its way, what others have
 * set waits; then the value that the host accepted last holds, here as everywhere.
 */
export function sharedState<Value>(event: string, initial: Value, options: StateOptions = {}): SharedState<Value> {
  const onError = options.onError ?? report
  let last: Common = { shown: undefined, accepted: undefined, seq: 0, onTheirWay: 0, notified: new Set(), users: 0 }
  const common = () => {
    last = statesInUse().get(event) ?? last
    return last
  }
  const get = () => {
    const { shown } = common()
    return shown === undefined ? initial : (shown as Value)
  }
  const set = (next: Next<Value>) => {
    const value = typeof next === 'function' ? (next as (before: Value) => Value)(get()) : next
    const sent = asSent(event, value)
    const state = common()
    // It is emitted before it shows, since who is notified may set the next one.
    const receipt = emit<unknown>(event, value, { retain: true })
    const release = use(event, state)
    state.onTheirWay += 1
    receipt
      .then(({ seq }) => {
        // Its own event may have come before the receipt, as a copy.
        if (seq < state.seq) return
        state.seq = seq
        state.accepted = sent
      })
      .catch(onError)
      .finally(() => {
        state.onTheirWay -= 1
        release()
        if (state.onTheirWay === 0) show(state, state.accepted)
      })
    show(state, sent)
  }
  const subscribe = (changed: () => void) => {
    const state = common()
    const receive = (received: BusEvent<Value>) => {
      if (received.seq <= state.seq) return
      state.seq = received.seq
      state.accepted = received.payload
      if (state.onTheirWay === 0) show(state, state.accepted)
    }
    // What a gap has swallowed is retained, so that nothing of it is lost.
    const off = observeKept(event, receive, { onError, onGap() {} })
    const release = use(event, state)
    const notify = () => changed()
    state.notified.add(notify)
    let running = true
    return () => {
      if (!running) return
      running = false
      off()
      state.notified.delete(notify)
      release()
    }
  }
  return { get, set, subscribe }
}
