// What Rust generates from tests/events, in both directions: what compiles, and what must not.
import '../../../tests/events/golden/events.js'
import { emit, listen, on, startJob } from 'tauri-plugin-event-bus-api'
import type { CartUpdated, Item, OrderChanged, Tree } from '../../../tests/events/golden/events.js'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
function same<A, B>(_: Equal<A, B>): void {}

// An event without payload.
emit('typed:app-ready')
on('typed:app-ready', (payload) => same<typeof payload, null>(true))
// @ts-expect-error It has no payload.
emit('typed:app-ready', {})

// Renamed, nested, nullable and absent fields.
const item: Item = { title: 'a', priceCents: 1, 'weight-kg': 0.5 }
emit('typed:cart-updated', { itemCount: 1, items: [item], note: null, type: 'x' })
emit('typed:cart-updated', { itemCount: 1, items: [], note: 'n', giftFor: 'ada', type: 'x' })
// @ts-expect-error The note may be null, not absent.
emit('typed:cart-updated', { itemCount: 1, items: [], type: 'x' })
// @ts-expect-error Rust's name of the field is not the one that travels.
emit('typed:cart-updated', { item_count: 1, items: [], note: null, type: 'x' })
listen('typed:cart-updated', ({ payload }) => same<typeof payload.giftFor, string | null | undefined>(true))
listen('typed:cart-updated', ({ payload }) => same<typeof payload.note, string | null>(true))
listen('typed:cart-updated', ({ payload }) => same<typeof payload, CartUpdated>(true))

// An enum with data narrows by its tag.
on('typed:order-changed', (order) => {
  if (order.step === 'paid') same<typeof order.method, 'bank-transfer' | 'cash' | 'card'>(true)
  if (order.step === 'shipped') same<typeof order.title, string>(true)
  // @ts-expect-error There is no such step.
  if (order.step === 'lost') return
})
const placed: OrderChanged = { step: 'placed' }
emit('typed:order-changed', placed)
// @ts-expect-error Its money is missing.
emit('typed:order-changed', { step: 'paid' })

// Enums in serde's other ways.
on('typed:shapes', ({ external, adjacent, untagged }) => {
  if (external === 'renamed plain') return
  if (typeof external === 'object' && 'Tuple' in external) same<typeof external.Tuple, [number, string]>(true)
  if (adjacent.kind === 'point') same<typeof adjacent.value, { x: number; y: number }>(true)
  if (typeof untagged === 'number') same<typeof untagged, number>(true)
})

// Types with parameters, maps, tuples, dates, what is not described, and a type that has itself in it.
on('typed:loaded', ({ items, labels }) => {
  same<typeof items.entries, Item[]>(true)
  same<typeof labels.entries, string[]>(true)
})
on('typed:collected', ({ byName, pair, nested }) => {
  same<(typeof byName)[string], number>(true)
  same<typeof pair, [string, boolean]>(true)
  same<typeof nested, (string | null)[] | null>(true)
})
on('typed:scheduled', ({ at, day, lasts }) => {
  same<typeof at | typeof day, string>(true)
  same<typeof lasts.secs, number>(true)
})
on('typed:anything', ({ value }) => same<typeof value, unknown>(true))
on('typed:tree', ({ best }) => same<typeof best, Tree | null>(true))
on('typed:flattened', (payload) => {
  same<typeof payload.x, number>(true)
  if (payload.status === 'closed') same<typeof payload.by, string>(true)
})

// What may not be exact as a number is text.
on('typed:measured', ({ exact, exactList, unsigned }) => {
  same<typeof exact, string>(true)
  same<typeof exactList, string[]>(true)
  same<typeof unsigned, number>(true)
  return BigInt(exact)
})

startJob('typed:wrapped', { everyMs: 1000, payload: 7 })
// @ts-expect-error The payload is missing.
startJob('typed:wrapped', { everyMs: 1000 })
listen('typed:*', (event) => event.event === 'typed:wrapped' && same<typeof event.payload, number>(true))
