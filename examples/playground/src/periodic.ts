import { type BusEvent, listPeriodic, type PeriodicInfo, startPeriodic, stopPeriodic } from 'tauri-plugin-event-bus-api'
import { copy, element, part } from './element'
import { onFrame } from './frame'
import { showDone, showError } from './result'

const list = element('periodic-list', HTMLUListElement)
const result = element('periodic-result', HTMLOutputElement)

interface Row {
  item: HTMLElement
  ticks: HTMLElement
  shown: number
}

const rows = new Map<string, Row>()
const ticked = new Map<string, number>()

function showTicks(row: Row, ticks: number): void {
  // The list and the ticks themselves arrive on their own ways; the higher count is the newer one.
  if (ticks < row.shown) return
  row.shown = ticks
  row.ticks.textContent = ticks.toLocaleString('en')
}

function add(job: PeriodicInfo): Row {
  const item = copy('job')
  item.dataset.id = job.id
  part(item, '.job-name').textContent = job.event
  part(item, '.job-about').textContent =
    `every ${job.everyMs.toLocaleString('en')} ms to ${typeof job.to === 'string' ? job.to : 'everyone'}`
  part(item, '.quiet').setAttribute('aria-label', `Stop ${job.event}`)
  list.append(item)
  return { item, ticks: part(item, '.job-ticks'), shown: -1 }
}

function show(jobs: readonly PeriodicInfo[]): void {
  const running = new Set(jobs.map((job) => job.id))
  for (const [id, row] of rows) {
    if (running.has(id)) continue
    row.item.remove()
    rows.delete(id)
  }
  for (const job of jobs) {
    const row = rows.get(job.id) ?? add(job)
    rows.set(job.id, row)
    showTicks(row, job.ticks)
  }
}

let next: number | undefined

/** Ticks that go to the other window are only seen by asking, once a second while a job runs. */
async function refresh(): Promise<void> {
  clearTimeout(next)
  try {
    show(await listPeriodic())
  } catch (error) {
    showError(result, error)
    return
  }
  clearTimeout(next)
  if (rows.size > 0) next = setTimeout(refresh, 1000)
}

const renderTicks = onFrame(() => {
  for (const [id, tick] of ticked) {
    const row = rows.get(id)
    if (row) showTicks(row, tick)
  }
  ticked.clear()
})

/** Counts a tick that this window has received. */
export function countTick(event: BusEvent<unknown>): void {
  if (!event.periodic || !rows.has(event.periodic.id)) return
  ticked.set(event.periodic.id, event.periodic.tick)
  renderTicks()
}

export function startPeriodicForm(): void {
  const form = element('periodic-form', HTMLFormElement)
  const name = element('periodic-name', HTMLInputElement)
  const every = element('periodic-every', HTMLInputElement)
  const target = element('periodic-target', HTMLSelectElement)

  async function start(): Promise<void> {
    try {
      await startPeriodic(name.value, {
        everyMs: every.value.trim() === '' ? Number.NaN : Number(every.value),
        ...(target.value === '' ? {} : { target: target.value }),
      })
      showDone(result, `${name.value} runs`)
    } catch (error) {
      showError(result, error)
    }
    await refresh()
  }

  async function stop(id: string): Promise<void> {
    try {
      await stopPeriodic(id)
      showDone(result, 'Stopped')
    } catch (error) {
      showError(result, error)
    }
    await refresh()
  }

  form.addEventListener('submit', (event) => {
    event.preventDefault()
    void start()
  })
  list.addEventListener('click', (event) => {
    if (!(event.target instanceof HTMLButtonElement)) return
    const id = event.target.closest('li')?.dataset.id
    if (id !== undefined) void stop(id)
  })
  // A page that was reloaded finds the jobs it had started.
  void refresh()
}
