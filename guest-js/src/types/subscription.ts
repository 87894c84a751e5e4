import type { UnlistenFn } from '@tauri-apps/api/event'
import type { Usable } from './disposable.js'
import type { Gap } from './gap.js'
import type { Target } from './target.js'

/**
 * A subscription: call it to end it, await it to know that the host has accepted it, or declare it with `using`.
 *
 * Calling it works at once, any number of times, also before the host has replied. Awaiting it resolves to a plain
 * function that does the same, and rejects with an {@link EventBusError}. A rejection without a handler (`await`, `then`,
 * `catch` or `finally`) is reported once (`reportError`).
 *
 * @example
 * ```ts
 * import { listen } from 'tauri-plugin-event-bus-api'
 *
 * const off = listen('cart:updated', (event) => console.log(event.payload))
 * off() // or off.stop()
 *
 * const unlisten = await listen('cart:updated', (event) => console.log(event.payload))
 * unlisten()
 * ```
 */
export interface Subscription extends Promise<UnlistenFn>, Usable {
  /** Ends it. */
  (): void
  /** Ends it, as a call does. */
  stop(): void
}

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
   * Receives only events that were sent to this target, which must be the webview or window of this page. By default a page
   * receives broadcasts and all that is sent to it.
   */
  target?: Target
  /**
   * `false` for no events from before this page subscribed. By default a page that is starting (for 3 seconds from its
   * first subscription) also receives what came since the page before it, or since its webview was created, as far as the
   * app keeps it.
   */
  replay?: boolean
  /** `false` for no retained events. By default a subscription begins with the newest one of each name it matches. */
  retained?: boolean
  /**
   * `true` if only the newest event of a name waits: while an event waits, the next one of its name takes its place, and its
   * `superseded` counts those that it replaced. Other listeners receive every event.
   */
  latest?: boolean
  /**
   * `true` if the handler is called for one event at a time: an event waits until the promise of the one before is settled.
   * What waits is in the page, and is lost with it.
   */
  sequential?: boolean
  /** Ends the subscription when it aborts. If it has aborted already, nothing is subscribed. */
  signal?: AbortSignal
  /**
   * Receives the gaps of this subscription. Without it, the console shows a warning for the first gap of each name or
   * pattern, and for the first one that may concern no listener of this page.
   */
  onGap?: (gap: Gap) => unknown
}
