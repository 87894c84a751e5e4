import type { EmitOptions, Receipt } from './emit.js'
import type { Target } from './target.js'

/**
 * What became of an event for one of its receivers.
 *
 * `handled`: each handler has returned, and the promise of each `sequential` one is resolved. `failed`: a handler threw or
 * rejected, or panicked in Rust; `name` and `message` are those of the first error. `dropped`: a full queue dropped it, a newer
 * event replaced it, it expired, or its subscription had ended. `gone`: the page was closed, left or reloaded, crashed, or was
 * silent for too long, before it told. `timeout`: nothing was told in time.
 *
 * @example
 * ```ts
 * import type { Outcome } from 'tauri-plugin-event-bus-api'
 *
 * const failed = ({ outcome, message }: Outcome) => outcome === 'failed' && console.error(message)
 * failed({ outcome: 'failed', name: 'TypeError', message: 'x is undefined' })
 * ```
 */
export interface Outcome {
  outcome: 'handled' | 'failed' | 'dropped' | 'gone' | 'timeout'
  /** The name of the error, for example `TypeError`. */
  name?: string
  /** Its message. */
  message?: string
}

/**
 * What became of an event in one page. Of a page that this one may not know of, only `outcome` is there: `event-bus:pages` says
 * of which pages a page may know.
 *
 * @example
 * ```ts
 * import type { PageOutcome } from 'tauri-plugin-event-bus-api'
 *
 * const show = ({ page = 'another page', outcome }: PageOutcome) => console.log(`${page}: ${outcome}`)
 * show({ page: 'main', outcome: 'handled' })
 * ```
 */
export interface PageOutcome extends Outcome {
  /** The label of its webview. */
  page?: string
}

/**
 * What became of an event, from {@link emitHandled}.
 *
 * @example
 * ```ts
 * import { emitHandled, type Handled } from 'tauri-plugin-event-bus-api'
 *
 * const saved: Handled = await emitHandled('app:closing')
 * console.log(saved.pages.every(({ outcome }) => outcome === 'handled'))
 * ```
 */
export interface Handled {
  /** The receipt of the event. */
  receipt: Receipt
  /** One entry for each page that it was queued for. */
  pages: PageOutcome[]
  /** One entry for all listeners in Rust, if it was for any. Readers of streams do not count. */
  listeners?: Outcome
}

/**
 * How {@link emitHandled} emits, and how long it waits.
 *
 * @example
 * ```ts
 * import { type EmitHandledOptions, emitHandled } from 'tauri-plugin-event-bus-api'
 *
 * const soon: EmitHandledOptions = { to: 'editor-*', timeoutMs: 5_000 }
 * await emitHandled('app:closing', undefined, soon)
 * ```
 */
export interface EmitHandledOptions extends EmitOptions {
  /** The receivers; everyone by default. */
  to?: Target
  /** How long to wait, in milliseconds, from 1 to 86,400,000: 30 seconds by default. */
  timeoutMs?: number
}
