import type { BusEvent } from 'tauri-plugin-event-bus-api'
import { copy, element, part } from './element'
import { onFrame } from './frame'
import { formatLatency } from './stats'

export interface Entry {
  event: BusEvent<unknown>
  latencyMs: number
  /** The label of this window if the event was sent to it, `undefined` if it was sent to everyone. */
  to: string | undefined
}

/** How many entries are kept, so that a filter finds more than what is drawn. */
const KEPT = 2000
const DRAWN = 100
/** How many characters of a payload a row shows; opening the row shows all of it. */
const INLINE = 2000

const rows = element('log-rows', HTMLOListElement)
const filter = element('log-filter', HTMLInputElement)
const pause = element('log-pause', HTMLButtonElement)
const clear = element('log-clear', HTMLButtonElement)
const held = element('log-held', HTMLButtonElement)

let kept: Entry[] = []
let waiting: Entry[] = []
let paused = false

const entries = new WeakMap<Element, Entry>()

function sourceOf({ source }: BusEvent<unknown>): string {
  if (source.kind === 'node') return source.node
  return source.kind === 'host' ? 'host' : source.label
}

function jsonOf(entry: Entry, indent?: number): string {
  return JSON.stringify(entry.event.payload, null, indent) ?? 'null'
}

/** The newest entries that match the filter, as many as are drawn. */
function drawable(from: Entry[]): Entry[] {
  const wanted = filter.value.trim().toLowerCase()
  if (wanted === '') return from.slice(-DRAWN)
  const text = (entry: Entry) => `${entry.event.event} ${sourceOf(entry.event)} ${jsonOf(entry)}`
  return from.filter((entry) => text(entry).toLowerCase().includes(wanted)).slice(-DRAWN)
}

function mark(kind: 'badge' | 'row-to', text: string, title: string): HTMLElement {
  const made = document.createElement('span')
  made.className = kind
  made.textContent = text
  made.title = title
  return made
}

function draw(entry: Entry): HTMLElement {
  const { event } = entry
  const json = jsonOf(entry)
  const inline = json.length > INLINE ? `${json.slice(0, INLINE)}…` : json
  const source = sourceOf(event)
  const row = copy('log-row')
  row.dataset.event = event.event
  row.dataset.seq = String(event.seq)
  row.dataset.source = source
  row.dataset.payload = inline
  part(row, '.row-seq').textContent = String(event.seq)
  part(row, '.row-event').textContent = event.event
  part(row, '.row-payload').textContent = inline
  const from = part(row, '.row-source')
  from.textContent = event.source.kind === 'host' ? 'host' : source
  part(row, '.row-latency').textContent = formatLatency(entry.latencyMs)
  if (entry.to !== undefined) {
    row.dataset.to = entry.to
    from.append(mark('row-to', ` → ${entry.to}`, 'Sent to this window'))
  }
  if (event.tick) {
    part(row, '.row-name').append(mark('badge', `tick ${event.tick.count}`, 'From a job'))
  }
  entries.set(row, entry)
  return row
}

/** While the user reads, new entries wait and are counted. */
function isHeld(): boolean {
  return paused || rows.scrollTop > 4 || rows.querySelector('[aria-expanded="true"]') !== null
}

const render = onFrame(() => {
  if (isHeld()) {
    held.hidden = waiting.length === 0
    held.textContent = `${waiting.length >= KEPT ? `${KEPT.toLocaleString('en')}+` : waiting.length} new`
    return
  }
  held.hidden = true
  rows.prepend(...drawable(waiting).map(draw).reverse())
  waiting = []
  while (rows.childElementCount > DRAWN) rows.lastElementChild?.remove()
})

function redraw(): void {
  waiting = []
  rows.replaceChildren(...drawable(kept).map(draw).reverse())
  rows.scrollTop = 0
  render()
}

function setPaused(value: boolean): void {
  paused = value
  pause.setAttribute('aria-pressed', String(value))
  pause.textContent = value ? 'Resume' : 'Pause'
}

function toggle(head: HTMLElement): void {
  const row = head.parentElement
  const entry = row && entries.get(row)
  if (!row || !entry) return
  const open = head.getAttribute('aria-expanded') !== 'true'
  head.setAttribute('aria-expanded', String(open))
  row.querySelector('pre')?.remove()
  if (open) {
    const detail = document.createElement('pre')
    detail.textContent = jsonOf(entry, 2)
    row.append(detail)
  }
  render()
}

export function logEvent(entry: Entry): void {
  kept.push(entry)
  waiting.push(entry)
  // Cut in steps, so that a burst does not shift the array once per event.
  if (kept.length >= 2 * KEPT) kept = kept.slice(-KEPT)
  if (waiting.length >= 2 * KEPT) waiting = waiting.slice(-KEPT)
  render()
}

export function startLog(): void {
  filter.addEventListener('input', redraw)
  pause.addEventListener('click', () => {
    setPaused(!paused)
    if (!paused) render()
  })
  clear.addEventListener('click', () => {
    kept = []
    redraw()
  })
  held.addEventListener('click', () => {
    setPaused(false)
    redraw()
  })
  rows.addEventListener('scroll', render, { passive: true })
  rows.addEventListener('click', (event) => {
    const head = event.target instanceof Element ? event.target.closest('.row-head') : null
    if (head instanceof HTMLElement) toggle(head)
  })
}
