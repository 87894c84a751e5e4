import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { catalog, component, emit, listen, namespace } from '../../src/index.js'
import { createTestBus, type TestBus } from '../../src/testing/index.js'

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
    expect(told.mock.calls[0]?.[0]).toMatchObject({ id: 'shop#Cart#success', text: 'Saved' })
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
    const message = expect.stringMatching(/^"b" has more than 16 causes.*: a → b → a → .* → a → b$/)
    expect(failed).toEqual([expect.objectContaining({ code: 'event_loop', message })])
  })
})
