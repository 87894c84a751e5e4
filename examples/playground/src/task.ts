import { invoke } from '@tauri-apps/api/core'
import { attachTask, EventBusError, listTasks, on, startTask as start, type Task } from 'tauri-plugin-event-bus-api'
import { element } from './element'
import { showError } from './result'

/** One run at a time is enough, so that every window finds it. */
const NAME = 'primes'
const KEY = 'shared'

/** What the task has found: its progress, and its result. */
interface Found {
  primes: number
  largest: number
}

const text = element('task-text', HTMLParagraphElement)
const bar = element('task-progress', HTMLProgressElement)
const button = element('task-start', HTMLButtonElement)
const burst = element('burst-start', HTMLButtonElement)

let running: Task<Found, Found> | undefined

const counted = (found: Found | null) => `${(found?.primes ?? 0).toLocaleString('en')} primes`

function show(state: 'running' | 'done' | 'cancelled', words: string): void {
  bar.dataset.state = state
  text.dataset.state = state
  text.textContent = words
  button.textContent = state === 'running' ? 'Cancel' : 'Start'
}

/** Shows a task until it has ended. It goes on if this window is closed. */
async function follow(task: Task<Found, Found>): Promise<void> {
  running = task
  let newest: Found | null = null
  try {
    for await (const { fraction, detail } of task) {
      newest = detail
      const percent = Math.floor((fraction ?? 0) * 100)
      bar.value = percent
      show('running', `${percent} % · ${counted(detail)} so far`)
    }
    const found = await task.result
    bar.value = 100
    show('done', `Done: ${counted(found)}, the largest ${found.largest.toLocaleString('en')}`)
  } catch (error) {
    const isCancelled = error instanceof EventBusError && error.code === 'cancelled'
    show('cancelled', `Cancelled after ${counted(newest)}`)
    if (!isCancelled) showError(text, error)
  } finally {
    if (running === task) running = undefined
  }
}

/** Follows what another window has started, or this one before it was reloaded. */
async function find(): Promise<void> {
  const tasks = await listTasks()
  const isOn = tasks.some(({ name, key, state }) => name === NAME && key === KEY && state === 'running')
  if (isOn && !running) void follow(attachTask(NAME, KEY))
}

export function startTask(): void {
  on('task:started', () => {
    if (!running) void follow(attachTask(NAME, KEY))
  })
  find().catch((error) => showError(text, error))
  button.addEventListener('click', () => {
    if (running) running.cancel().catch((error) => showError(text, error))
    else void follow(start(NAME, null, { key: KEY }))
  })
  burst.addEventListener('click', () => void invoke('start_burst').catch((error) => showError(text, error)))
}
