import { invoke } from '@tauri-apps/api/core'
import { getCurrentWebviewWindow } from '@tauri-apps/api/webviewWindow'
import * as bus from 'tauri-plugin-event-bus-api'
import * as dom from 'tauri-plugin-event-bus-api/dom'
import * as frames from 'tauri-plugin-event-bus-api/frame'
import * as tauriEvents from 'tauri-plugin-event-bus-api/tauri'
import * as workers from 'tauri-plugin-event-bus-api/worker'

/** An event as it reached a handler. Payloads are JSON, since WebDriver supports neither lone surrogates nor deep nesting. */
interface Received {
  event: string
  json: string
  replayed: boolean
  seq: number
  source: unknown
  component?: string
  causes?: readonly string[]
}

interface Recording {
  events: Received[]
  /** Settles once the host has accepted the subscription. */
  ready: Promise<unknown>
  off: () => void
}

declare global {
  interface Window {
    bus: typeof bus
    dom: typeof dom
    tauriEvents: typeof tauriEvents
    exposedFrames: typeof frames
    workers: typeof workers
    /** Starts a worker of the fixture. */
    startWorker: () => Worker
    startSharedWorker: () => SharedWorker
    /** Gives a worker or a frame an order, and resolves to its answer. */
    order: (to: Worker | SharedWorker | HTMLIFrameElement, act: string, ...args: unknown[]) => Promise<unknown>
    /** Calls a command of the fixture. */
    host: (command: string, args?: Record<string, unknown>) => Promise<unknown>
    /** Records the events that match `name`, under that name. */
    record: (name: string, options?: Parameters<typeof bus.listen>[2]) => Recording
    recordings: Record<string, Recording>
    /** The recordings of the previous page, by name. */
    recordedBefore: Record<string, Received[]>
    /** How often this page was restored from the back/forward cache. */
    restored: number
    /** Throws. The browser hides the messages of errors that scripts of WebDriver throw. */
    fail: (message: string) => never
    /** Messages of uncaught errors, from handlers that throw on purpose. */
    uncaught: string[]
  }
}

const log = document.querySelector('ol')

window.bus = bus
window.dom = dom
window.tauriEvents = tauriEvents
window.exposedFrames = frames
window.workers = workers
window.host = invoke
window.recordings = {}
window.uncaught = []
window.fail = (message) => {
  throw new Error(message)
}
window.restored = 0
window.recordedBefore = JSON.parse(sessionStorage.getItem('recorded') ?? '{}')
window.addEventListener('pageshow', (event) => {
  if (event.persisted) window.restored += 1
})
window.addEventListener('pagehide', () => {
  const recorded = Object.entries(window.recordings).map(([name, { events }]) => [name, events])
  sessionStorage.setItem('recorded', JSON.stringify(Object.fromEntries(recorded)))
})
window.addEventListener('error', (event) => window.uncaught.push(event.message))

window.record = (name, options) => {
  const events: Received[] = []
  const subscription = bus.listen(
    name,
    ({ event, payload, replayed, seq, source, component, causes }) => {
      events.push({ event, json: JSON.stringify(payload), replayed, seq, source, component, causes })
      show(event, seq)
    },
    options,
  )
  const recording = { events, ready: Promise.resolve(subscription), off: () => subscription() }
  window.recordings[name] = recording
  return recording
}

window.startWorker = () => new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' })
window.startSharedWorker = () => new SharedWorker(new URL('./worker.ts', import.meta.url), { type: 'module' })

let orders = 0
window.order = (to, act, ...args) => {
  orders += 1
  const order = orders
  const answers: EventTarget = 'contentWindow' in to ? window : 'port' in to ? to.port : to
  return new Promise((resolve, reject) => {
    const receive = (event: Event) => {
      const { answer, value, error } = (event as MessageEvent).data ?? {}
      if (answer !== order) return
      answers.removeEventListener('message', receive)
      if (error) reject(new Error(error))
      else resolve(value)
    }
    answers.addEventListener('message', receive)
    const sent = { order, act, args }
    if ('contentWindow' in to) to.contentWindow?.postMessage(sent, '*')
    else if ('port' in to) to.port.postMessage(sent)
    else to.postMessage(sent)
  })
}

/** Shows the last few events in the window. */
function show(event: string, seq: number): void {
  const row = document.createElement('li')
  row.textContent = `${seq} ${event}`
  log?.prepend(row)
  if (log && log.childElementCount > 12) log.lastElementChild?.remove()
}

// For journeys that lose WebDriver: the page listens on its own and reports what it receives.
const reported = new URLSearchParams(location.search).get('report')
if (reported) bus.listen(reported, ({ payload }) => invoke('report', { line: String(payload) }))

const heading = document.querySelector('h1')
if (heading) heading.textContent = getCurrentWebviewWindow().label
