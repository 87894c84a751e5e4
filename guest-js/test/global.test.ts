/// <reference types="vite/client" />

import { afterEach, expect, it, vi } from 'vitest'
import script from '../../api-iife.js?raw'
import { listen } from '../src/api/listen.js'
import { endOfTask, freshRealm, settled } from './realm.js'

afterEach(() => vi.unstubAllGlobals())

it('defines the API and shares the inbox', async () => {
  const { host } = freshRealm()
  const tauri: { eventBus?: typeof import('../src/index.js') } = {}
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

it('logs errors that browsers hide from scripts', async () => {
  const { reported } = freshRealm()
  const tauri: { eventBus?: typeof import('../src/index.js') } = {}
  Object.assign(window, { __TAURI__: tauri })
  new Function(script)()
  const logged = vi.spyOn(console, 'error').mockImplementation(() => {})
  tauri.eventBus?.listen('tauri://focus' as never, vi.fn())
  await endOfTask()
  await endOfTask()
  expect(reported).toHaveBeenCalledTimes(1)
  expect(logged.mock.calls).toEqual([[expect.stringMatching(/^event bus: reserved_event_name: .*tauri:\/\/focus/)]])
  logged.mockRestore()
})

it('goes on after an unreadable value was thrown', async () => {
  const { host } = freshRealm()
  const tauri: { eventBus?: typeof import('../src/index.js') } = {}
  Object.assign(window, { __TAURI__: tauri })
  new Function(script)()
  const logged = vi.spyOn(console, 'error').mockImplementation(() => {})
  const received: unknown[] = []
  await tauri.eventBus?.listen('a', ({ payload }) => {
    received.push(payload)
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    throw proxy
  })
  for (const payload of [1, 2]) {
    host.emit('a', payload)
    await settled()
  }
  expect(received).toEqual([1, 2])
  logged.mockRestore()
})

it('does nothing without the global API', () => {
  const page = {}
  new Function('window', script)(page)
  expect(page).toEqual({})
})
