import type { Gap } from '../types/gap.js'

/** Returns a function that warns on the console of lost events, once for each name or pattern. */
export function createGapWarnings(): (gap: Gap, event: string) => void {
  const warned = new Set<string>()
  return (gap, event) => {
    // A gap with an upper bound may concern no listener at all, so it must not silence the others.
    const subject = gap.atMost ? '' : event
    if (warned.has(subject)) return
    warned.add(subject)
    console.warn(`event bus: ${textOf(gap, event)}`)
  }
}

function textOf({ atMost, count, reason }: Gap, event: string): string {
  const events = count === 1 ? '1 event' : `${count} events`
  const isOrAre = count === 1 ? 'is' : 'are'
  const text = atMost
    ? `up to ${events} from before this page listened ${isOrAre} no longer kept (${reason}), perhaps none for listeners to "${event}"`
    : `${events} for listeners to "${event}" ${isOrAre} lost (${reason})`
  return `${text}. Pass onGap to handle gaps; shown once${atMost ? '' : ' for each name or pattern'}.`
}
