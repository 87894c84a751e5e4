// As `declarations.ts`, for the other entry points.
import 'tauri-plugin-event-bus-api'
import { bridgeFromDom, bridgeToDom } from 'tauri-plugin-event-bus-api/dom'
import * as frame from 'tauri-plugin-event-bus-api/frame'
import { createLocalBus } from 'tauri-plugin-event-bus-api/local'
import * as react from 'tauri-plugin-event-bus-api/react'
import * as solid from 'tauri-plugin-event-bus-api/solid'
import * as svelte from 'tauri-plugin-event-bus-api/svelte'
import * as store from 'tauri-plugin-event-bus-api/svelte/store'
import * as tauri from 'tauri-plugin-event-bus-api/tauri'
import { createTestBus } from 'tauri-plugin-event-bus-api/testing'
import * as vue from 'tauri-plugin-event-bus-api/vue'
import * as worker from 'tauri-plugin-event-bus-api/worker'

declare module 'tauri-plugin-event-bus-api' {
  interface EventMap {
    'theme:changed': { dark: boolean }
  }
  interface RequestMap {
    confirm: { request: { title: string }; response: boolean }
  }
}

export const bridges = { bridgeFromDom, bridgeToDom }
export const frameworks = {
  react: { ...react },
  solid: { ...solid },
  store: { ...store },
  svelte: { ...svelte },
  vue: { ...vue },
}
export const useTheme = () => react.useLatest('theme:changed')
export const useThemeState = () => vue.useEventState('theme:changed', { dark: false })
export const moved = { emit: tauri.emit, listen: tauri.listen, TauriEvent: tauri.TauriEvent }
export const exposed = {
  frame: (element: HTMLIFrameElement) => frame.expose(element, { origin: 'null' }),
  worker: (at: Worker) => worker.expose(at),
}
export const connected = { frame: () => frame.connect(), worker: () => worker.connect() }
export const localBus = () => createLocalBus({ channel: 'app' })
export const testBus = () => createTestBus()
export const testPage = () => createTestBus().page('settings')
export const { emit: emitInTest, request: requestInTest, jobSource } = createTestBus()
