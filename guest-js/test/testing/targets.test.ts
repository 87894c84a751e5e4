import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { clearRetained, emit, emitTo, HOST, listen, type Target, waitFor } from '../../src/index.js'
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
    const received = vi.fn()
    bus.listen('a', received)
    expect(received.mock.calls[0]?.[0]).toMatchObject({ payload: 1, retained: true })
    expect(bus.page('settings').received('a')).toEqual([1])
  })

  it('reach the host only where they are meant', () => {
    bus.emitTo('main', 'a', 1, { retain: true })
    const [received, all] = [vi.fn(), vi.fn()]
    bus.listen('a', received)
    bus.listenAny('a', all)()
    expect(received).not.toHaveBeenCalled()
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

describe('receivers that are left out', () => {
  it('receive neither the event nor the retained one', async () => {
    const [settings, editor] = [bus.page('settings'), bus.page('editor-1')]
    const host = vi.fn()
    bus.listen('a', host)
    const handler = vi.fn()
    await listen('a', handler)
    const receipt = await emit('a', 1, { except: ['editor-*', 'gone'], retain: true })
    expect(receipt).toMatchObject({ pages: 2, listeners: 1 })
    expect(bus.emitTo('*', 'a', 2, { except: 'main' })).toMatchObject({ pages: 2 })
    await listen('a', handler)
    await bus.settled()
    expect(handler.mock.calls.map(([{ payload }]) => payload)).toEqual([1, 1])
    expect([settings.received('a'), editor.received('a')]).toEqual([[1, 2], [2]])
    editor.close()
    expect(bus.page('editor-1').received('a')).toEqual([])
    expect(bus.history('a').map(({ except }) => except)).toEqual([['editor-*', 'gone'], 'main'])
    await expect(emit('a', 1, { except: [] })).rejects.toMatchObject({ code: 'invalid_argument' })
  })
})

describe('retained events are forgotten', () => {
  it('by name or pattern', async () => {
    bus.emit('draft:1', 1, { retain: true })
    bus.emitTo('main', 'draft:1', 2, { retain: true })
    bus.emit('draft:2', 3, { retain: true })
    bus.emit('other', 4, { retain: true })
    expect(await clearRetained('draft:1')).toBe(1)
    expect(bus.clearRetained('draft:*')).toBe(2)
    expect(await clearRetained('draft:*')).toBe(0)
    await expect(clearRetained('a[')).rejects.toMatchObject({ code: 'invalid_pattern' })
    expect((await waitFor('*')).payload).toBe(4)
    bus.refuse('other')
    await expect(clearRetained('other')).rejects.toMatchObject({ code: 'denied' })
  })

  it('by a page only where they are for everyone', async () => {
    const retain = { retain: true }
    bus.emit('a', 'all', retain)
    bus.emit('a', 'except', { ...retain, except: 'settings' })
    bus.emitTo('main', 'a', 'page', retain)
    bus.emitTo(HOST, 'a', 'host', retain)
    expect(await clearRetained('*')).toBe(1)
    const payloads: unknown[] = []
    bus.listenAny('a', ({ payload }) => payloads.push(payload))
    expect(payloads).toEqual(['page', 'host'])
    expect(bus.clearRetained('*')).toBe(2)
  })
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
    ['n'.repeat(256), 'invalid_argument', '1 to 255'],
    ['ä'.repeat(128), 'invalid_argument', '1 to 255'],
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
    const received = vi.fn()
    bus.listen('a', received)
    await listen('a', received)
    expect(await emitTo(mixed, 'a')).toMatchObject({ pages: 1, listeners: 1 })
    await bus.settled()
    expect(received).toHaveBeenCalledTimes(2)
  })

  it('must exist', async () => {
    const message = expect.stringContaining('bus.page("settings")')
    await expect(emitTo('settings', 'a')).rejects.toMatchObject({ code: 'unknown_target', message })
    bus.page('settings')
    await emitTo('settings', 'a')
    expect(() => bus.page('main')).toThrow('"main"')
  })

  it('are the host as HOST, and a label as a string', async () => {
    const [received, handler] = [vi.fn(), vi.fn()]
    bus.listen('a', received)
    await listen('a', handler)
    for (const to of [HOST, { kind: 'App' }, [HOST]] as Target[]) {
      expect(await emitTo(to, 'a')).toMatchObject({ pages: 0, listeners: 1 })
    }
    await expect(emitTo('host', 'a')).rejects.toMatchObject({ code: 'unknown_target' })
    bus.page('host')
    expect(await emitTo('host', 'a')).toMatchObject({ pages: 1, listeners: 0 })
    expect(await emitTo(['main', HOST], 'a')).toMatchObject({ pages: 1, listeners: 1 })
    await bus.settled()
    expect(received).toHaveBeenCalledTimes(4)
    expect(handler).toHaveBeenCalledTimes(1)
  })

  it('may be the source of an event', async () => {
    const settings = bus.page('settings')
    await listen('ping', ({ source }) => emitTo(source, 'pong', source))
    settings.emit('ping')
    await bus.settled()
    const source = { kind: 'webview', label: 'settings' }
    expect(settings.received('pong')).toEqual([source])
    expect(bus.history('pong')[0]?.to).toEqual(source)
    const received = vi.fn()
    bus.listen('pong', received)
    bus.emit('ping')
    await bus.settled()
    expect(received.mock.calls.map(([{ payload }]) => payload)).toEqual([HOST])
    expect(settings.received('pong')).toEqual([source])
  })

  it('name no other node, since a test has no link', async () => {
    for (const to of [
      { kind: 'Node', node: 'till-4' },
      { kind: 'node', node: 'till-4' },
    ] as const) {
      await expect(emitTo(to, 'a')).rejects.toMatchObject({ code: 'invalid_argument', message: /no link/ })
    }
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
