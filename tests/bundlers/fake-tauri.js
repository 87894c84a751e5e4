// A page of Tauri, as far as events need it. It notes which system each call reaches, and answers as the hosts do.
import { webcrypto } from 'node:crypto'

/** Puts the page around what is loaded next, and returns the calls that reach either system. */
export function fakeTauri() {
  const calls = { bus: [], core: [] }
  let lastId = 0
  const nextId = () => {
    lastId += 1
    return lastId
  }
  const answers = {
    'plugin:event-bus|subscribe': ({ subscriptions }) => subscriptions.map(() => ({ seq: 0 })),
    'plugin:event-bus|emit': ({ events }) => events.map(() => ({ seq: 1, pages: 0, listeners: 0 })),
    'plugin:event-bus|emit_to': ({ events }) => events.map(() => ({ seq: 1, pages: 0, listeners: 0 })),
    // Held until there is something.
    'plugin:event-bus|pull': () => new Promise(() => {}),
    'plugin:event|listen': nextId,
    'plugin:event|emit': () => null,
    'plugin:event|emit_to': () => null,
    'plugin:webview|create_webview_window': () => null,
  }
  const invoke = async (command, args) => {
    const [, system, verb] = /^plugin:([^|]+)\|(.*)$/.exec(command)
    if (system === 'event') calls.core.push(`${verb} ${args.event}`)
    if (system === 'event-bus') {
      for (const { event } of args.subscriptions ?? args.events ?? []) calls.bus.push(`${verb} ${event}`)
    }
    if (!answers[command]) throw `Command ${command} not found`
    return answers[command](args)
  }
  const internals = {
    metadata: { currentWindow: { label: 'main' }, currentWebview: { windowLabel: 'main', label: 'main' } },
  }
  // As Tauri does, so nothing of it is writable.
  Object.defineProperties(internals, { invoke: { value: invoke }, transformCallback: { value: nextId } })
  globalThis.window = globalThis
  globalThis.crypto ??= webcrypto
  Object.assign(globalThis, { __TAURI_INTERNALS__: internals, top: globalThis, self: globalThis })
  return calls
}
