import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { listen, type Subscription } from '../../src/index.js'
import { freshRealm, settled } from '../realm.js'

let realm: ReturnType<typeof freshRealm>
beforeEach(() => {
  realm = freshRealm()
})
afterEach(() => {
  expect(realm.host.broken).toEqual([])
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})

/** Emits an event whose emitter waits, and lets the page handle it. */
async function emitted(): Promise<number> {
  const seq = realm.host.emit('a', 1, { outcome: true })
  await settled()
  return seq
}

it('is told once, when the last handler is done', async () => {
  const ends: (() => void)[] = []
  const slow = () => new Promise<void>((resolve) => ends.push(resolve))
  await listen('a', () => {})
  await listen('a', slow, { sequential: true })
  await listen('*', slow, { sequential: true })
  const seq = await emitted()
  expect(realm.host.outcomes).toEqual([])
  ends[1]?.()
  await settled()
  expect(realm.host.outcomes).toEqual([])
  ends[0]?.()
  await settled()
  expect(realm.host.outcomes).toEqual([{ seq, outcome: 'handled' }])
})

it('is told of no other event', async () => {
  await listen('a', () => {})
  realm.host.emit('a', 1)
  await settled()
  expect(realm.host.outcomes).toEqual([])
})

it.each<[string, () => unknown, boolean, object]>([
  ['a handler that returns', () => 1, false, { outcome: 'handled' }],
  ['one that throws', () => boom(), false, { failure: { name: 'TypeError', message: 'boom' } }],
  ['one that throws no error', () => boom('text'), false, { failure: { name: 'Error', message: 'text' } }],
  ['an async one, which is not awaited', async () => boom(), false, { outcome: 'handled' }],
  ['a sequential one', async () => 1, true, { outcome: 'handled' }],
  ['a sequential one that throws', () => boom(), true, { failure: { name: 'TypeError', message: 'boom' } }],
  ['a sequential one that rejects', async () => boom(), true, { failure: { name: 'TypeError', message: 'boom' } }],
])('is, of %s, …', async (_, handler, sequential, told) => {
  await listen('a', () => {})
  await listen('a', handler, { sequential })
  const seq = await emitted()
  expect(realm.host.outcomes).toEqual([{ seq, ...told }])
})

it('is the first failure', async () => {
  await listen('a', () => boom('first'))
  await listen('a', () => boom('second'))
  const seq = await emitted()
  expect(realm.host.outcomes).toEqual([{ seq, failure: { name: 'Error', message: 'first' } }])
})

it('is dropped where no handler has seen the event', async () => {
  const off: Subscription = listen('a', () => {})
  await off
  // The host has not run the command yet when the event comes.
  realm.host.hold = ({ command }) => command === 'unsubscribe'
  off()
  const seq = await emitted()
  realm.host.release()
  await settled()
  expect(realm.host.outcomes).toEqual([{ seq, outcome: 'dropped' }])
})

it('is dropped where a listener ends before its turn', async () => {
  const ends: (() => void)[] = []
  const slow = () => new Promise<void>((resolve) => ends.push(resolve))
  const off = listen('a', slow, { sequential: true })
  await off
  const first = await emitted()
  const second = await emitted()
  off()
  ends[0]?.()
  await settled()
  expect(realm.host.outcomes).toEqual([
    { seq: first, outcome: 'handled' },
    { seq: second, outcome: 'dropped' },
  ])
})

function boom(thrown: unknown = new TypeError('boom')): never {
  throw thrown
}
