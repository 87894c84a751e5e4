import { type Attached, attach, keepPull } from './attached.js'
import type { PulledOutcomes } from './batch.js'
import { EventBusError, toEventBusError } from './error.js'
import { openInbox } from './inbox.js'

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

/** The wait for what becomes of one event. */
export interface AwaitedOutcomes {
  /** The number under which the host tells of it. */
  readonly id: number
  readonly become: Promise<PulledOutcomes>
  /** The host has accepted the event in this session. */
  accepted(session: string): void
  /** The host has refused it, or the wait is over. */
  stop(): void
}

/** The name of a shared state cannot begin so. */
const STATE = 'event-bus:outcomes'

/** Begins to wait for what becomes of an event, before it is sent. */
export function awaitOutcomes(event: string): AwaitedOutcomes {
  const outcomes = openOutcomes()
  const { waiting } = outcomes
  outcomes.newest += 1
  const id = outcomes.newest
  const { queue } = openInbox()
  const become = new Promise<PulledOutcomes>((resolve, reject) => {
    waiting.set(id, { event, resolve, reject })
  })
  // It is awaited once the event is accepted.
  become.catch(() => {})
  return {
    id,
    become,
    accepted(session) {
      const own = waiting.get(id)
      if (!own) return
      own.session = session
      if (session === queue.session) keepPull()
      else forget(outcomes, id)
    },
    stop: () => void waiting.delete(id),
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
      const { outcome, error } = item as PulledOutcomes
      const { resolve, reject } = waiting.get(outcome) ?? {}
      waiting.delete(outcome)
      if (error) reject?.(toEventBusError(error))
      else resolve?.(item as PulledOutcomes)
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
