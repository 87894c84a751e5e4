import type { Batch, Extras, Head, PulledGap, Run, Source } from '../src/core/batch.js'

/** An event with all of its numbers, before it is written into a batch. */
type Row = [
  index: number,
  seq: number,
  timestamp: number,
  event: string,
  source: Source,
  subscriptions: number | number[],
  payload: unknown,
  extras?: Extras,
]

/** Writes rows and gaps, which hold their index, as the host writes a batch. */
export function batchOf(rows: unknown[], more = false): Batch {
  const heads: Head[] = []
  const places = new Map<string, number>()
  const items: (Run | PulledGap)[] = []
  let before = { seq: 0, micros: 0, common: '' }
  for (const row of rows as (Row | (PulledGap & { index: number }))[]) {
    if (!Array.isArray(row)) {
      const { index, ...gap } = row
      items.push(gap)
      continue
    }
    const [, seq, timestamp, event, source, subscriptions, payload, extras] = row
    const key = JSON.stringify([event, source, subscriptions])
    const head = places.get(key) ?? heads.push([event, source, subscriptions]) - 1
    places.set(key, head)
    const micros = Math.round(timestamp * 1000)
    const differences = [seq - before.seq, micros - before.micros] as const
    const common = JSON.stringify([head, extras])
    const last = items[items.length - 1]
    if (Array.isArray(last) && common === before.common && differences[0] === 1) {
      // What all events of the run share stays at its end.
      last.splice(last.length - (last.length % 2), 0, differences[1], payload)
    } else {
      items.push([head, ...differences, payload, ...(extras ? [extras] : [])])
    }
    before = { seq, micros, common }
  }
  const [first] = rows as (Row | { index: number })[]
  return { items, heads, first: first ? (Array.isArray(first) ? first[0] : first.index) : 0, more }
}
