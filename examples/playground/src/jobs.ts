import { type BusEvent, getJob, type Job, type JobInfo, listJobs, startJob } from 'tauri-plugin-event-bus-api'
import { copy, element, part } from './element'
import { onFrame } from './frame'
import { showDone, showError } from './result'

const section = element('jobs', HTMLElement)
const list = element('job-list', HTMLTableSectionElement)
const plot = element('job-load', HTMLElement)
const result = element('job-result', HTMLOutputElement)

/** The id of the job that samples the CPU for the plot. */
const PLOT = 'plot'
const loads: number[] = []

interface Row {
  item: HTMLElement
  every: HTMLElement
  slider: HTMLInputElement
  next: HTMLElement
  missed: HTMLElement
  pause: HTMLElement
  ticks: HTMLElement
  shown: number
}

const rows = new Map<string, Row>()
const ticked = new Map<string, number>()

function showTicks(row: Row, ticks: number): void {
  // The list and the ticks arrive independently; the higher count is the newer one.
  if (ticks < row.shown) return
  row.shown = ticks
  row.ticks.textContent = ticks.toLocaleString('en')
}

function add(job: JobInfo): Row {
  const item = copy('job')
  item.dataset.id = job.id
  part(item, '.job-name').textContent = job.event
  const slider = part(item, 'input') as HTMLInputElement
  slider.value = String(Math.log10(job.everyMs))
  slider.setAttribute('aria-label', `Interval of ${job.event}`)
  part(item, '[data-act=stop]').setAttribute('aria-label', `Stop ${job.event}`)
  list.append(item)
  return {
    item,
    every: part(item, '.job-every'),
    slider,
    next: part(item, '.job-next'),
    missed: part(item, '.job-missed'),
    pause: part(item, '[data-act=pause]'),
    ticks: part(item, '.job-ticks'),
    shown: -1,
  }
}

function duration(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toLocaleString('en', { maximumFractionDigits: 1 })} s`
}

const STATES = { running: '', paused: 'paused', idle: 'no listeners' }

function showState(row: Row, job: JobInfo): void {
  part(row.item, '.job-to').textContent = typeof job.to === 'string' ? job.to : 'everyone'
  row.every.textContent = duration(job.everyMs)
  row.slider.setAttribute('aria-valuetext', duration(job.everyMs))
  row.next.textContent =
    job.nextAt === null ? STATES[job.state] : `in ${duration(Math.max(0, job.nextAt - Date.now()))}`
  row.missed.textContent = job.missed.toLocaleString('en')
  row.pause.textContent = job.state === 'paused' ? 'Resume' : 'Pause'
  row.pause.setAttribute('aria-label', `${row.pause.textContent} ${job.event}`)
}

function show(jobs: readonly JobInfo[]): void {
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
    showState(row, job)
  }
  section.hidden = rows.size === 0
  plot.hidden = !running.has(PLOT)
}

let next: number | undefined

/** Polls while a job runs: due and missed ticks, and ticks for the other window, do not arrive as events here. */
async function refresh(): Promise<void> {
  clearTimeout(next)
  try {
    show(await listJobs())
  } catch (error) {
    showError(result, error)
    return
  }
  clearTimeout(next)
  if (rows.size > 0) next = window.setTimeout(refresh, 500)
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
  const { tick } = event
  if (!tick || !rows.has(tick.job)) return
  ticked.set(tick.job, tick.count)
  renderTicks()
  if (tick.job === PLOT) showLoad(Number(event.payload))
}

/** The last minute of the machine's load, in percent. */
function showLoad(percent: number): void {
  loads.push(percent)
  loads.splice(0, loads.length - 120)
  const points = loads.map((load, place) => `${60 - (loads.length - 1 - place) / 2},${100 - load}`).join(' ')
  plot.querySelector('polyline')?.setAttribute('points', points)
  element('job-load-now', HTMLOutputElement).value = `${Math.round(percent)} %`
}

/** A row may outlive its job, such as one with a count. */
async function find(id: string): Promise<Job> {
  const job = await getJob(id)
  if (!job) throw new Error(`The job ${id} has ended`)
  return job
}

export function startJobs(): void {
  const form = element('job-form', HTMLFormElement)
  const name = element('job-name', HTMLInputElement)
  const every = element('job-every', HTMLInputElement)
  const to = element('job-to', HTMLSelectElement)

  async function start(): Promise<void> {
    try {
      await startJob(name.value, {
        everyMs: every.value.trim() === '' ? Number.NaN : Number(every.value),
        ...(to.value === '' ? {} : { to: to.value }),
      })
      showDone(result, `${name.value} runs`)
    } catch (error) {
      showError(result, error)
    }
    await refresh()
  }

  async function sampleCpu(): Promise<void> {
    const about = { id: PLOT, replace: true, source: 'cpu', onlyWhileListened: true }
    try {
      await startJob('machine:cpu', { everyMs: 500, ...about })
      showDone(result, 'The CPU is sampled')
    } catch (error) {
      showError(result, error)
    }
    await refresh()
  }

  async function act(id: string, what: 'pause' | 'resume' | 'stop'): Promise<void> {
    try {
      await (await find(id))[what]()
      showDone(result, { pause: 'Paused', resume: 'Resumed', stop: 'Stopped' }[what])
    } catch (error) {
      showError(result, error)
    }
    await refresh()
  }

  async function slide(id: string, everyMs: number): Promise<void> {
    try {
      await (await find(id)).update({ everyMs })
      showDone(result, `Every ${everyMs.toLocaleString('en')} ms`)
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
    const id = event.target.closest('tr')?.dataset.id
    if (id === undefined) return
    const pauses = event.target.textContent === 'Pause' ? 'pause' : 'resume'
    void act(id, event.target.dataset.act === 'stop' ? 'stop' : pauses)
  })
  list.addEventListener('change', (event) => {
    if (!(event.target instanceof HTMLInputElement)) return
    const id = event.target.closest('tr')?.dataset.id
    if (id !== undefined) void slide(id, Math.round(10 ** Number(event.target.value)))
  })
  element('job-plot', HTMLButtonElement).addEventListener('click', () => void sampleCpu())
  // A reloaded page finds the jobs that it started before.
  void refresh()
}
