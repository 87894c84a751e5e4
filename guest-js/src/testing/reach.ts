import type { Listener } from './contract.js'
import type { AcceptedEvent } from './session.js'
import { hasPage, isForHost, isForPage, partsOf } from './target.js'

/** The name and the receivers of an event. */
export type Addressed = Pick<AcceptedEvent, 'event' | 'to' | 'except'>

/** Whether a listener beside the page under test receives an event. */
export function receives({ label, matches, receivesAll }: Listener, emitted: Addressed): boolean {
  return matches(emitted.event) && (receivesAll || (label === null ? isForHost(emitted.to) : reaches(emitted, label)))
}

/** Whether an event reaches the page of this label. */
export function reaches({ to, except }: Pick<AcceptedEvent, 'to' | 'except'>, label: string): boolean {
  return isForPage(to, label) && (except === undefined || !hasPage(except, label))
}

/** Of the retained events with one key, the newest is kept. */
export function keyOf({ event, to }: Pick<AcceptedEvent, 'event' | 'to'>): string {
  return JSON.stringify([event, to === undefined ? [] : partsOf(to)])
}

/** Events in the order in which they were accepted. */
export function inOrder(events: Iterable<AcceptedEvent>): AcceptedEvent[] {
  return [...events].sort((a, b) => a.seq - b.seq)
}
