// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { emit } from '../src/api/emit.js'
import { type BridgedDetail, bridgeFromDom, bridgeToDom } from '../src/dom.js'
import { component, EventBusError } from '../src/index.js'
import { createTestBus } from '../src/testing/index.js'
import { endOfTask, freshRealm, settled } from './realm.js'

let realm: ReturnType<typeof freshRealm>
let target: HTMLElement
beforeEach(() => {
  realm = freshRealm()
  target = document.createElement('div')
})
afterEach(() => {
  expect(realm.host.broken).toEqual([])
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})

function receivedAt(at: EventTarget, type: string): BridgedDetail[] {
  const received: BridgedDetail[] = []
  at.addEventListener(type, (event) => received.push((event as CustomEvent<BridgedDetail>).detail))
  return received
}

const emitted = () =>
  realm.host.commands('emit').flatMap(({ args }) => args.events as { event: string; payload?: string }[])

it('dispatches whole events under a single prefix', async () => {
  const [plain, doubled, prefixed] = ['app:a', 'app:app:b', 'app:b'].map((type) => receivedAt(target, type))
  const off = await bridgeToDom({ events: ['a', 'app:b'], prefix: 'app:', target })
  await component('Cart').emit('a', { n: 1 })
  realm.host.emit('app:b', 2, { causes: ['a'] })
  await settled()
  expect(plain).toEqual([
    expect.objectContaining({ event: 'a', payload: { n: 1 }, component: 'Cart', hops: 0, seq: 1, replayed: false }),
  ])
  expect(prefixed).toEqual([expect.objectContaining({ event: 'app:b', payload: 2, causes: ['a'], hops: 1 })])
  expect(doubled).toEqual([])
  off()
  realm.host.emit('a')
  await settled()
  expect(plain).toHaveLength(1)
  expect(realm.host.session?.subscriptions.size).toBe(0)
})

it('dispatches an event of several patterns once', async () => {
  const received = receivedAt(target, 'a')
  await bridgeToDom({ events: ['a', '*', 'a'], target })
  realm.host.emit('a', 1)
  realm.host.emit('a', 2)
  await settled()
  expect(received.map(({ payload }) => payload)).toEqual([1, 2])
})

it('dispatches a replay of several patterns once', async () => {
  using bus = createTestBus({ startingUp: true })
  const received = ['cart:a', 'cart:b', 'c'].map((type) => receivedAt(target, type))
  bus.emit('cart:a', 1, { retain: true })
  bus.emit('cart:b', 2)
  bus.emit('c', 3)
  await bridgeToDom({ events: ['cart:*', '*'], target })
  bus.emit('cart:a', 4)
  await bus.settled()
  expect(received.map((details) => details.map(({ payload }) => payload))).toEqual([[1, 4], [2], [3]])
})

it('rejects as a whole when one pattern is denied', async () => {
  realm.host.refuseEntry = (_, { event }) => (event === 'b' ? { code: 'denied', message: 'no' } : undefined)
  await expect(bridgeToDom({ events: ['a', 'b'], target }).then()).rejects.toMatchObject({ code: 'denied' })
  await settled()
  expect(realm.host.session?.subscriptions.size).toBe(0)
  await endOfTask()
  expect(realm.reported).not.toHaveBeenCalled()
})

it('rejects an invalid name', async () => {
  await expect(bridgeToDom({ events: 7 as never }).then()).rejects.toMatchObject({ code: 'invalid_event_name' })
})

it('emits DOM events with their detail as payload', async () => {
  const child = target.appendChild(document.createElement('button'))
  const off = bridgeFromDom({ events: ['app:saved', 'click'], prefix: 'app:', target })
  child.dispatchEvent(new CustomEvent('app:saved', { bubbles: true, detail: { id: 7 } }))
  target.dispatchEvent(new CustomEvent('app:saved'))
  child.click()
  await settled()
  expect(emitted()).toEqual([{ event: 'saved', payload: '{"id":7}' }, { event: 'saved' }, { event: 'click' }])
  off()
  child.click()
  await settled()
  expect(emitted()).toHaveLength(3)
})

it('reports what JSON cannot express', async () => {
  await bridgeFromDom({ events: 'a', target })
  target.dispatchEvent(new CustomEvent('a', { detail: 1n }))
  await settled()
  expect(realm.reported.mock.calls).toEqual([[expect.objectContaining({ code: 'invalid_payload' })]])
})

it('makes no loop of both directions', async () => {
  const received = receivedAt(target, 'x:a')
  await bridgeToDom({ events: '*', prefix: 'x:', target })
  bridgeFromDom({ events: 'x:a', prefix: 'x:', target })
  await emit('a', 1)
  await settled()
  target.dispatchEvent(new CustomEvent('x:a', { detail: 2 }))
  await settled()
  expect(emitted().map(({ payload }) => payload)).toEqual(['1', '2'])
  // The script's own, and that from the bus.
  expect(received).toHaveLength(3)
})

describe("the window's own error and message", () => {
  it.each([
    ['error', ''],
    ['message', undefined],
    ['error', 'err'],
  ])('are refused by name: "%s" with the prefix %j', async (event, prefix) => {
    const received = receivedAt(window, event)
    const off = bridgeToDom({ events: ['a', event], ...(prefix !== undefined && { prefix }) })
    await expect(off.then()).rejects.toMatchObject({
      code: 'invalid_argument',
      message: expect.stringMatching(new RegExp(`"${event}".*window.*prefix`)),
    })
    await expect(bridgeToDom({ events: event, target: window }).then()).rejects.toBeInstanceOf(EventBusError)
    realm.host.emit(event, 1)
    await settled()
    expect(received).toEqual([])
    expect(realm.host.commands('subscribe')).toEqual([])
  })

  it('are skipped by a pattern', async () => {
    const [error, message, other] = ['error', 'message', 'shop:error'].map((type) => receivedAt(window, type))
    const off = await bridgeToDom({ events: '*' })
    for (const event of ['error', 'message', 'shop:error']) realm.host.emit(event, 1)
    await settled()
    expect([error, message, other].map((received) => received?.length)).toEqual([0, 0, 1])
    off()
  })

  it('are dispatched under a prefix, and elsewhere', async () => {
    const received = [receivedAt(window, 'app:error'), receivedAt(target, 'message')]
    const offs = await Promise.all([
      bridgeToDom({ events: 'error', prefix: 'app:' }),
      bridgeToDom({ events: 'message', target }),
    ])
    realm.host.emit('error', 1)
    realm.host.emit('message', 2)
    await settled()
    expect(received.map((details) => details.map(({ payload }) => payload))).toEqual([[1], [2]])
    for (const off of offs) off()
  })
})
