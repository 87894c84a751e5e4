import { invoke } from '@tauri-apps/api/core'
import { mockIPC } from '@tauri-apps/api/mocks'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { INBOX } from '../src/core/realm.js'
import {
  catalog,
  component,
  emit,
  emitTo,
  events,
  inspect,
  listen,
  listJobs,
  namespace,
  once,
  startJob,
  type Target,
} from '../src/index.js'
import { createTestBus, type TestBus, type TestBusOptions } from '../src/testing/index.js'

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

  it('reaches listeners of the host', async () => {
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
    const [heard, all] = [vi.fn(), vi.fn()]
    bus.listen('a', heard)
    bus.listenAny('a', all)
    expect(await emitTo('settings', 'a', 1)).toMatchObject({ pages: 1, listeners: 1 })
    expect(await emitTo({ kind: 'App' }, 'a', 2)).toMatchObject({ pages: 0, listeners: 2 })
    expect(bus.emitTo({ kind: 'Any' }, 'a', 3)).toMatchObject({ listeners: 2 })
    expect(await emit('a', 4)).toMatchObject({ listeners: 2 })
    expect(heard.mock.calls.map(([{ payload }]) => payload)).toEqual([2, 3, 4])
    expect(all.mock.calls.map(([{ payload }]) => payload)).toEqual([1, 2, 3, 4])
  })

  it('reaches all listeners of the host in one order', () => {
    const heard: string[] = []
    bus.listen('*', ({ event }) => {
      heard.push(`first ${event}`)
      if (event === 'a') bus.emit('b')
    })
    bus.listen('*', ({ event }) => heard.push(`second ${event}`))
    bus.emit('a')
    expect(heard).toEqual(['first a', 'second a', 'first b', 'second b'])
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

describe('components', () => {
  it('are seen by receivers', async () => {
    const seen: unknown[] = []
    await listen('a', (event) => seen.push(event.component))
    bus.listen('a', (event) => seen.push(event.component))
    await component('Cart').emit('a')
    bus.emit('a', undefined, { component: 'Bank' })
    bus.page('settings').emit('a', undefined, { component: 'Editor' })
    await bus.settled()
    expect(seen.sort()).toEqual(['Bank', 'Bank', 'Cart', 'Cart', 'Editor', 'Editor'])
    expect(bus.history('a').map((event) => event.component)).toEqual(['Cart', 'Bank', 'Editor'])
  })

  it.each(['a b', '', 'n'.repeat(129)])('have names as with the host, not %j', async (name) => {
    const refused = expect.objectContaining({ code: 'invalid_argument', message: expect.stringContaining(`"${name}"`) })
    expect(() => bus.emit('a', undefined, { component: name })).toThrow(refused)
    if (name) await expect(component(name).emit('a')).rejects.toEqual(refused)
    bus.emit('a', undefined, { component: 'n'.repeat(128) })
  })

  it('refresh, send messages, act and describe', async () => {
    const cart = namespace('shop').component('Cart')
    const refreshed = vi.fn()
    const told = vi.fn()
    await cart.onRefresh(refreshed)
    await cart.onMessage(told)
    bus.emit('shop:refresh-cart')
    await Promise.all([cart.refresh('List'), cart.refresh('List'), cart.success('Saved')])
    await cart.action('pay', () => 7)
    await expect(cart.action('pay', () => Promise.reject(new Error('no')))).rejects.toThrow('no')
    await bus.settled()
    expect(refreshed).toHaveBeenCalledTimes(1)
    expect(told.mock.calls[0]?.[0]).toMatchObject({ id: 'shop:Cart:success', text: 'Saved' })
    expect(bus.emitted('shop:refresh-list')).toEqual([null])
    expect(bus.emitted('shop:action-complete')).toEqual([{ component: 'Cart', action: 'pay', state: 7 }])
    expect(bus.emitted('shop:error')).toEqual([{ component: 'Cart', action: 'pay', error: 'no' }])
    cart.describe({ emits: { paid: 'It is paid.' } })
    expect((await catalog()).components).toMatchObject([{ name: 'Cart', emits: [{ event: 'shop:paid' }] }])
  })
})

describe('causes', () => {
  it('are known in pages and at the host', async () => {
    await listen('a', () => void emit('b'))
    bus.listen('b', () => bus.emit('c'))
    bus.listen('c', async (event) => {
      await Promise.resolve()
      await event.emit('d')
      await event.emitTo('main', 'e', 1, { retain: true })
    })
    await listen('d', async (event) => {
      await Promise.resolve()
      await event.emit('f')
    })
    bus.emit('a')
    await bus.settled()
    expect(bus.history().map(({ event, causes, hops }) => [event, causes, hops])).toEqual([
      ['a', undefined, 0],
      ['b', ['a'], 1],
      ['c', ['a', 'b'], 2],
      ['d', ['a', 'b', 'c'], 3],
      ['e', ['a', 'b', 'c'], 3],
      ['f', ['a', 'b', 'c', 'd'], 4],
    ])
    expect(bus.history('d')[0]?.source).toEqual({ kind: 'host' })
    expect(bus.history('e')[0]).toMatchObject({ to: 'main', retain: true })
  })

  it('are passed on as the test says', async () => {
    const handler = vi.fn()
    await listen('a', handler)
    bus.emit('a', undefined, { causes: ['x', 'y'] })
    await bus.settled()
    expect(handler.mock.calls[0]?.[0]).toMatchObject({ causes: ['x', 'y'], hops: 2 })
  })

  it('have a limit', async () => {
    const failed: unknown[] = []
    const note = (error: unknown) => failed.push(error)
    await listen('a', () => void emit('b').catch(note))
    bus.listen('b', () => bus.emit('a'))
    bus.emit('a')
    await bus.settled()
    expect(bus.history()).toHaveLength(17)
    const message = expect.stringMatching(/^"b" was not emitted.*: a → b → a → .* → a → b$/)
    expect(failed).toEqual([expect.objectContaining({ code: 'event_loop', message })])
  })
})

describe('patterns', () => {
  it.each([
    ['cart:updated', 'cart:updated2', false],
    ['*', 'a:b/c', true],
    ['*', 'event-bus:job-stopped', false],
    ['cart:*', 'cart:a/b:c', true],
    ['cart:*', 'carts:a', false],
    ['*:done', 'a/b:done:x', false],
    ['a*c', 'ac', true],
    ['ab*bc', 'abc', false],
    ['a.*', 'ab:', false],
    ['a?', 'ab', true],
    ['a?', 'a', false],
    ['a[bc]', 'ac', true],
    ['a[!bc]', 'ac', false],
    ['a[0-9]', 'a7', true],
    ['a[]b]', 'ab', true],
    ['a[!]b]', 'ab', false],
    ['a[!]b]', 'ac', true],
    ['a[!!]', 'ab', true],
    ['*ä*:*', 'größe:ä:b', true],
  ])('%s matches %s: %s', async (pattern, name, expected) => {
    await listen(pattern, () => {})
    expect(bus.listeners(name)).toBe(expected ? 1 : 0)
  })

  it.each([
    ['a**', 'invalid_pattern'],
    ['a[', 'invalid_pattern'],
    ['a[9-0]', 'invalid_pattern'],
    ['a[]', 'invalid_pattern'],
    ['a[!]', 'invalid_pattern'],
    ['a[!', 'invalid_pattern'],
    ['a b*', 'invalid_pattern'],
    [`${'n'.repeat(255)}*`, 'invalid_pattern'],
    ['', 'invalid_event_name'],
  ])('refuses %s', async (pattern, code) => {
    await expect(listen(pattern, () => {}).then()).rejects.toMatchObject({ code })
  })
})

describe('retained events', () => {
  it('reach later listeners, one per name and target', async () => {
    bus.emit('a', 1, { retain: true })
    bus.emit('a', 2, { retain: true })
    bus.emit('a', 3)
    bus.emitTo('main', 'a', 4, { retain: true })
    const handler = vi.fn()
    await listen('a', handler)
    const none = vi.fn()
    await listen('a', none, { retained: false })
    await bus.settled()
    expect(handler.mock.calls.map(([{ payload, retained }]) => [payload, retained])).toEqual([
      [2, true],
      [4, true],
    ])
    expect(none).not.toHaveBeenCalled()
  })

  it('are one for all spellings of a target', async () => {
    const same = [
      'main',
      ['main'],
      ...['AnyLabel', 'Webview', 'WebviewWindow'].map((kind) => ({ kind, label: 'main' })),
    ]
    for (const target of same) bus.emitTo(target as Target, 'a', target, { retain: true })
    bus.emit('a', 1, { retain: true })
    bus.emitTo({ kind: 'Any' }, 'a', 2, { retain: true })
    const handler = vi.fn()
    await listen('a', handler)
    const sent = vi.fn()
    await listen('a', sent, { target: 'main' })
    await bus.settled()
    const last = { kind: 'WebviewWindow', label: 'main' }
    expect(handler.mock.calls.map(([{ payload }]) => payload)).toEqual([last, 2])
    expect(sent.mock.calls.map(([{ payload }]) => payload)).toEqual([last])
    expect(bus.history().map(({ to }) => to)).toEqual([...same, undefined, undefined])
  })

  it('may be so by policy', async () => {
    begin({ retain: ['theme:*'] })
    await emit('theme:changed', 'dark')
    await emit('theme:previewed', 'light', { retain: false })
    const handler = vi.fn()
    await listen('theme:*', handler)
    await bus.settled()
    expect(handler.mock.calls.map(([event]) => event.payload)).toEqual(['dark'])
  })

  it('reach other pages and the host', () => {
    bus.emit('a', 1, { retain: true })
    const heard = vi.fn()
    bus.listen('a', heard)
    expect(heard.mock.calls[0]?.[0]).toMatchObject({ payload: 1, retained: true })
    expect(bus.page('settings').received('a')).toEqual([1])
  })

  it('reach the host only where they are meant', () => {
    bus.emitTo('main', 'a', 1, { retain: true })
    const [heard, all] = [vi.fn(), vi.fn()]
    bus.listen('a', heard)
    bus.listenAny('a', all)()
    expect(heard).not.toHaveBeenCalled()
    expect(all.mock.calls[0]?.[0]).toMatchObject({ payload: 1, retained: true })
    bus.emit('a', 2)
    expect(all).toHaveBeenCalledTimes(1)
  })
})

it('replays earlier events to a starting page', async () => {
  begin({ startingUp: true })
  bus.emit('a', 1)
  bus.emit('a', 2, { retain: true })
  const [handler, none] = [vi.fn(), vi.fn()]
  await listen('a', handler)
  await listen('a', none, { replay: false, retained: false })
  await bus.settled()
  expect(handler.mock.calls.map(([{ payload, replayed, retained }]) => [payload, replayed, retained])).toEqual([
    [1, true, false],
    [2, true, true],
  ])
  expect(none).not.toHaveBeenCalled()
})

describe('targets', () => {
  it('keep pages apart', async () => {
    const settings = bus.page('settings')
    const handler = vi.fn()
    await listen('a', handler)
    bus.emitTo('settings', 'a', 1)
    bus.emitTo(['main'], 'a', 2)
    expect(await emitTo({ kind: 'WebviewWindow', label: 'sett*' }, 'a', 3)).toMatchObject({ pages: 1 })
    await emitTo({ kind: 'Any' }, 'a', 4)
    settings.emitTo('main', 'a', 5)
    await bus.settled()
    expect(handler.mock.calls.map(([event]) => [event.payload, event.source])).toEqual([
      [2, { kind: 'host' }],
      [4, { kind: 'webview', label: 'main' }],
      [5, { kind: 'webview', label: 'settings' }],
    ])
    expect(settings.received('a')).toEqual([1, 3, 4])
    expect(bus.history('a').map(({ to }) => to)).toEqual([
      'settings',
      ['main'],
      { kind: 'WebviewWindow', label: 'sett*' },
      undefined,
      'main',
    ])
  })

  it('narrow a listener to its page', async () => {
    const handler = vi.fn()
    await listen('a', handler, { target: 'main' })
    bus.emit('a', 1)
    bus.emitTo('main', 'a', 2)
    await bus.settled()
    expect(handler.mock.calls.map(([event]) => event.payload)).toEqual([2])
    await expect(listen('a', handler, { target: 'other' }).then()).rejects.toMatchObject({ code: 'denied' })
    bus.page('settings')
    await expect(listen('a', handler, { target: 'settings' }).then()).rejects.toMatchObject({ code: 'denied' })
    await expect(listen('a', handler, { target: { kind: 'App' } }).then()).rejects.toMatchObject({ code: 'denied' })
  })

  it.each<[unknown, string, string]>([
    [[], 'invalid_argument', 'empty list'],
    ['', 'invalid_argument', 'empty label'],
    [['main', ''], 'invalid_argument', 'empty label'],
    [Array(65).fill('main'), 'invalid_argument', '65'],
    ['n'.repeat(256), 'invalid_argument', '255 bytes'],
    ['ä'.repeat(128), 'invalid_argument', '255 bytes'],
    [null, 'invalid_argument', 'EventTarget'],
    [7, 'invalid_argument', '7'],
    [{}, 'invalid_argument', 'EventTarget'],
    [{ kind: 'Page', label: 'main' }, 'invalid_argument', '"Page"'],
    [{ kind: 'Window' }, 'invalid_argument', 'EventTarget'],
    ['a[', 'invalid_pattern', 'a['],
    ['a**', 'invalid_pattern', 'a**'],
  ])('are refused as by the host: %j', async (target, code, part) => {
    const refused = expect.objectContaining({ code, message: expect.stringContaining(part) })
    await expect(emitTo(target as Target, 'a')).rejects.toEqual(refused)
    expect(() => bus.emitTo(target as Target, 'a')).toThrow(refused)
    expect(() => bus.page('settings').emitTo(target as Target, 'a')).toThrow(refused)
    await expect(listen('a', () => {}, { target: target as Target }).then()).rejects.toEqual(refused)
    expect(bus.history()).toEqual([])
    expect(bus.listeners()).toBe(0)
  })

  it('have at most 64 labels, each of at most 255 bytes', async () => {
    await emitTo(Array(64).fill('main'), 'a')
    await expect(emitTo('n'.repeat(255), 'a')).rejects.toMatchObject({ code: 'unknown_target' })
    expect(bus.emitted('a')).toEqual([null])
  })

  it('are required', async () => {
    const refused = expect.objectContaining({ code: 'invalid_argument', message: expect.stringContaining('a target') })
    const none = undefined as unknown as Target
    await expect(emitTo(none, 'a')).rejects.toEqual(refused)
    expect(() => bus.emitTo(none, 'a')).toThrow(refused)
    expect(() => bus.page('settings').emitTo(none, 'a')).toThrow(refused)
    const failed: unknown[] = []
    bus.listen('b', (event) => event.emitTo(none, 'a').catch((error) => failed.push(error)))
    bus.emit('b')
    await bus.settled()
    expect(failed).toEqual([refused])
    expect(bus.history('a')).toEqual([])
  })

  it('are for everyone only by themselves', async () => {
    const everyone = [{ kind: 'Any' }] as unknown as Target
    await expect(emitTo(everyone, 'a')).rejects.toMatchObject({ code: 'invalid_argument' })
    const mixed = [{ kind: 'App' }, { kind: 'Window', label: 'main' }] as unknown as Target
    const heard = vi.fn()
    bus.listen('a', heard)
    await listen('a', heard)
    expect(await emitTo(mixed, 'a')).toMatchObject({ pages: 1, listeners: 1 })
    await bus.settled()
    expect(heard).toHaveBeenCalledTimes(2)
  })

  it('must exist', async () => {
    const message = expect.stringContaining('bus.page("settings")')
    await expect(emitTo('settings', 'a')).rejects.toMatchObject({ code: 'unknown_target', message })
    bus.page('settings')
    await emitTo('settings', 'a')
    expect(() => bus.page('main')).toThrow('"main"')
  })

  it('match the label of the page under test', async () => {
    begin({ label: 'editor-1' })
    const handler = vi.fn()
    await listen('a', handler)
    bus.emitTo('editor-*', 'a')
    await bus.settled()
    expect(handler).toHaveBeenCalledTimes(1)
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
    expect(handler.mock.calls.map(([{ payload, periodic }]) => [payload, periodic.tick])).toEqual([
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
