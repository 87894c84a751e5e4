import { toEventBusError } from '../core/error.js'
import { openInbox } from '../core/inbox.js'
import { awaitOutcomes } from '../core/outcomes.js'
import { publish } from '../core/outgoing.js'
import { isServer } from '../core/realm.js'
import { checkTimeout } from '../core/requests/open.js'
import type { EventName, PayloadArguments } from '../types/event-map.js'
import type { OtherName, ThePayloadOfThisEventIsMissingOrWrong } from '../types/name-kind.js'
import type { EmitHandledOptions, Handled } from '../types/outcome.js'

/** `emitHandled`, as it is in a view: on behalf of a component. */
export type EmitHandledAs = (
  event: string,
  payload?: unknown,
  options?: EmitHandledOptions,
  component?: string,
) => Promise<Handled>

/**
 * Emits an event, and waits until all pages and all listeners in Rust that it is for have handled it, or cannot any more.
 *
 * A page has handled it when each of its handlers has returned. The promise of one that listens with `{ sequential: true }` is
 * awaited. A receiver that fails is no error: see {@link Outcome}. A frame or a worker has handled it as soon as its page has
 * passed it on.
 *
 * @returns what became of it for each receiver.
 * @throws {EventBusError} by rejection, as `emit` and `emitTo`, and `invalid_argument` for a timeout out of range; `queue_full`
 * where too many events wait for outcomes; `unavailable` where the session of this page ended meanwhile, so that the outcomes
 * are unknown.
 *
 * @example
 * ```ts
 * import { emitHandled } from 'tauri-plugin-event-bus-api'
 *
 * const { pages, listeners } = await emitHandled('app:closing', undefined, { timeoutMs: 5_000 })
 * const unsaved = pages.filter(({ outcome }) => outcome !== 'handled')
 * console.log(unsaved.length, listeners?.outcome)
 * ```
 */
export function emitHandled<Payload = unknown, Name extends string = string>(
  event: OtherName<Name, ThePayloadOfThisEventIsMissingOrWrong>,
  payload?: Payload,
  options?: EmitHandledOptions,
): Promise<Handled>
export function emitHandled<Name extends EventName, _ extends never>(
  event: Name,
  ...payload: [...payload: PayloadArguments<Name>, options?: EmitHandledOptions]
): Promise<Handled>
export async function emitHandled(
  event: string,
  payload?: unknown,
  { timeoutMs, to, ...options }: EmitHandledOptions = {},
  component?: string,
): Promise<Handled> {
  try {
    checkTimeout(event, timeoutMs)
    const addressed = { event, payload, options, component, ...(to !== undefined && { to }) }
    // A server has no receivers.
    if (isServer()) return { receipt: await publish(openInbox, addressed), pages: [] }
    const { id, become, accepted, stop } = awaitOutcomes(event)
    const sent = publish(openInbox, { ...addressed, outcome: { id, timeoutMs }, accepted })
    const receipt = await sent.catch((error: unknown) => {
      stop()
      throw error
    })
    const { pages, listeners } = await become
    return { receipt, pages, ...(listeners && { listeners }) }
  } catch (error) {
    throw toEventBusError(error)
  }
}
