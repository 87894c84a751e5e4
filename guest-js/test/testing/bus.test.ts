import { invoke } from '@tauri-apps/api/core'
import { mockIPC } from '@tauri-apps/api/mocks'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { INBOX } from '../../src/core/realm.js'
import { catalog, emit, emitTo, events, inspect, listen, listJobs, once, startJob } from '../../src/index.js'
import { createTestBus, type TestBus, type TestBusOptions } from '../../src/testing/index.js'

interface AppEvents {
  'cart:updated': { itemCount: number }
  // biome-ignore lint/suspicious/noConfusingVoidType: As apps write it.
  'app:ready': void
}

let bus: TestBus<AppEvents>
const reported = vi.fn()
beforeEach(() => {
  bus = createTestBus<AppEvents>()
  vi.stubGlobal('reportError', reported)
})
afterEach(() => {
  bus.dispose()
  vi.unstubAllGlobals()
  expect(reported).not.toHaveBeenCalled()
})

function begin(options: TestBusOptions): void {
  bus.dispose()
  bus = createTestBus<AppEvents>(options)
}

describe('what the test emits', () => {
  it('reaches the code under test in order', async () => {
    const handler = vi.fn()
    await listen('*', handler)
    const receipt = bus.emit('cart:updated', { itemCount: 1 })
    bus.emit('app:ready')
    await bus.settled()
    expect(receipt).toEqual({ seq: 1, pages: 1, listeners: 0 })
    expect(handler.mock.calls.map(([event]) => event)).toMatchObject([
      { event: 'cart:updated', payload: { itemCount: 1 }, seq: 1, source: { kind: 'host' }, retained: false },
      { event: 'app:ready', payload: null, seq: 2, replayed: false },
    ])
    expect(bus.emitted('cart:updated')).toEqual([])
  })

  it.each([
    ['a b', 'invalid_event_name'],
    ['', 'invalid_event_name'],
    ['n'.repeat(256), 'invalid_event_name'],
    ['a*', 'invalid_event_name'],
    ['event-bus:mine', 'reserved_event_name'],
    ['tauri://focus', 'reserved_event_name'],
  ])('is refused as by the host: %s', (name, code) => {
    expect(() => bus.emit(name)).toThrow(expect.objectContaining({ code }))
    expect(bus.history()).toEqual([])
  })

  it('has a payload of at most 16 MiB', () => {
    const most = 16 * 1024 * 1024 - 2
    bus.emit('a', 'x'.repeat(most))
    const refused = expect.objectContaining({ code: 'payload_too_large' })
    expect(() => bus.emit('a', 'x'.repeat(most + 1))).toThrow(refused)
    expect(() => bus.emit('a', 'ä'.repeat(most / 2 + 1))).toThrow(refused)
    expect(() => bus.emit('a', 1n)).toThrow(expect.objectContaining({ code: 'invalid_payload' }))
    bus.emit('n'.repeat(255))
  })

  it('is a copy for each receiver', async () => {
    const payload = { itemCount: 1 }
    await listen('cart:updated', (event) => {
      ;(event.payload as { itemCount: number }).itemCount = 2
    })
    bus.emit('cart:updated', payload)
    await bus.settled()
    expect(payload).toEqual({ itemCount: 1 })
    expect(bus.history('cart:updated').map((event) => event.payload)).toEqual([payload])
  })
})

describe('what the code under test emits', () => {
  it('is recorded in full', async () => {
    await Promise.all([emit('cart:updated', { itemCount: 3 }), emit('cart:emptied', undefined, { retain: true })])
    bus.emit('cart:updated', { itemCount: 4 })
    expect(bus.emitted('cart:updated')).toEqual([{ itemCount: 3 }])
    expect(bus.emitted('cart:*')).toEqual([{ itemCount: 3 }, null])
    const source = { kind: 'webview', label: 'main' }
    expect(bus.history()).toEqual([
      { event: 'cart:updated', payload: { itemCount: 3 }, seq: 1, source, to: undefined, retain: false, hops: 0 },
      { event: 'cart:emptied', payload: null, seq: 2, source, to: undefined, retain: true, hops: 0 },
      {
        event: 'cart:updated',
        payload: { itemCount: 4 },
        seq: 3,
        source: { kind: 'host' },
        to: undefined,
        retain: false,
        hops: 0,
      },
    ])
  })

  it('comes back to it, as every broadcast', async () => {
    const handler = vi.fn()
    await listen('a', handler)
    expect(await emit('a')).toEqual({ seq: 1, pages: 1, listeners: 0 })
    await bus.settled()
    expect(handler.mock.calls[0]?.[0].source).toEqual({ kind: 'webview', label: 'main' })
  })

  it('reaches host listeners', async () => {
    const off = bus.listen('cart:updated', ({ payload }) => bus.emit('cart:emptied', payload.itemCount))
    const handler = vi.fn()
    await listen('cart:emptied', handler)
    expect(await emit('cart:updated', { itemCount: 0 })).toEqual({ seq: 1, pages: 0, listeners: 1 })
    await bus.settled()
    off()
    await emit('cart:updated', { itemCount: 1 })
    await bus.settled()
    expect(handler.mock.calls.map(([event]) => event.payload)).toEqual([0])
  })

  it('reaches the host only where it is meant', async () => {
    bus.page('settings')
    const [received, all] = [vi.fn(), vi.fn()]
    bus.listen('a', received)
    bus.listenAny('a', all)
    expect(await emitTo('settings', 'a', 1)).toMatchObject({ pages: 1, listeners: 1 })
    expect(await emitTo({ kind: 'App' }, 'a', 2)).toMatchObject({ pages: 0, listeners: 2 })
    expect(bus.emitTo({ kind: 'Any' }, 'a', 3)).toMatchObject({ listeners: 2 })
    expect(await emit('a', 4)).toMatchObject({ listeners: 2 })
    expect(received.mock.calls.map(([{ payload }]) => payload)).toEqual([2, 3, 4])
    expect(all.mock.calls.map(([{ payload }]) => payload)).toEqual([1, 2, 3, 4])
  })

  it('reaches all host listeners in one order', () => {
    const received: string[] = []
    bus.listen('*', ({ event }) => {
      received.push(`first ${event}`)
      if (event === 'a') bus.emit('b')
    })
    bus.listen('*', ({ event }) => received.push(`second ${event}`))
    bus.emit('a')
    expect(received).toEqual(['first a', 'second a', 'first b', 'second b'])
  })

  it('reaches the others where one fails', async () => {
    const others = vi.fn()
    const error = new Error('no')
    bus.listen('a', () => {
      throw error
    })
    bus.listen('a', () => Promise.reject(error))
    bus.listen('a', others)
    bus.emit('a')
    await bus.settled()
    expect(others).toHaveBeenCalledTimes(1)
    expect(reported.mock.calls).toEqual([[error], [error]])
    reported.mockClear()
  })
})

describe('on demand', () => {
  it('there is a gap', async () => {
    const gaps = vi.fn()
    const others = vi.fn()
    await listen('log:*', () => {}, { onGap: gaps })
    await listen('a', () => {}, { onGap: others })
    const gap = bus.gap('log:line', { count: 3 })
    await bus.settled()
    expect(gap).toEqual({ from: 1, to: 3, count: 3, atMost: false, reason: 'queue_full' })
    expect(gaps.mock.calls).toEqual([[gap]])
    expect(others).not.toHaveBeenCalled()
    expect(bus.emit('a').seq).toBe(4)
  })

  it('a name is refused', async () => {
    const allow = bus.refuse('a')
    await expect(emit('a')).rejects.toMatchObject({ code: 'denied', message: 'the test refuses "a"' })
    await expect(listen('a', () => {}).then()).rejects.toMatchObject({ code: 'denied' })
    allow()
    await emit('a')
    bus.refuse('cart:*', { command: 'emit', code: 'queue_full', message: 'full' })
    await expect(emit('cart:updated', { itemCount: 1 })).rejects.toMatchObject({ code: 'queue_full', message: 'full' })
    await listen('cart:updated', () => {})
    expect(bus.emitted('*')).toEqual([null])
  })

  it('a job ticks', async () => {
    const handler = vi.fn()
    await listen('clock', handler)
    await startJob('clock', { everyMs: 10, payload: 1, count: 2, id: 'c' })
    await expect(startJob('clock', { everyMs: 10, id: 'c' })).rejects.toMatchObject({ code: 'duplicate_job' })
    bus.tick('c')
    expect(await listJobs()).toMatchObject([{ id: 'c', ticks: 1, state: 'running' }])
    bus.tick('c')
    await bus.settled()
    expect(handler.mock.calls.map(([{ payload, tick }]) => [payload, tick.count])).toEqual([
      [1, 1],
      [1, 2],
    ])
    expect(() => bus.tick('c')).toThrow(expect.objectContaining({ code: 'unknown_job' }))
  })

  it('a job is changed, paused and stopped', async () => {
    const clock = await startJob('clock', { everyMs: 10 })
    expect(await clock.update({ everyMs: 20, payload: 2 })).toMatchObject({ everyMs: 20 })
    await clock.pause()
    expect(() => bus.tick(clock.id)).toThrow('paused')
    await clock.resume()
    bus.tick(clock.id)
    expect(bus.emitted('clock')).toEqual([2])
    await clock.stop()
    expect(await listJobs()).toEqual([])
  })
})

describe('settled', () => {
  it('waits for what handlers emit in turn', async () => {
    await listen('a', (event) => emit('b', event.payload))
    await listen('b', async () => {
      await Promise.resolve()
      await emit('c')
    })
    bus.emit('a')
    await bus.settled()
    expect(bus.emitted('c')).toEqual([null])
  })

  it('waits for slow handlers with fake timers', async () => {
    vi.useFakeTimers()
    let handled = 0
    await listen('a', () => {
      handled += 1
    })
    let time = 0
    // Each look at the clock finds the time of a handler gone by.
    vi.spyOn(performance, 'now').mockImplementation(() => {
      time += 10
      return time
    })
    for (let index = 0; index < 100; index += 1) bus.emit('a')
    await bus.settled()
    vi.restoreAllMocks()
    vi.useRealTimers()
    expect(handled).toBe(100)
  })

  it('rejects where handlers never come to rest', async () => {
    // Behind an `await` nobody knows that one follows from the other.
    const answer = (name: string) => async () => {
      await Promise.resolve()
      await emit(name)
    }
    await listen('a', answer('b'))
    await listen('b', answer('a'))
    bus.emit('a')
    await expect(bus.settled()).rejects.toThrow('not settled')
  })
})

it('works with the rest of the package', async () => {
  const stream = events('a')
  const first = stream.next()
  const handler = vi.fn()
  await once('a', handler)
  bus.emit('a', 1)
  bus.emit('a', 2)
  expect((await first).value).toMatchObject({ payload: 1 })
  await stream.return()
  await bus.settled()
  expect(handler).toHaveBeenCalledTimes(1)
  expect(bus.listeners()).toBe(0)
  expect(await catalog()).toMatchObject({ strict: false, events: [] })
})

it('has a catalog without declarations', async () => {
  expect(await catalog()).toEqual({
    strict: false,
    events: [],
    requests: [],
    streams: [],
    channels: [],
    components: [],
    $defs: {},
  })
})

it('has no inspection', async () => {
  const handler = vi.fn()
  await listen('a', handler)
  await expect(inspect()).rejects.toMatchObject({ code: 'unavailable' })
  bus.emit('a')
  await bus.settled()
  expect(handler).toHaveBeenCalledTimes(1)
})

describe('a test bus', () => {
  it('is the only one and leaves nothing behind', async () => {
    expect(() => createTestBus()).toThrow('dispose')
    await listen('a', () => expect.unreachable())
    bus.dispose()
    bus.dispose()
    expect(typeof window).toBe('undefined')
    bus = createTestBus()
    expect(bus.listeners()).toBe(0)
    bus.emit('a')
    await bus.settled()
    bus[Symbol.dispose]()
    expect(typeof window).toBe('undefined')
  })

  it('restores the inbox that was there before', async () => {
    const realm = globalThis as Record<symbol, unknown>
    await listen('a', () => {})
    expect(realm[INBOX]).toBeDefined()
    bus.dispose()
    expect(INBOX in realm).toBe(false)
    const before = {}
    realm[INBOX] = before
    bus = createTestBus()
    await listen('a', () => {})
    expect(realm[INBOX]).not.toBe(before)
    bus.dispose()
    expect(realm[INBOX]).toBe(before)
    delete realm[INBOX]
  })

  it('is not affected by listeners of the one before', async () => {
    const off = await listen('a', () => expect.unreachable())
    bus.emit('a')
    begin({})
    const handler = vi.fn()
    await listen('a', handler)
    off()
    bus.emit('a')
    await bus.settled()
    expect(handler).toHaveBeenCalledTimes(1)
    expect(bus.listeners()).toBe(1)
  })

  it('passes other commands on', async () => {
    await expect(invoke('greet')).rejects.toContain('mockIPC')
    bus.dispose()
    vi.stubGlobal('window', {})
    mockIPC((command, args) => [command, args])
    const { invoke: before } = (window as unknown as { __TAURI_INTERNALS__: { invoke: unknown } }).__TAURI_INTERNALS__
    bus = createTestBus()
    expect(await invoke('greet', { name: 'a' })).toEqual(['greet', { name: 'a' }])
    await emit('a')
    expect(bus.emitted('a')).toEqual([null])
    bus.dispose()
    expect(window).toHaveProperty('__TAURI_INTERNALS__.invoke', before)
  })
})

describe('an event that is kept until it is consumed', () => {
  it('reaches a listener that begins later, once', async () => {
    const received: unknown[] = []
    await emit('link', 1, { until: 'consumed' })
    const first = await listen('link', ({ payload }) => {
      received.push(payload)
      return Promise.reject(new Error('not handled'))
    }).then((unlisten) => unlisten)
    await bus.settled()
    expect(reported).toHaveBeenCalledOnce()
    reported.mockClear()
    first()
    for (let remount = 0; remount < 2; remount += 1) {
      const unlisten = await listen('link', ({ payload }) => received.push(payload))
      await bus.settled()
      unlisten()
    }
    expect(received).toEqual([1, 1])
  })

  it('is not retained', async () => {
    await expect(emit('link', 1, { until: 'consumed', retain: true })).rejects.toMatchObject({
      code: 'invalid_argument',
    })
  })
})
