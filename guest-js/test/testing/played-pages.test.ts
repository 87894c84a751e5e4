import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createTestBus, type TestBus } from '../../src/testing/index.js'

let bus: TestBus
const reported = vi.fn()
beforeEach(() => {
  vi.stubGlobal('reportError', reported)
  bus = createTestBus()
})
afterEach(() => {
  bus.dispose()
  vi.unstubAllGlobals()
  reported.mockClear()
})

describe('a handler of a played page', () => {
  it('is reported where it fails', async () => {
    const settings = bus.page('settings')
    const [thrown, rejected] = [new Error('thrown'), new Error('rejected')]
    settings.listen('a', () => {
      throw thrown
    })
    settings.listen('a', () => Promise.reject(rejected))
    bus.emit('a')
    await bus.settled()
    expect(reported.mock.calls).toEqual([[thrown], [rejected]])
  })

  it('emits as its page, caused by what it handles', async () => {
    const settings = bus.page('settings')
    settings.listen('a', async (event) => {
      settings.emit('b')
      await event.emit('c')
      // Behind an `await`, only the event knows the cause.
      settings.emit('d')
      await event.emitTo('main', 'e')
    })
    bus.emit('a')
    await bus.settled()
    const source = { kind: 'webview', label: 'settings' }
    expect(bus.history().slice(1)).toMatchObject([
      { event: 'b', source, causes: ['a'] },
      { event: 'c', source, causes: ['a'] },
      { event: 'd', source, hops: 0 },
      { event: 'e', source, causes: ['a'], to: 'main' },
    ])
  })

  it('is stopped where it loops', () => {
    const settings = bus.page('settings')
    settings.listen('a', () => settings.emit('a'))
    bus.emit('a')
    expect(bus.history('a')).toHaveLength(17)
    expect(reported.mock.calls).toEqual([[expect.objectContaining({ code: 'event_loop' })]])
  })

  it('sees one order with all others', () => {
    const seen: unknown[] = []
    const settings = bus.page('settings')
    settings.listen('a', () => settings.emit('b'))
    bus.page('editor').listen('*', ({ event }) => seen.push(event))
    bus.emit('a')
    expect(seen).toEqual(['a', 'b'])
    expect(bus.page('editor').received('*')).toEqual([null, null])
  })

  it('gets what is retained', () => {
    const seen: unknown[] = []
    bus.emit('theme', 'dark', { retain: true })
    bus.page('settings').listen('theme', ({ payload, retained }) => seen.push([payload, retained]))
    bus.emit('theme', 'light', { retain: true })
    expect(seen).toEqual([
      ['dark', true],
      ['light', false],
    ])
  })
})
