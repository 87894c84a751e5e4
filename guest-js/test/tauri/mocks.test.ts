import { clearMocks, mockIPC, mockWindows } from '@tauri-apps/api/mocks'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { INBOX } from '../../src/core/realm.js'
import * as main from '../../src/index.js'
import { emit, emitTo, listen, once } from '../../src/tauri/index.js'
import { createTestBus } from '../../src/testing/index.js'

const ADVICE = /createTestBus.*tauri-plugin-event-bus-api\/testing.*const bus = createTestBus\(\)/s

beforeEach(() => {
  Reflect.deleteProperty(globalThis, INBOX)
  const page: Record<string, unknown> = { crypto }
  page.top = page
  vi.stubGlobal('window', page)
  vi.stubGlobal('reportError', vi.fn())
})

afterEach(() => {
  clearMocks()
  vi.unstubAllGlobals()
})

describe('with mocked events', () => {
  beforeEach(() => mockIPC(() => {}, { shouldMockEvents: true }))

  it('the entry listens and emits as before', async () => {
    const handler = vi.fn()
    const unlisten = await listen('test-event', handler)
    await emit('test-event', { foo: 'bar' })
    expect(handler.mock.calls[0]).toEqual([{ event: 'test-event', id: expect.any(Number), payload: { foo: 'bar' } }])
    await unlisten()
    await emit('test-event')
    expect(handler).toHaveBeenCalledTimes(1)
  })

  it('the entry emits synchronously, as before', () => {
    const handler = vi.fn()
    void listen('test-event', handler)
    void emit('test-event', 1)
    expect(handler).toHaveBeenCalledTimes(1)
  })

  it('once hears one event', async () => {
    const handler = vi.fn()
    await once('test-event', handler)
    await emit('test-event', 1)
    await emit('test-event', 2)
    expect(handler).toHaveBeenCalledTimes(1)
  })
})

it('a mock of the commands of events gets them', async () => {
  const calls: unknown[] = []
  mockWindows('main')
  mockIPC((command, args) => {
    calls.push([command, args])
  })
  await emit('loaded', 1)
  await emitTo('main', 'loaded', 2)
  expect(calls).toEqual([
    ['plugin:event|emit', { event: 'loaded', payload: 1 }],
    ['plugin:event|emit_to', { target: { kind: 'AnyLabel', label: 'main' }, event: 'loaded', payload: 2 }],
  ])
})

describe('with mocked IPC and the main entry', () => {
  it.each([undefined, null, {}])('an answer of %j names the test bus', async (answer) => {
    mockIPC(() => answer, { shouldMockEvents: true })
    for (const call of [() => main.listen('a', vi.fn()), () => main.emit('a'), () => main.emitTo('main', 'a')]) {
      await expect(Promise.resolve(call())).rejects.toMatchObject({
        code: 'unavailable',
        message: expect.stringMatching(ADVICE),
      })
    }
  })

  it('calls without a batch name the test bus', async () => {
    mockIPC(() => {})
    for (const call of [main.inspect, main.catalog, main.listJobs, () => main.request('main', 'q')]) {
      await expect(Promise.resolve(call())).rejects.toMatchObject({
        code: 'unavailable',
        message: expect.stringMatching(ADVICE),
      })
    }
  })
})

describe('with a test bus', () => {
  it('the entry uses it, beside mocked commands', async () => {
    mockIPC(() => 'mocked')
    const bus = createTestBus()
    const received: unknown[] = []
    await listen('a', (event) => received.push(event))
    bus.emit('a', 1)
    await emit('a', 2)
    await bus.settled()
    expect(received).toEqual([
      { event: 'a', id: expect.any(Number), payload: 1 },
      { event: 'a', id: expect.any(Number), payload: 2 },
    ])
    bus.dispose()
  })
})
