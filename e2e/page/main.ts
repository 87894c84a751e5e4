import { invoke } from '@tauri-apps/api/core'
import { getCurrentWebviewWindow } from '@tauri-apps/api/webviewWindow'
import * as bus from 'tauri-plugin-event-bus-api'

/** One event as it reached a handler. WebDriver carries no lone surrogate and no deep nesting, but their JSON. */
interface Received {
  event: string
  json: string
  seq: number
  source: unknown
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
    /** Calls a command of the fixture. */
    host: (command: string, args?: Record<string, unknown>) => Promise<unknown>
    /** Starts to record what is called `name`, under that name. */
    record: (name: string, options?: Parameters<typeof bus.listen>[2]) => Recording
    recordings: Record<string, Recording>
    /** What was reported as an uncaught error, for the handlers that throw on purpose. */
    uncaught: string[]
  }
}

const log = document.querySelector('ol')

window.bus = bus
window.host = invoke
window.recordings = {}
window.uncaught = []
window.addEventListener('error', (event) => window.uncaught.push(event.message))

window.record = (name, options) => {
  const events: Received[] = []
  const subscription = bus.listen(
    name,
    ({ event, payload, seq, source }) => {
      events.push({ event, json: JSON.stringify(payload), seq, source })
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

const heading = document.querySelector('h1')
if (heading) heading.textContent = getCurrentWebviewWindow().label
