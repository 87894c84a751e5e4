import type { Batch, Cut, Head, PassedRun, Run } from '../core/batch.js'
import type { Progress, Reading } from '../core/dispatch.js'
import type { Subscriptions } from '../core/subscriptions.js'

/** What the text of a batch begins with, and where its items end. The heads have no such text: JSON escapes the quotes in one. */
const BEGIN = '{"items":['
const END = '],"heads":['

/** Reads the text of a batch that the host calls the page with, and leaves out the runs that are passed on as text. */
export function readPassing(text: string, subscriptions: object): unknown {
  const all = subscriptions as Subscriptions
  const end = text.lastIndexOf(END)
  if (!text.startsWith(BEGIN) || end < 0) return JSON.parse(text)
  const batch = JSON.parse(BEGIN + text.slice(end)) as Batch
  const passed: PassedRun[] = []
  let rest = ''
  let place = BEGIN.length
  for (const cut of batch.cuts ?? []) {
    const [start, length, head] = cut
    if (!idsOf(batch.heads[head] as Head).some((id) => all.get(id)?.owner.texts)) continue
    // A number stands for it, which no item is.
    rest += text.slice(place, start) + passed.length
    place = start + length
    passed.push(new TextRun(text.slice(start, place), cut, all))
  }
  if (passed.length === 0) return JSON.parse(text)
  const items = JSON.parse(`[${rest}${text.slice(place, end)}]`) as Batch['items']
  const read = items.map((item) => (typeof item === 'number' ? (passed[item] as PassedRun) : item))
  return { ...batch, items: read }
}

function idsOf([, , ids]: Head): readonly number[] {
  return typeof ids === 'number' ? [ids] : ids
}

class TextRun implements PassedRun {
  readonly events: number

  constructor(
    private readonly text: string,
    private readonly cut: Cut,
    private readonly subscriptions: Subscriptions,
  ) {
    this.events = cut[3]
  }

  passOn(reading: Reading, progress: Progress): void {
    const { text, events, subscriptions } = this
    const [, , place, , step, span] = this.cut
    const { heads, items } = reading.batch
    const head = heads[place] as Head
    const first = reading.seq + step
    const last = first + events - 1
    const isNew = reading.index >= progress.handled
    const others: number[] = []
    for (const id of idsOf(head)) {
      const subscription = subscriptions.get(id)
      if (!subscription) continue
      const { owner, live } = subscription
      // Where one of them may have come already, each is looked at.
      const isNext = isNew && first > subscription.last && first >= live && subscription.place === progress
      if (isNext && owner.texts) {
        subscription.last = last
        owner.texts.pass(head, text, first, reading.micros, events, span)
      } else others.push(id)
    }
    if (others.length > 0) {
      const run = JSON.parse(text) as Run
      run[0] = heads.push([head[0], head[1], others]) - 1
      items[reading.item] = run
      return
    }
    if (last > subscriptions.seen) subscriptions.seen = last
    reading.item += 1
    reading.index += events
    reading.seq = last
    reading.micros += span
    progress.handled = Math.max(progress.handled, reading.index)
  }
}
