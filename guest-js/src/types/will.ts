import type { AsyncUsable } from './disposable.js'
import type { Target } from './target.js'

/**
 * To whom a {@link will} is emitted, and when.
 *
 * @example
 * ```ts
 * import { will, type WillOptions } from 'tauri-plugin-event-bus-api'
 *
 * const soon: WillOptions = { to: 'main', afterMs: 10_000 }
 * await will('editor:closed', 'notes.txt', soon)
 * ```
 */
export interface WillOptions {
  /** The receivers; everyone by default. */
  to?: Target
  /**
   * How many milliseconds after the end of the page it is emitted, from 0 to a year. It is never shorter than the grace in which
   * a page may come back (`pageGraceMs`, 5 seconds by default). At once if the webview is closed.
   */
  afterMs?: number
}

/**
 * A will that the host keeps, from {@link will}.
 *
 * @example
 * ```ts
 * import { type Will, will } from 'tauri-plugin-event-bus-api'
 *
 * const closed: Will = await will('editor:closed', 'notes.txt')
 * await closed.stop()
 * ```
 */
export interface Will extends AsyncUsable {
  /** Takes it back. */
  stop(): Promise<void>
}
