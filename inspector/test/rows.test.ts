import { expect, test } from 'vitest'
import { everything, type Filter, isNarrow, passes } from '../src/model/filter.js'
import { ShownRows } from '../src/model/shown-rows.js'
import { Store } from '../src/model/store.js'
import { add, event, page, refused, storeOf } from './records.js'

const shown = (rows: ShownRows) => Array.from({ length: rows.length }, (_, index) => rows.at(index)?.name)

function update(rows: ShownRows): void {
  while (rows.update().more);
}

test('rows come as they happen, and only those that pass', () => {
  const store = new Store()
  const rows = new ShownRows(store)
  rows.filter = { ...everything(), text: 'cart' }
  for (const name of ['cart:a', 'door', 'cart:b']) add(store, event(name))
  update(rows)
  expect(shown(rows)).toEqual(['cart:a', 'cart:b'])
  rows.filter = everything()
  update(rows)
  expect(shown(rows)).toEqual(['cart:a', 'door', 'cart:b'])
})

test('a filter over many rows is applied in slices', () => {
  const store = storeOf(Array.from({ length: 50_000 }, (_, index) => event(`n${index}`)))
  const rows = new ShownRows(store)
  let time = 0
  const clock = () => {
    time += 1
    return time
  }
  expect(rows.update(3, clock)).toEqual({ gone: 0, more: true })
  expect(rows.length).toBe(3 * 256)
  update(rows)
  expect(rows.length).toBe(50_000)
})

test('a pause keeps what is shown, also of what is dropped meanwhile', () => {
  const store = new Store({ entries: 3, records: 100, bytes: 1 << 20 })
  const rows = new ShownRows(store)
  for (const name of ['a', 'b', 'c']) add(store, event(name))
  update(rows)
  rows.pause()
  for (const name of ['d', 'e']) add(store, event(name))
  update(rows)
  expect(shown(rows)).toEqual(['a', 'b', 'c'])
  expect(rows.waiting).toBe(2)
  rows.resume()
  expect(rows.update().gone).toBe(2)
  expect(shown(rows)).toEqual(['c', 'd', 'e'])
})

test('a row is found by its place, and not where it does not pass', () => {
  const store = new Store()
  const rows = new ShownRows(store)
  const [a, b] = ['a', 'b'].map((name) => add(store, event(name)))
  update(rows)
  expect(b && rows.indexOf(b)).toBe(1)
  rows.filter = { ...everything(), text: 'b' }
  update(rows)
  expect(a && rows.indexOf(a)).toBe(-1)
  expect(b && rows.indexOf(b)).toBe(0)
})

test('clearing begins anew', () => {
  const store = storeOf([event('a')])
  const rows = new ShownRows(store)
  update(rows)
  store.clear()
  rows.clear()
  add(store, event('b'))
  update(rows)
  expect(shown(rows)).toEqual(['b'])
})

const entries = [
  ...storeOf([
    event('cart:updated', {
      source: page('shop'),
      component: 'Cart',
      payload: { count: 3 },
      routes: [{ receiver: page('office'), subscriptions: [1], queued: true }],
    }),
    event('clock:tick', { tick: { job: 'clock', count: 1, scheduledAt: 1, missed: 0 }, payload: 'Noon' }),
    refused('cart:clear', { code: 'denied', message: 'may not emit' }),
  ]).entries,
]

test.each<[Partial<Filter>, string[]]>([
  [{}, ['cart:updated', 'clock:tick', 'cart:clear']],
  [{ text: 'CART' }, ['cart:updated', 'cart:clear']],
  [{ text: 'cart -clear' }, ['cart:updated']],
  [{ text: 'noon' }, ['clock:tick']],
  [{ text: 'name:cart:' }, ['cart:updated', 'cart:clear']],
  [{ text: 'from:shop' }, ['cart:updated']],
  [{ text: 'from:rust' }, ['clock:tick']],
  [{ text: 'to:office' }, ['cart:updated']],
  [{ text: 'in:cart' }, ['cart:updated']],
  [{ text: 'code:denied' }, ['cart:clear']],
  [{ text: 'job:clock' }, []],
  [{ text: '-' }, []],
  [{ kinds: new Set(['refused']) }, ['cart:clear']],
  [{ source: 'page:shop' }, ['cart:updated']],
  [{ target: 'page:office' }, ['cart:updated']],
  [{ component: 'Cart' }, ['cart:updated']],
])('the filter %j', (narrow, expected) => {
  const filter = { ...everything(), ...narrow }
  expect(entries.filter(passes(filter)).map(({ name }) => name)).toEqual(expected)
  expect(isNarrow(filter)).toBe(Object.keys(narrow).length > 0)
})
