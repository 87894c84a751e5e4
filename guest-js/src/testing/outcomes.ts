import { EventBusError } from '../core/error.js'
import type { Receipt } from '../types/emit.js'
import type { Handled, Outcome } from '../types/outcome.js'
import type { NewEvent } from './contract.js'
import { checkTimeout, type Label } from './requests.js'

/** What a page tells of the handlers of an event. */
export interface ToldOutcome {
  readonly seq: number
  readonly outcome?: 'handled' | 'dropped'
  readonly failure?: { readonly name: string; readonly message: string }
}

/** That the emitter of an event waits for what becomes of it. */
export interface OutcomeWait {
  readonly timeoutMs?: number | undefined
  /** Takes the outcomes, once. */
  done(outcomes: Omit<Handled, 'receipt'>): void
}

interface Open {
  readonly done: OutcomeWait['done']
  readonly places: Map<Label, Place>
  readonly late: ReturnType<typeof setTimeout>
}

/** One page, or the host. */
interface Place {
  /** How many entries have yet to tell. */
  entries: number
  outcome: Outcome | undefined
}

/** Which of two outcomes of one place counts. */
const RANKS = ['handled', 'dropped', 'failed', 'gone', 'timeout']

const DEFAULT_TIMEOUT_MS = 30_000

/** How many events may wait, as with the host. */
const MAX_OPEN = 1_024

/** A handler has. */
export const HANDLED: Outcome = { outcome: 'handled' }

/** Nothing has handled it. */
export const DROPPED: Outcome = { outcome: 'dropped' }

/** The events whose emitters wait for what becomes of them, by their numbers. */
export class TestOutcomes {
  private readonly open = new Map<number, Open>()

  /** Refuses an event that cannot be waited for. */
  check(event: string, { timeoutMs }: Pick<OutcomeWait, 'timeoutMs'>): void {
    if (timeoutMs !== undefined) checkTimeout(timeoutMs)
    if (this.open.size < MAX_OPEN) return
    throw new EventBusError('queue_full', `"${event}" was not emitted: ${MAX_OPEN} events wait for outcomes`)
  }

  /** An event has these entries, each in the place of this label. */
  begin(seq: number, { timeoutMs = DEFAULT_TIMEOUT_MS, done }: OutcomeWait, entries: readonly Label[]): void {
    const places = new Map<Label, Place>()
    for (const label of entries) {
      places.set(label, { entries: (places.get(label)?.entries ?? 0) + 1, outcome: undefined })
    }
    const late = setTimeout(() => this.end(seq, 'timeout'), timeoutMs)
    this.open.set(seq, { done, places, late })
    this.endIfComplete(seq)
  }

  /** An entry of a place has this outcome. */
  tell(seq: number, label: Label, told: Outcome): void {
    const place = this.open.get(seq)?.places.get(label)
    if (!place || place.entries === 0) return
    place.entries -= 1
    const { outcome } = place
    if (!outcome || RANKS.indexOf(told.outcome) > RANKS.indexOf(outcome.outcome)) place.outcome = told
    this.endIfComplete(seq)
  }

  /** What the page tells. */
  settle(label: Label, { seq, outcome = 'handled', failure }: ToldOutcome): Record<string, never> {
    this.tell(seq, label, failure ? { outcome: 'failed', name: failure.name, message: failure.message } : { outcome })
    return {}
  }

  /** A page is gone. */
  leave(label: Label): void {
    for (const [seq, { places }] of [...this.open]) {
      const place = places.get(label)
      if (!place || place.entries === 0) continue
      place.entries = 0
      place.outcome = { outcome: 'gone' }
      this.endIfComplete(seq)
    }
  }

  private endIfComplete(seq: number): void {
    const places = [...(this.open.get(seq)?.places.values() ?? [])]
    if (places.every(({ entries }) => entries === 0)) this.end(seq, 'gone')
  }

  private end(seq: number, rest: 'gone' | 'timeout'): void {
    const open = this.open.get(seq)
    if (!open) return
    this.open.delete(seq)
    clearTimeout(open.late)
    const outcomeOf = ({ entries, outcome }: Place): Outcome =>
      entries > 0 ? { outcome: rest } : (outcome ?? { outcome: 'handled' })
    const pages = [...open.places].flatMap(([page, place]) => (page === null ? [] : [{ page, ...outcomeOf(place) }]))
    const host = open.places.get(null)
    pages.sort((a, b) => (a.page < b.page ? -1 : 1))
    open.done({ pages, ...(host && { listeners: outcomeOf(host) }) })
  }
}

/** What a handler of the test has made of an event. What it throws stands for a panic of the host. */
export function outcomeOf(label: Label, run: () => void, failed: (error: unknown) => void): Outcome {
  try {
    run()
    return HANDLED
  } catch (error) {
    failed(error)
    const { name, message } = error instanceof Error ? error : { name: 'Error', message: String(error) }
    return { outcome: 'failed', name: label === null ? 'panic' : name, message }
  }
}

type Outcomes = Omit<Handled, 'receipt'>

/** The receipt of an event with its outcomes, whichever comes first. */
export function handled(accept: (done: OutcomeWait['done']) => Receipt): Promise<Handled> {
  return new Promise((resolve) => {
    let outcomes: Outcomes | undefined
    let receipt: Receipt | undefined
    const end = () => receipt && outcomes && resolve({ receipt, ...outcomes })
    receipt = accept((become) => {
      outcomes = become
      end()
    })
    end()
  })
}

/** Accepts an event of the page, which may wait for what becomes of it in its session. */
export function awaiting(
  session: { awaited: number; pushOutcomes(id: number, outcomes: Outcomes): void },
  outcome: NewEvent['outcome'],
  accept: (wait?: OutcomeWait) => Receipt,
): Receipt {
  if (!outcome) return accept()
  const { id, timeoutMs } = outcome
  session.awaited += 1
  try {
    return accept({ timeoutMs, done: (outcomes) => session.pushOutcomes(id, outcomes) })
  } catch (error) {
    session.awaited -= 1
    throw error
  }
}
