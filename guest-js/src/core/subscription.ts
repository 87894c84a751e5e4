/// <reference lib="esnext.disposable" preserve="true" />

import type { UnlistenFn } from '@tauri-apps/api/event'
import { type BusEvent, checkName, type Gap } from '../types/event.js'
import { copyOfTarget, type Target } from '../types/target.js'
import { DISPOSE } from './disposal.js'
import { EventBusError, report, toEventBusError } from './error.js'
import { openInbox } from './inbox.js'

/**
 * A subscription: call it to end it, await it to know that the host has accepted it, or declare it with `using`.
 *
 * Calling it works at once, any number of times, also before the host has answered. Awaiting it resolves to a
 * plain function that does the same, and rejects with an {@link EventBusError}. A rejection that nobody looks
 * at (by `await`, `then`, `catch` or `finally`) is reported once (`reportError`).
 *
 * @example
 * ```ts
 * import { listen } from 'tauri-plugin-event-bus-api'
 *
 * const off = listen('cart:updated', (event) => console.log(event.payload))
 * off()
 *
 * const unlisten = await listen('cart:updated', (event) => console.log(event.payload))
 * unlisten()
 * ```
 */
export type Subscription = UnlistenFn & Promise<UnlistenFn> & Disposable

/**
 * How a subscription is narrowed and ended.
 *
 * @example
 * ```ts
 * import { listen } from 'tauri-plugin-event-bus-api'
 *
 * const ended = new AbortController()
 * listen('chat:*', (event) => console.log(event.payload), {
 *   target: 'main',
 *   signal: ended.signal,
 *   onGap: (gap) => console.warn(`${gap.count} messages are missing`),
 * })
 * ended.abort()
 *
 * // Only what happens from now on.
 * listen('chat:*', (event) => console.log(event.payload), { replay: false, retained: false })
 * ```
 */
export interface ListenOptions {
  /**
   * Receives only what was sent to this target, which must be this page's own webview or window. By default a
   * page receives broadcasts and all that is sent to it.
   */
  target?: Target
  /**
   * `false` for nothing from before this page subscribed. By default a page that is starting (for 3 seconds from its
   * first subscription) also receives what came since the page before it, or since its webview was made, as far as
   * the app keeps it.
   */
  replay?: boolean
  /** `false` for no retained events. By default a subscription begins with the newest one of each name it matches. */
  retained?: boolean
  /** Ends the subscription when it aborts. One that has aborted already registers nothing. */
  signal?: AbortSignal
  /** Receives the gaps of this subscription; without it the first one of each name or pattern is a console
   * warning, and so is the first one in a page that may be none. */
  onGap?: (gap: Gap) => unknown
}

/** What {@link subscribe} is asked for. */
export interface Request {
  event: string
  options: ListenOptions
  /** What the caller gave as the handler. */
  handler: unknown
  /** Hands an event to it. */
  deliver(event: BusEvent<unknown>): unknown
  /** Called once, when nothing follows any more; `error` tells why, unless the page ended it. */
  ended?(error?: EventBusError): void
}

/** Subscribes at the inbox. Throws nothing: every refusal is the subscription's rejection. */
export function subscribe(request: Request): Subscription {
  const { event, options, handler, deliver } = request
  const { signal, onGap: gap } = options
  const replay = options.replay !== false
  const retained = options.retained !== false
  return acceptable(
    signal,
    ({ accepted, ended }) => {
      checkName(event)
      if (typeof handler !== 'function') {
        throw new EventBusError('invalid_argument', `the handler of "${event}" is not a function`)
      }
      const target = copyOfTarget(options.target)
      return openInbox().subscribe({ event, target, replay, retained, deliver, gap, accepted, ended })
    },
    (error) => request.ended?.(error),
  )
}

/** What becomes of what the host was asked to accept. */
interface Outcome {
  accepted(): void
  /** Nothing follows any more; `error` tells why, unless the page ended it. */
  ended(error?: EventBusError): void
}

/** What the host accepts and the page ends. `begin` returns what ends it; what it throws is the rejection. */
export function acceptable(
  signal: AbortSignal | undefined,
  begin: (outcome: Outcome) => () => void,
  whenEnded?: (error?: EventBusError) => void,
): Subscription {
  let resolve: (unlisten: UnlistenFn) => void
  let reject: (error: EventBusError) => void
  const promise = new Promise<UnlistenFn>((onResolve, onReject) => {
    resolve = onResolve
    reject = onReject
  })
  let running = true
  let endAtInbox: (() => void) | undefined
  const off = () => endAtInbox?.()
  const accepted = () => resolve(() => off())
  const ended = (reason?: EventBusError) => {
    if (!running) return
    running = false
    signal?.removeEventListener('abort', off)
    // The inbox may be another copy's, with an error class of its own.
    const error = reason && toEventBusError(reason)
    if (error) reject(error)
    else accepted()
    whenEnded?.(error)
  }
  try {
    if (signal?.aborted) {
      ended()
    } else {
      endAtInbox = begin({ accepted, ended })
      signal?.addEventListener('abort', off)
    }
  } catch (error) {
    ended(toEventBusError(error))
  }
  return awaitable(off, promise)
}

/** Gives a function the face of a promise, and reports a rejection at which nobody has looked. */
export function awaitable(off: () => void, promise: Promise<UnlistenFn>): Subscription {
  let observed = false
  const observe = <Method extends (...args: never[]) => unknown>(method: Method): Method => {
    const bound = method.bind(promise)
    return ((...args: never[]) => {
      observed = true
      return bound(...args)
    }) as Method
  }
  promise.catch((error: unknown) => {
    // Looking at a rejection is in time until the task ends, as it is for the browser's own promises.
    setTimeout(() => {
      if (!observed) report(error)
    }, 0)
  })
  const subscription = (() => off()) as Subscription
  const methods: PropertyDescriptorMap = {
    // biome-ignore lint/suspicious/noThenProperty: A subscription is a promise by contract.
    then: { value: observe(promise.then) },
    catch: { value: observe(promise.catch) },
    finally: { value: observe(promise.finally) },
    [Symbol.toStringTag]: { value: 'Subscription' },
    [DISPOSE]: { value: () => off() },
  }
  return Object.defineProperties(subscription, methods)
}
