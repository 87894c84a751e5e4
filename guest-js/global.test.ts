/// <reference types="vite/client" />

import { afterEach, expect, it, vi } from 'vitest'
import script from '../api-iife.js?raw'
import { freshRealm, settled } from './fake-host.js'
import { listen } from './listen.js'

afterEach(() => vi.unstubAllGlobals())

it('puts the API where Tauri puts its own, and shares the inbox of the realm', async () => {
  const { host } = freshRealm()
  const tauri: { eventBus?: typeof import('./index.js') } = {}
  Object.assign(window, { __TAURI__: tauri })
  new Function(script)()
  await listen('a', vi.fn())
  const handler = vi.fn()
  await tauri.eventBus?.listen('a', handler)
  host.emit('a')
  await settled()
  expect(handler).toHaveBeenCalledTimes(1)
  expect(host.opened).toBe(1)
})

it('does nothing without the global API', () => {
  const page = {}
  new Function('window', script)(page)
  expect(page).toEqual({})
})
