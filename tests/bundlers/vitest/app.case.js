// The tests of an app that has the plugin for its bundler in its configuration.
import { emit, listen } from '@tauri-apps/api/event'
import { clearMocks, mockIPC, mockWindows } from '@tauri-apps/api/mocks'
import { getCurrentWindow } from '@tauri-apps/api/window'
import { attachLogger } from '@tauri-apps/plugin-log'
import { createTestBus } from 'tauri-plugin-event-bus-api/testing'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'

beforeEach(() => vi.stubGlobal('window', Object.assign(globalThis, { top: globalThis })))
afterEach(() => clearMocks())

it('mocked events work as before', async () => {
  mockWindows('main')
  mockIPC(() => {}, { shouldMockEvents: true })
  const received = []
  await listen('a', ({ payload }) => received.push(payload))
  await getCurrentWindow().listen('a', ({ payload }) => received.push(payload))
  await emit('a', 1)
  await getCurrentWindow().emit('a', 2)
  expect(received).toEqual([1, 1, 2, 2])
})

it('a test bus gets the events of windows and of libraries', async () => {
  const bus = createTestBus()
  const received = []
  await listen('a', ({ payload }) => received.push(payload))
  await getCurrentWindow().listen('b', ({ payload }) => received.push(payload))
  await attachLogger(({ message }) => received.push(message))
  bus.emit('a', 1)
  bus.emitTo('main', 'b', 2)
  bus.emit('log://log', { level: 3, message: 'logged' })
  await getCurrentWindow().emit('a', 3)
  await bus.settled()
  expect(received).toEqual([1, 2, 'logged', 3])
  bus.dispose()
})
