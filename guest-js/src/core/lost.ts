import type { Gap } from '../types/gap.js'

/**
 * Adds an event to the gap of those that were dropped before it, with the older ones that it had replaced. Their numbers are
 * not known, so the gap begins no later than the first of them can have come.
 */
export function addLost(gap: Gap | undefined, seq: number, superseded = 0): Gap {
  const from = seq - superseded
  return {
    from: gap ? Math.min(gap.from, from) : from,
    to: Math.max(gap?.to ?? 0, seq),
    count: (gap?.count ?? 0) + 1 + superseded,
    atMost: gap?.atMost ?? false,
    reason: 'buffer_full',
  }
}
