import { type Attached, attach, keepPull } from '../core/attached.js'
import type { PulledOutcomes } from '../core/batch.js'
import { EventBusError, toEventBusError } from '../core/error.js'
import { openInbox } from '../core/inbox.js'
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

/** An event whose outcomes this page waits for. */
interface Waiting {
  readonly event: string
  /** The session in which the host has accepted it. */
  session?: string
  resolve(outcomes: PulledOutcomes): void
  reject(error: EventBusError): void
}

/** Those of this page, in whichever copy of this package they were emitted. */
interface Outcomes extends Attached {
  newest: number
  readonly waiting: Map<number, Waiting>
}

/** The name of a shared state cannot begin so. */
const STATE = 'event-bus:outcomes'

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
    const outcomes = openOutcomes()
    outcomes.newest += 1
    const id = outcomes.newest
    const { queue } = openInbox()
    const become = new Promise<PulledOutcomes>((resolve, reject) => {
      outcomes.waiting.set(id, { event, resolve, reject })
    })
    // It is awaited once the event is accepted.
    become.catch(() => {})
    const accepted = (session: string) => {
      const waiting = outcomes.waiting.get(id)
      if (!waiting) return
      waiting.session = session
      if (session === queue.session) keepPull()
      else forget(outcomes, id)
    }
    const sent = publish(openInbox, { ...addressed, outcome: { id, timeoutMs }, accepted })
    const receipt = await sent.catch((error: unknown) => {
      outcomes.waiting.delete(id)
      throw error
    })
    const { pages, listeners } = await become
    return { receipt, pages, ...(listeners && { listeners }) }
  } catch (error) {
    throw toEventBusError(error)
  }
}

/** The host tells nothing of it any more. */
function forget({ waiting }: Outcomes, id: number): void {
  const { event, reject } = waiting.get(id) as Waiting
  waiting.delete(id)
  reject(
    new EventBusError(
      'unavailable',
      `"${event}" was emitted, and what became of it is unknown: the session of this page has ended`,
    ),
  )
}

function openOutcomes(): Outcomes {
  const { states } = openInbox()
  const known = states?.get(STATE) as Outcomes | undefined
  if (known) return known
  const waiting = new Map<number, Waiting>()
  const outcomes: Outcomes = {
    newest: 0,
    waiting,
    isActive: () => [...waiting.values()].some(({ session }) => session !== undefined),
    receive(item) {
      if (!('outcome' in item)) return false
      const outcomes = item as PulledOutcomes
      waiting.get(outcomes.outcome)?.resolve(outcomes)
      waiting.delete(outcomes.outcome)
      return true
    },
    // A new session knows nothing of the events of the one before.
    renewals() {
      for (const [id, { session }] of [...waiting]) if (session !== undefined) forget(outcomes, id)
      return []
    },
    lose(error) {
      for (const { reject } of waiting.values()) reject(error)
      waiting.clear()
    },
  }
  states?.set(STATE, outcomes)
  attach(outcomes)
  return outcomes
}
