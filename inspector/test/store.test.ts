import { expect, test } from 'vitest'
import { Store } from '../src/model/store.js'
import { add, event, HOST, names, page, refused, storeOf } from './records.js'

const route = (label: string) => ({ receiver: page(label), subscriptions: [1], queued: true })

test('an event has a row, and its deliveries are on it', () => {
  const store = new Store()
  const entry = add(store, event('cart', { seq: 7, at: 10, routes: [route('a'), route('b')] }))
  expect(entry).toMatchObject({ kind: 'event', name: 'cart', seq: 7, lane: 'host' })
  add(store, { at: 12, kind: 'delivered', receiver: page('a'), seqs: [7] })
  add(store, { at: 15, kind: 'acknowledged', receiver: page('a'), seqs: [7, 8] })
  expect(entry?.ways).toMatchObject([
    { lane: 'page:a', queued: true, deliveredAt: 12, handledAt: 15 },
    { lane: 'page:b', queued: true },
  ])
  expect(entry?.ways[1]?.deliveredAt).toBeUndefined()
  expect(store.entries.length).toBe(1)
  expect(store.records).toBe(3)
})

test('a batch that comes again moves nothing', () => {
  const store = storeOf([event('cart', { seq: 7, at: 10, routes: [route('a')] })])
  for (const at of [12, 40]) add(store, { at, kind: 'delivered', receiver: page('a'), seqs: [7] })
  expect(store.bySeq(7)?.ways[0]?.deliveredAt).toBe(12)
})

test('what was kept for a page gets its way when the page comes', () => {
  const store = storeOf([event('cart', { seq: 7, at: 10, keptFor: ['late'] })])
  add(store, { at: 90, kind: 'delivered', receiver: page('late'), seqs: [7] })
  expect(store.bySeq(7)?.ways).toMatchObject([{ lane: 'page:late', deliveredAt: 90 }])
  expect(store.lanes).toEqual(['host', 'page:late'])
})

test('a stream of the host and its listeners are two receivers', () => {
  const routes = [
    { receiver: HOST, subscriptions: [1], queued: true },
    { receiver: HOST, stream: true as const, subscriptions: [2], queued: true },
  ]
  const store = storeOf([event('cart', { seq: 7, at: 10, routes })])
  add(store, { at: 12, kind: 'delivered', receiver: HOST, stream: true, seqs: [7] })
  expect(store.bySeq(7)?.ways.map(({ handledAt }) => handledAt)).toEqual([undefined, 12])
})

test('a request ends with its response', () => {
  const store = new Store()
  const request = { kind: 'request' as const, request: 'r1', name: 'total', source: page('main'), receiver: HOST }
  const entry = add(store, { at: 10, payload: 1, ...request })
  const failed = add(store, { at: 11, payload: 1, ...request, request: 'r2' })
  const response = { kind: 'response' as const, name: 'total', source: HOST, receiver: page('main') }
  add(store, { at: 14, request: 'r1', payload: 2, ...response })
  add(store, { at: 15, request: 'r2', error: { code: 'timeout', message: 'late' }, ...response })
  add(store, { at: 16, request: 'unknown', payload: 2, ...response })
  expect(entry?.ways).toMatchObject([{ lane: 'host', handledAt: 14 }])
  expect(JSON.parse(entry?.response ?? '').payload).toBe(2)
  expect(entry?.code).toBeUndefined()
  expect(failed?.code).toBe('timeout')
  expect(store.entries.length).toBe(2)
})

test('refusals, gaps and losses have rows', () => {
  const store = storeOf([
    refused('cart'),
    { at: 6, kind: 'gap', receiver: page('a'), from: 1, to: 9, count: 4, reason: 'overflow', subscriptions: [1] },
    { at: 7, kind: 'lost', count: 3 },
  ])
  expect([...store.entries].map(({ kind, lane }) => [kind, lane])).toEqual([
    ['refused', 'page:main'],
    ['gap', 'page:a'],
    ['lost', 'host'],
  ])
  expect(store.lost).toBe(3)
  expect(names(store.refusals)).toEqual(['cart'])
})

test('lanes are in the order in which they were seen, with Rust first', () => {
  const store = storeOf([
    event('x', { source: page('b'), routes: [route('c')] }),
    event('y', { source: page('a') }),
    event('z', { source: { kind: 'node', node: 'n' } }),
  ])
  expect(store.lanes).toEqual(['host', 'page:b', 'page:c', 'page:a', 'node:n'])
})

test('the oldest rows and records go first', () => {
  const bounds = { entries: 3, records: 100, bytes: 1 << 20 }
  const store = storeOf(
    ['a', 'b', 'c', 'd', 'e'].map((name, index) => event(name, { seq: index + 1 })),
    bounds,
  )
  expect(names(store.entries)).toEqual(['c', 'd', 'e'])
  expect(store.dropped).toBe(2)
  expect(store.bySeq(2)).toBeUndefined()
  expect(store.bySeq(3)?.name).toBe('c')
})

test('records are bounded by their number and their bytes', () => {
  const few = storeOf(
    Array.from({ length: 10 }, () => event('a')),
    { entries: 100, records: 4, bytes: 1 << 20 },
  )
  expect([few.records, few.entries.length]).toEqual([4, 4])
  const large = { payload: 'x'.repeat(1000) }
  const small = storeOf(
    Array.from({ length: 10 }, () => event('a', large)),
    { entries: 100, records: 100, bytes: 3500 },
  )
  expect(small.records).toBe(3)
  expect(small.bytes).toBeLessThanOrEqual(3500)
  const oldest = JSON.parse([...small.lines][0] ?? '')
  expect(small.startedAt).toBe(oldest.at)
})

test('clearing forgets what happened, and not who there is', () => {
  const store = storeOf([event('a', { seq: 1, component: 'Cart', routes: [route('x')] }), refused('b')])
  store.clear()
  expect([store.entries.length, store.records, store.bytes, store.refusals.length]).toEqual([0, 0, 0, 0])
  expect(store.bySeq(1)).toBeUndefined()
  expect(store.lanes).toContain('page:x')
  const next = add(store, event('c'))
  expect(next?.id).toBe(2)
})
