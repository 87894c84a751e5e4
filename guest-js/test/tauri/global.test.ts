/// <reference types="vite/client" />

import * as api from '@tauri-apps/api'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import script from '../../../api-iife.js?raw'
import { FakeTauri } from './fake-core.js'

let tauri: FakeTauri

/** Loads the script as Tauri does, into a page whose global API is this. Its classes are copies, since the script changes them. */
function load(compatible: { core: boolean; values: boolean } | null) {
  tauri.install(compatible)
  const { window: ofWindow, webview, webviewWindow, event } = api
  const global = {
    event,
    window: { ...ofWindow, Window: class extends ofWindow.Window {} },
    webview: { ...webview, Webview: class extends webview.Webview {} },
    webviewWindow: { ...webviewWindow, WebviewWindow: class extends webviewWindow.WebviewWindow {} },
  }
  for (const [copy, original] of [
    [global.window.Window, ofWindow.Window],
    [global.webview.Webview, webview.Webview],
    [global.webviewWindow.WebviewWindow, webviewWindow.WebviewWindow],
  ] as const) {
    for (const name of ['listen', 'once', 'emit', 'emitTo']) {
      Object.defineProperty(copy.prototype, name, {
        ...Object.getOwnPropertyDescriptor(original.prototype, name),
        writable: true,
      })
    }
  }
  Object.assign(window, { __TAURI__: global })
  new Function(script)()
  return global as typeof global & { eventBus: { replaceTauriEvents(): void } }
}

const subscribed = () =>
  tauri.host.sent.filter(({ command }) => command === 'subscribe').flatMap(({ args }) => args.subscriptions)
const inCore = () => [...tauri.listeners.values()].map(({ event }) => event)

beforeEach(() => {
  tauri = new FakeTauri()
  vi.stubGlobal('reportError', vi.fn())
})
afterEach(() => vi.unstubAllGlobals())

it('the script leaves the events of Tauri alone', async () => {
  const { event } = load(null)
  await event.listen('a', vi.fn())
  expect(inCore()).toEqual(['a'])
  expect(tauri.host.sent).toEqual([])
})

it('a call puts the bus in their place', async () => {
  const { event, eventBus } = load(null)
  eventBus.replaceTauriEvents()
  eventBus.replaceTauriEvents()
  const replaced = (window as unknown as { __TAURI__: typeof api }).__TAURI__.event
  expect(replaced).not.toBe(event)
  expect(replaced.TauriEvent).toBe(event.TauriEvent)
  await replaced.listen('a', vi.fn())
  await replaced.emit('b')
  expect(subscribed()).toMatchObject([{ event: 'a' }])
  expect(inCore()).toEqual([])
  expect(tauri.emitted).toEqual([])
})

it('compatible mode puts the bus in their place', async () => {
  const global = load({ core: true, values: true })
  await global.event.listen('a', vi.fn())
  await new global.window.Window('main', { skip: true } as never).listen('b', vi.fn())
  await new global.webviewWindow.WebviewWindow('main', { skip: true } as never).once('c', vi.fn())
  expect(subscribed()).toMatchObject([
    { event: 'a', target: { kind: 'Any' }, compatible: true },
    { event: 'b', target: { kind: 'Window', label: 'main' } },
    { event: 'c', target: { kind: 'WebviewWindow', label: 'main' } },
  ])
  expect(inCore()).toEqual(['a', 'b', 'c'])
})

it('methods of windows go over, not Tauri’s names', async () => {
  const { window: ofWindow, eventBus } = load(null)
  eventBus.replaceTauriEvents()
  const main = new ofWindow.Window('main', { skip: true } as never)
  await main.listen('a', vi.fn())
  await main.emit('b', 1)
  await main.emitTo('other', 'c', 2)
  await main.onFocusChanged(vi.fn())
  const created = vi.fn()
  await main.once('tauri://created', created)
  await main.emit('tauri://created')
  expect(subscribed()).toMatchObject([{ event: 'a', target: { kind: 'Window', label: 'main' } }])
  expect(tauri.host.sent.map(({ command }) => command).filter((name) => name.startsWith('emit'))).toEqual([
    'emit',
    'emit_to',
  ])
  expect(inCore()).toEqual(['tauri://focus', 'tauri://blur'])
  expect(created).toHaveBeenCalledTimes(1)
})
