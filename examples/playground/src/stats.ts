import { element } from './element'
import { onFrame } from './frame'

const received = element('stat-received', HTMLElement)
const rate = element('stat-rate', HTMLElement)
const latency = element('stat-latency', HTMLElement)
const gaps = element('stat-gaps', HTMLElement)

/** The last second, in tenths. */
const SLOTS = 10
const SLOT_MS = 1000 / SLOTS
const slots = new Uint32Array(SLOTS)
let slotNow = 0

const SAMPLES = 101
const samples = new Float64Array(SAMPLES)

let count = 0
let lost = 0
let decay: number | undefined

function advance(): void {
  const slot = Math.floor(Date.now() / SLOT_MS)
  const passed = Math.min(slot - slotNow, SLOTS)
  for (let step = 1; step <= passed; step++) slots[(slot - passed + step) % SLOTS] = 0
  slotNow = slot
}

function median(): number {
  const sorted = samples.slice(0, Math.min(count, SAMPLES)).sort()
  return sorted[sorted.length >> 1] ?? 0
}

/** Formats milliseconds; a page's clock has a resolution of one. */
export function formatLatency(ms: number): string {
  return ms < 1 ? '< 1 ms' : `${Math.round(ms).toLocaleString('en')} ms`
}

const render = onFrame(() => {
  advance()
  const perSecond = slots.reduce((sum, slot) => sum + slot, 0)
  received.textContent = count.toLocaleString('en')
  rate.textContent = perSecond.toLocaleString('en')
  latency.textContent = count === 0 ? '–' : formatLatency(median())
  gaps.textContent = lost.toLocaleString('en')
  gaps.classList.toggle('bad', lost > 0)
  clearTimeout(decay)
  // The rate has to fall to zero after the last event.
  if (perSecond > 0) decay = window.setTimeout(render, 250)
})

export function countEvent(latencyMs: number): void {
  advance()
  const slot = slotNow % SLOTS
  slots[slot] = (slots[slot] ?? 0) + 1
  samples[count % SAMPLES] = latencyMs
  count += 1
  render()
}

/** Counts events that this page lost. */
export function countGap(events: number): void {
  lost += events
  render()
}
