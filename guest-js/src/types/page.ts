/**
 * A page, as the host knows it.
 *
 * @example
 * ```ts
 * import { type PageInfo, pages } from 'tauri-plugin-event-bus-api'
 *
 * const away: PageInfo[] = (await pages()).filter((page) => page.state === 'away')
 * console.log(away.map((page) => page.label))
 * ```
 */
export interface PageInfo {
  /** The label of its webview. */
  label: string
  /** The label of its window. */
  window: string
  /**
   * `opened`: it is there, and not ready yet. `ready`: it has subscribed and handled what waited for it, or has called
   * {@link ready}. `away`: it is gone, and may come back.
   */
  state: 'opened' | 'ready' | 'away'
  /** Since when, in milliseconds since the Unix epoch. */
  since: number
}

/**
 * The payload of `event-bus:page-opened`, `event-bus:page-ready` and `event-bus:page-reloaded`.
 *
 * @example
 * ```ts
 * import { listen, type PageEvent } from 'tauri-plugin-event-bus-api'
 *
 * listen<PageEvent>('event-bus:page-ready', ({ payload }) => console.log(payload.label, 'is ready'))
 * ```
 */
export interface PageEvent {
  /** The label of its webview. */
  label: string
  /** The label of its window. */
  window: string
}

/**
 * The payload of `event-bus:page-closed`.
 *
 * @example
 * ```ts
 * import { listen, type PageClosed } from 'tauri-plugin-event-bus-api'
 *
 * listen<PageClosed>('event-bus:page-closed', ({ payload }) => console.log(payload.label, payload.reason))
 * ```
 */
export interface PageClosed extends PageEvent {
  /**
   * `closed`: its webview was closed. `navigated`: its webview shows another page, or none came after it. `crashed`: its
   * process has crashed. `silent`: it gave no sign of life for a minute.
   */
  reason: 'closed' | 'navigated' | 'crashed' | 'silent'
}

/**
 * How long {@link waitUntilReady} waits.
 *
 * @example
 * ```ts
 * import { type ReadyOptions, waitUntilReady } from 'tauri-plugin-event-bus-api'
 *
 * const soon: ReadyOptions = { timeoutMs: 5_000 }
 * await waitUntilReady('main', soon)
 * ```
 */
export interface ReadyOptions {
  /** How many milliseconds to wait, above 0 and at most 86,400,000; for ever by default. */
  timeoutMs?: number
  /** Ends the wait when it aborts: the promise rejects with its reason. */
  signal?: AbortSignal
}
