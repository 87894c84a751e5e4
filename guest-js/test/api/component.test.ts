import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { catalog } from '../../src/api/catalog.js'
import { component, namespace } from '../../src/api/component.js'
import { emit } from '../../src/api/emit.js'
import { listen } from '../../src/api/listen.js'
import { descriptions } from '../../src/core/descriptions.js'
import type { BusEvent } from '../../src/types/event.js'
import { endOfTask, freshRealm, settled } from '../realm.js'

let realm: ReturnType<typeof freshRealm>
beforeEach(() => {
  realm = freshRealm()
})
afterEach(() => {
  expect(realm.host.broken).toEqual([])
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})

interface Entry {
  event: string
  payload?: string
  component?: string
  causes?: string[]
}

const entries = () =>
  realm.host.commands('emit', 'emit_to').flatMap(({ args }) => args.events as (Entry & { to?: unknown })[])
const payloads = () => entries().map(({ payload }) => JSON.parse(payload ?? 'null'))

function unreadable(): never {
  throw new Error('unreadable')
}

function revoked(): unknown {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

describe('a namespace', () => {
  it('prefixes every name once in every function', async () => {
    const { emit, emitTo, events, listen, on, once, startJob, unlisten } = namespace('shop')
    const handler = vi.fn()
    listen('a', handler)
    on('shop:a', handler)
    once('a', handler)
    const stream = events('a')
    await emit('a', 1)
    await emitTo('main', 'shop:b', 2, { retain: true })
    await emit('shopping')
    await settled()
    await startJob('tick', { everyMs: 10 })
    expect(handler.mock.calls.map(([first]) => first?.payload ?? first)).toEqual([1, 1, 1])
    expect(entries().map(({ event, to }) => [event, to])).toEqual([
      ['shop:a', undefined],
      ['shop:b', 'main'],
      ['shop:shopping', undefined],
    ])
    expect([...realm.host.jobs.values()].map(({ event }) => event)).toEqual(['shop:tick'])
    expect(await stream.next()).toMatchObject({ value: { event: 'shop:a' } })
    expect(unlisten('a')).toBe(3)
  })

  it('has every function that takes a name', async () => {
    const shop = namespace('shop')
    const { clearRetained, request, respond, waitFor } = shop
    await respond('load', () => 1)
    await respond('shop:save', () => 1)
    void request('main', 'sum', [1]).catch(() => {})
    const waiting = waitFor('a', { filter: ({ payload }) => payload === 2 })
    await shop.emit('a', 1, { retain: true })
    await shop.emit('a', 2)
    expect(await waiting).toMatchObject({ event: 'shop:a', payload: 2 })
    expect(await clearRetained('a')).toBe(1)
    expect([...(realm.host.session?.responders ?? [])]).toEqual(['shop:load', 'shop:save'])
    expect(realm.host.requests[0]?.args).toMatchObject({ name: 'shop:sum', to: 'main', payload: '[1]' })
  })

  it('has namespaces and components of its own', async () => {
    const desk = namespace('shop').namespace('desk')
    expect(desk.name).toBe('shop:desk')
    await desk.emit('a')
    await desk.emit('shop:desk:b')
    await namespace('shop').namespace('shop:desk').emit('c')
    const cart = desk.component('Cart')
    await cart.emit('d')
    await cart.namespace('left').emit('e')
    await cart.component('Badge').emit('f')
    await component('List').namespace('shop').emitTo('main', 'g')
    expect(entries().map(({ event, component }) => [event, component])).toEqual([
      ['shop:desk:a', undefined],
      ['shop:desk:b', undefined],
      ['shop:desk:c', undefined],
      ['shop:desk:d', 'Cart'],
      ['shop:desk:left:e', 'Cart'],
      ['shop:desk:f', 'Badge'],
      ['shop:g', 'List'],
    ])
    expect(() => desk.namespace('')).toThrow(expect.objectContaining({ code: 'invalid_event_name' }))
  })

  it('is refused at once when invalid', () => {
    for (const wrong of ['', 'shop:', 'a*', 7, null] as string[]) {
      expect(() => namespace(wrong), String(wrong)).toThrow(expect.objectContaining({ code: 'invalid_event_name' }))
    }
  })

  it('leaves invalid names to be refused later', async () => {
    await expect(namespace('shop').emit(7 as never)).rejects.toMatchObject({ code: 'invalid_event_name' })
    await expect(namespace('shop').emit('')).resolves.toBeDefined()
    expect(entries()).toEqual([{ event: '' }])
  })
})

describe('a component', () => {
  it('is sent with what it emits', async () => {
    const seen: BusEvent<unknown>[] = []
    await listen('*', (event) => seen.push(event))
    await component('Cart').emit('a', 1)
    await namespace('shop').component('Cart').emitTo('main', 'a')
    await emit('a')
    await settled()
    expect(seen.map(({ event, component }) => [event, component])).toEqual([
      ['a', 'Cart'],
      ['shop:a', 'Cart'],
      ['a', undefined],
    ])
  })

  it('has the functions of its namespace', async () => {
    const cart = namespace('shop').component('Cart')
    const names = Object.keys(namespace('shop')).sort()
    expect(Object.keys(cart).sort()).toEqual(expect.arrayContaining(names))
    expect(Object.keys(component('Cart')).sort()).toEqual(expect.arrayContaining(names))
    const handler = vi.fn()
    await cart.on('a', handler)
    await cart.respond('load', () => 1)
    await component('Cart').respond('load', () => 1)
    await namespace('shop').emit('a', 1)
    await settled()
    expect(handler.mock.calls[0]?.[0]).toBe(1)
    expect([...(realm.host.session?.responders ?? [])]).toEqual(['shop:load', 'load'])
  })

  it('needs a name', () => {
    for (const wrong of ['', 7, undefined] as string[]) {
      expect(() => component(wrong)).toThrow(expect.objectContaining({ code: 'invalid_argument' }))
    }
  })

  it('names itself in its requests and jobs', async () => {
    const cart = namespace('shop').component('Cart')
    const sum = cart.request('main', 'sum', [1])
    await cart.startJob('ticked', { everyMs: 100 })
    await settled()
    expect(realm.host.requests[0]?.args).toMatchObject({ name: 'shop:sum', component: 'Cart' })
    const [job] = realm.host.commands('start_job')
    expect(job?.args.job).toMatchObject({ event: 'shop:ticked', component: 'Cart' })
    realm.host.requests[0]?.resolve(1)
    expect(await sum).toBe(1)
    const contexts: (string | undefined)[] = []
    const off = cart.respond('load', (_, context) => contexts.push(context.component))
    await off
    realm.host.push({ request: 'a'.repeat(32), name: 'shop:load', source: 0, payload: null, component: 'List' })
    realm.host.request('b'.repeat(32), 'shop:load')
    await settled()
    expect(contexts).toEqual(['List', undefined])
  })

  it('refreshes another one once per microtask', async () => {
    const shop = namespace('shop')
    const [cart, editor, list] = ['Cart', 'Editor', 'ProductList'].map((name) => shop.component(name))
    const handler = vi.fn()
    await list?.onRefresh(handler)
    const both = [cart?.refresh('ProductList'), cart?.refresh('productlist'), editor?.refresh('ProductList')]
    const [first, second] = await Promise.all(both)
    expect(first).toEqual(second)
    await settled()
    expect(entries()).toEqual([
      { event: 'shop:refresh-productlist', component: 'Cart' },
      { event: 'shop:refresh-productlist', component: 'Editor' },
    ])
    await cart?.refresh('ProductList')
    await settled()
    expect(handler).toHaveBeenCalledTimes(3)
    await expect(cart?.refresh('')).rejects.toMatchObject({ code: 'invalid_argument' })
  })

  it('sends messages with stable ids', async () => {
    const cart = namespace('shop').component('Cart')
    const shown = vi.fn()
    await namespace('shop').component('Toasts').onMessage(shown)
    await cart.success('one')
    await cart.success('two')
    await cart.info('three', { key: 'k' })
    await cart.warning('four', { to: 'main' })
    await cart.error('five')
    await settled()
    expect(shown.mock.calls.map(([message, { component }]) => [message.id, message.text, component])).toEqual([
      ['shop#Cart#success', 'one', 'Cart'],
      ['shop#Cart#success', 'two', 'Cart'],
      ['shop#Cart#k', 'three', 'Cart'],
      ['shop#Cart#warning', 'four', 'Cart'],
      ['shop#Cart#error', 'five', 'Cart'],
    ])
    expect(payloads()[2]).toEqual({ id: 'shop#Cart#k', component: 'Cart', level: 'info', text: 'three' })
    expect(entries()[3]?.to).toBe('main')
  })

  it('has ids of its own for each component', async () => {
    const components = [component('Export'), namespace('Export').component('Export'), component('Export:Export')]
    for (const one of components) await one.info('done', { key: 'export' })
    const ids = payloads().map((payload) => (payload as { id: string }).id)
    expect(ids).toEqual(['#Export#export', 'Export#Export#export', '#Export:Export#export'])
    for (const one of components) one.describe({ emits: { done: 'The file is there.' } })
    expect((await catalog()).components.map(({ namespace, name }) => [namespace, name])).toEqual([
      [null, 'Export'],
      ['Export', 'Export'],
      [null, 'Export:Export'],
    ])
    descriptions.clear()
  })

  it('emits the result of an action and returns it', async () => {
    const cart = component('Cart')
    await expect(cart.action('add', () => 3)).resolves.toBe(3)
    await expect(cart.action('clear', async () => {})).resolves.toBeUndefined()
    const failure = Object.assign(new Error('sold out'), { status: 409 })
    const failed = cart.action('add', () => {
      throw failure
    })
    await expect(failed).rejects.toBe(failure)
    await expect(cart.action('add', () => Promise.reject('no'))).rejects.toBe('no')
    await settled()
    const about = { component: 'Cart', action: 'add' }
    expect(entries().map(({ event }) => event)).toEqual(['action-complete', 'action-complete', 'error', 'error'])
    expect(payloads()).toEqual([
      { ...about, state: 3 },
      { ...about, action: 'clear', state: null },
      { ...about, error: 'sold out', status: 409 },
      { ...about, error: 'no' },
    ])
  })

  it.each([
    ['a getter that throws', () => Object.defineProperty(new Error(), 'message', { get: () => unreadable() })],
    ['a status that throws', () => Object.defineProperty(new Error('x'), 'status', { get: () => unreadable() })],
    ['a revoked proxy', revoked],
  ])('rejects with %s as it was thrown', async (_, make) => {
    const thrown = make()
    const reason = await component('Cart')
      .action('add', () => {
        throw thrown
      })
      .catch((caught: unknown) => ({ caught }))
    expect((reason as { caught: unknown }).caught === thrown).toBe(true)
    await settled()
    const error = 'an error that cannot be expressed as text'
    expect(payloads()).toEqual([{ component: 'Cart', action: 'add', error }])
  })

  it.each([
    [{ kind: 'io' }, '{"kind":"io"}'],
    [Object.create(null), '{}'],
    [null, 'null'],
    [undefined, 'undefined'],
    [Symbol('s'), 'Symbol(s)'],
    [{ size: 1n }, 'an error that cannot be expressed as text'],
  ])('passes on what is not an error: %#', async (thrown, error) => {
    await expect(component('Cart').action('add', () => Promise.reject(thrown))).rejects.toBe(thrown)
    await settled()
    expect(payloads()).toEqual([{ component: 'Cart', action: 'add', error }])
  })

  it('returns the result even if emitting fails', async () => {
    realm.host.refuseEntry = () => ({ code: 'denied', message: 'no' })
    const failure = new Error('sold out')
    await expect(component('Cart').action('add', () => 3)).resolves.toBe(3)
    await expect(component('Cart').action('add', () => Promise.reject(failure))).rejects.toBe(failure)
    await expect(component('Cart').action('add', () => 1n)).resolves.toBe(1n)
    await settled()
    await endOfTask()
    expect(realm.reported.mock.calls.map(([error]) => error.code).sort()).toEqual([
      'denied',
      'denied',
      'invalid_payload',
    ])
  })

  it('is in the catalog of its page', async () => {
    const cart = namespace('shop').component('Cart')
    cart.describe({ emits: { old: 'Not any more.' } })
    cart.describe({ description: 'The cart.', emits: { 'cart:updated': 'It has changed.' }, listens: { '*': 'All.' } })
    expect((await catalog()).components).toEqual([
      {
        name: 'Cart',
        namespace: 'shop',
        description: 'The cart.',
        emits: [{ event: 'shop:cart:updated', description: 'It has changed.' }],
        listens: [{ event: 'shop:*', description: 'All.' }],
      },
    ])
    expect(realm.host.commands('emit', 'subscribe')).toEqual([])
  })
})

describe('what an event has caused', () => {
  it('is known in synchronous handlers only', async () => {
    await listen('a', () => {
      void emit('b')
      void component('Cart').refresh('List')
      setTimeout(() => void emit('later'))
    })
    await listen('b', async () => {
      await Promise.resolve()
      await emit('behind an await')
    })
    realm.host.emit('a')
    await settled()
    await endOfTask()
    await settled()
    const causes = Object.fromEntries(entries().map(({ event, causes }) => [event, causes]))
    expect(causes).toEqual({
      b: ['a'],
      'refresh-list': ['a'],
      later: undefined,
      'behind an await': undefined,
    })
  })

  it('is known wherever the event itself emits', async () => {
    const seen: BusEvent<unknown>[] = []
    await listen('a', async ({ emit, emitTo }) => {
      await Promise.resolve()
      await emit('b', 1, { retain: true })
      await emitTo('main', 'b', 2)
    })
    await listen('b', (event) => seen.push(event))
    realm.host.emit('a', null, { causes: ['x'] })
    await settled()
    expect(seen.map(({ payload, causes, hops }) => [payload, causes, hops])).toEqual([
      [1, ['x', 'a'], 2],
      [2, ['x', 'a'], 2],
    ])
    expect(entries()[0]).toMatchObject({ retain: true })
    expect(entries()[1]).toMatchObject({ to: 'main' })
    expect({ ...seen[0] }).not.toHaveProperty('emit')
    expect(() => structuredClone(seen[0])).not.toThrow()
  })

  it('ends with a handler that throws', async () => {
    await listen('a', () => {
      throw new Error('on purpose')
    })
    realm.host.emit('a')
    await settled()
    await emit('b')
    expect(entries()).toEqual([{ event: 'b' }])
  })

  it('is refused where it has no end', async () => {
    realm.host.refuseEntry = (_, { causes }) =>
      ((causes as string[] | undefined)?.length ?? 0) > 2 ? { code: 'event_loop', message: 'a → b → a → b' } : undefined
    const failed: unknown[] = []
    await listen('a', (event) => void event.emit('b').catch((error) => failed.push(error)))
    await listen('b', () => void emit('a').catch((error) => failed.push(error)))
    realm.host.emit('a')
    await settled()
    await settled()
    expect(failed).toEqual([expect.objectContaining({ code: 'event_loop', message: 'a → b → a → b' })])
  })
})
