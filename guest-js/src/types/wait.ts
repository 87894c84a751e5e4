import type { BusEvent } from './event.js'
import type { ListenOptions } from './subscription.js'

/**
 * Which event {@link waitFor} waits for, and for how long. The other options are those of {@link ListenOptions}; with
 * `retained: false` an event that is there already does not count.
 *
 * @example
 * ```ts
 * import { waitFor, type WaitOptions } from 'tauri-plugin-event-bus-api'
 *
 * const soon: WaitOptions = { timeoutMs: 5_000, retained: false }
 * const { payload } = await waitFor('server:ready', soon)
 * ```
 */
export interface WaitOptions<Event = BusEvent<unknown>> extends ListenOptions {
  /** Whether an event is the one; by default the first one is. It is not async. What it throws rejects the promise. */
  filter?: (event: Event) => boolean
  /** How many milliseconds to wait, above 0 and at most 86,400,000; for ever by default. */
  timeoutMs?: number
  /** Ends the wait when it aborts: the promise rejects with its reason. */
  signal?: AbortSignal
}
