import { invoke } from '@tauri-apps/api/core'
import { emit, on } from 'tauri-plugin-event-bus-api'
import { element } from './element'
import type { TaskProgress } from './events'
import { showError } from './result'

const text = element('task-text', HTMLParagraphElement)
const bar = element('task-progress', HTMLProgressElement)
const button = element('task-start', HTMLButtonElement)
const burst = element('burst-start', HTMLButtonElement)

let running = false
let latestRun = 0

function describe(progress: TaskProgress): string {
  const primes = `${progress.primes.toLocaleString('en')} primes`
  switch (progress.state) {
    case 'running':
      return `${progress.percent} % · ${primes} so far`
    case 'done':
      return `Done: ${primes}, the largest ${progress.largest.toLocaleString('en')}`
    case 'cancelled':
      return `Cancelled after ${primes}`
  }
}

function show(progress: TaskProgress): void {
  // A replaced run reports its cancellation later.
  if (progress.run < latestRun) return
  latestRun = progress.run
  running = progress.state === 'running'
  bar.value = progress.percent
  bar.dataset.state = progress.state
  text.dataset.state = progress.state
  text.textContent = describe(progress)
  button.textContent = running ? 'Cancel' : 'Start'
}

async function run(command: string): Promise<void> {
  try {
    await invoke(command)
  } catch (error) {
    showError(text, error)
  }
}

export function startTask(): void {
  on('task:progress', show)
  button.addEventListener('click', () => {
    if (running) void emit('task:cancel')
    else void run('start_task')
  })
  burst.addEventListener('click', () => void run('start_burst'))
}
