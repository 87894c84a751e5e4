import { invoke } from '@tauri-apps/api/core'
import { getCurrentWebviewWindow } from '@tauri-apps/api/webviewWindow'
import * as bus from 'tauri-plugin-event-bus-api'
import * as dom from 'tauri-plugin-event-bus-api/dom'

/** One event as it reached a handler. WebDriver carries no lone surrogate and no deep nesting, but their JSON. */
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
  /** Settles once the host listens. */
  ready: Promise<unknown>
  off: () => void
}

declare global {
  interface Window {
    bus: typeof bus
    dom: typeof dom
    /** Calls a command of the fixture. */
    host: (command: string, args?: Record<string, unknown>) => Promise<unknown>
    /** Starts to record what is called `name`, under that name. */
    record: (name: string, options?: Parameters<typeof bus.listen>[2]) => Recording
    recordings: Record<string, Recording>
    /** What the page before this one had recorded when it was left, by name. */
    recordedBefore: Record<string, Received[]>
    /** How often this page came back out of the back/forward cache. */
    restored: number
    /** What was reported as an uncaught error, for the handlers that throw on purpose. */
    uncaught: string[]
  }
}

const log = document.querySelector('ol')

window.bus = bus
window.dom = dom
window.host = invoke
window.recordings = {}
window.uncaught = []
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

/** The last few events, for whoever looks at the window. */
function show(event: string, seq: number): void {
  const row = document.createElement('li')
  row.textContent = `${seq} ${event}`
  log?.prepend(row)
  if (log && log.childElementCount > 12) log.lastElementChild?.remove()
}

// For journeys that lose WebDriver: the page listens by itself and reports what it hears.
const reported = new URLSearchParams(location.search).get('report')
if (reported) bus.listen(reported, ({ payload }) => invoke('report', { line: String(payload) }))

const heading = document.querySelector('h1')
if (heading) heading.textContent = getCurrentWebviewWindow().label
