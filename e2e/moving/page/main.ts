import { invoke } from '@tauri-apps/api/core'
import { listen } from '@tauri-apps/api/event'
import { getCurrentWebviewWindow } from '@tauri-apps/api/webviewWindow'
import { onOpenUrl } from '@tauri-apps/plugin-deep-link'
import { attachLogger } from '@tauri-apps/plugin-log'
import { load } from '@tauri-apps/plugin-store'
import { type Cells, rows, settled } from './rows'

/** Whether this build has the event bus. */
declare const HAS_BUS: boolean

declare global {
  interface Window {
    /** Runs a row of the table, and returns what was received, by the name of the event. */
    runRow: (row: string) => Promise<Cells>
    /** Prepares the window `other` for a row. */
    prepare: (row: string) => Promise<void>
    /** What this window received, by the name of the event. */
    received: Cells
    /** What Tauri's own system has brought, by the name of the event. */
    own: Record<string, string[]>
    host: typeof invoke
    settled: typeof settled
  }
}

const { label } = getCurrentWebviewWindow()

window.host = invoke
window.settled = settled
window.received = {}
window.own = {}
window.runRow = async (name) => {
  const row = rows[name]
  if (!row) throw new Error(`no row ${name}`)
  return row()
}
window.prepare = async (name) => {
  window.received[name] = []
  await listen(name, ({ payload }) => {
    ;(window.received[name] as unknown[]).push(payload)
  })
}

/** Records what Tauri's own system brings, so that a row knows when a plugin has emitted. */
async function recordOwn(name: string): Promise<void> {
  const payloads: string[] = []
  window.own[name] = payloads
  const { transformCallback } = (window as unknown as { __TAURI_INTERNALS__: Internals }).__TAURI_INTERNALS__
  const handler = transformCallback(({ payload }) => payloads.push(JSON.stringify(payload)))
  await invoke('plugin:event|listen', { event: name, target: { kind: 'Any' }, handler })
}

interface Internals {
  transformCallback(handler: (event: { payload: unknown }) => void): number
}

async function start(): Promise<void> {
  // What Tauri's events do not have, in an app with the isolation pattern.
  if (HAS_BUS) Object.assign(window, { bus: await import('tauri-plugin-event-bus-api') })
  if (label !== 'main') return
  // The app reads a table, and then listens for what is added.
  window.received['row:late'] = []
  await invoke('emit_rows', { name: 'row:late', count: 3 })
  await window.prepare('row:late')
  await window.prepare('row:second-start')
  for (const name of ['deep-link://new-url', 'store://change', 'log://log']) {
    window.received[name] = []
    await recordOwn(name)
  }
  const keep = (name: string, value: unknown) => (window.received[name] as unknown[]).push(value)
  await onOpenUrl((urls) => keep('deep-link://new-url', urls))
  await attachLogger(({ level, message }) => {
    // The plugin of the event bus writes to the log, too.
    if (message.includes('from the app')) keep('log://log', [level, message.slice(message.indexOf('from'))])
  })
  const settings = await load('settings.json', { autoSave: false, defaults: {} })
  await settings.onChange((key, value) => keep('store://change', [key, value]))
  await settings.onKeyChange('theme', (value) => keep('store://change', value))
  Object.assign(window, { settings })
}

start().then(
  () => Object.assign(window, { isReady: true }),
  (error) => Object.assign(window, { isReady: String(error?.message ?? error) }),
)

const heading = document.querySelector('h1')
if (heading) heading.textContent = label
