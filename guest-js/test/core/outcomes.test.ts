import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { emit, listen, type Subscription } from '../../src/index.js'
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

/** Emits an event whose emitter waits, and lets the page handle it. Returns the item that it is. */
async function emitted(): Promise<{ seq: number; index: number | undefined }> {
  const seq = realm.host.emit('a', 1, { outcome: true })
  const index = realm.host.session?.index
  await settled()
  return { seq, index }
}

it('is told once, when the last handler is done', async () => {
  const ends: (() => void)[] = []
  const slow = () => new Promise<void>((resolve) => ends.push(resolve))
  await listen('a', () => {})
  await listen('a', slow, { sequential: true })
  await listen('*', slow, { sequential: true })
  const item = await emitted()
  expect(realm.host.outcomes).toEqual([])
  ends[1]?.()
  await settled()
  expect(realm.host.outcomes).toEqual([])
  ends[0]?.()
  await settled()
  expect(realm.host.outcomes).toEqual([{ ...item, outcome: 'handled' }])
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
  const item = await emitted()
  expect(realm.host.outcomes).toEqual([{ ...item, ...told }])
})

it('is the first failure', async () => {
  await listen('a', () => boom('first'))
  await listen('a', () => boom('second'))
  const item = await emitted()
  expect(realm.host.outcomes).toEqual([{ ...item, failure: { name: 'Error', message: 'first' } }])
})

it('is dropped where no handler has seen the event', async () => {
  const off: Subscription = listen('a', () => {})
  await off
  // The host has not run the command yet when the event comes.
  realm.host.hold = ({ command }) => command === 'unsubscribe'
  off()
  const item = await emitted()
  realm.host.release()
  await settled()
  expect(realm.host.outcomes).toEqual([{ ...item, outcome: 'dropped' }])
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
    { ...first, outcome: 'handled' },
    { ...second, outcome: 'dropped' },
  ])
})

const settles = () => realm.host.commands('settle').map(({ args }) => args.outcomes as object[])

describe('outcomes of many events', () => {
  it.each<[string, () => unknown, boolean]>([
    ['return', () => 1, false],
    ['return a promise that is not awaited', () => new Promise(() => {}), false],
  ])('travel with pulls where handlers %s', async (_, handler, sequential) => {
    await listen('a', handler, { sequential })
    realm.host.hold = ({ command }) => command === 'pull'
    const seqs = Array.from({ length: 64 }, () => realm.host.emit('a', 1, { outcome: true }))
    realm.host.release()
    await settled()
    expect(realm.host.outcomes.map(({ seq }) => seq)).toEqual(seqs)
    expect(settles()).toEqual([])
  })

  it('travel with pulls also of async handlers', async () => {
    await listen('a', async () => 1, { sequential: true })
    const item = await emitted()
    expect(realm.host.outcomes).toEqual([{ ...item, outcome: 'handled' }])
    expect(settles()).toEqual([])
  })

  it('travel in one command where no pull is sent', async () => {
    const ends: (() => void)[] = []
    const slow = () => new Promise<void>((resolve) => ends.push(resolve))
    for (let listener = 0; listener < 3; listener += 1) await listen(`${listener}`, slow, { sequential: true })
    const seqs = [0, 1, 2].map((listener) => realm.host.emit(`${listener}`, 1, { outcome: true }))
    await settled()
    expect(realm.host.outcomes).toEqual([])
    const before = realm.host.commands('pull').length
    for (const end of ends) end()
    await settled()
    expect(settles().map((told) => told.length)).toEqual([3])
    expect(realm.host.outcomes.map(({ seq }) => seq)).toEqual(seqs)
    expect(realm.host.commands('pull').length).toBe(before)
  })

  it('are told again where a pull has failed', async () => {
    vi.useFakeTimers()
    await listen('a', () => {})
    let failures = 0
    realm.host.refuse = ({ args }) =>
      args.carried && failures++ === 0 ? { code: 'unavailable', message: 'lost' } : undefined
    const item = await emitted()
    await vi.advanceTimersByTimeAsync(1_000)
    vi.useRealTimers()
    expect(settles()).toEqual([[{ ...item, outcome: 'handled' }]])
    expect(realm.host.outcomes).toHaveLength(1)
  })

  it('mean nothing in another session', async () => {
    const ends: (() => void)[] = []
    await listen('a', () => new Promise<void>((resolve) => ends.push(resolve)), { sequential: true })
    await emitted()
    realm.host.endSession()
    await settled()
    ends[0]?.()
    await settled()
    expect(realm.host.opened).toBe(2)
    expect(realm.host.outcomes).toEqual([])
  })

  it('are dropped with their session', async () => {
    const ends: (() => void)[] = []
    await listen('a', () => new Promise<void>((resolve) => ends.push(resolve)), { sequential: true })
    await emitted()
    realm.host.hold = ({ command }) => command === 'emit'
    const sent = emit('b')
    await settled()
    ends[0]?.()
    await settled()
    realm.host.endSession()
    realm.host.release()
    await sent
    await settled()
    expect(realm.host.opened).toBe(2)
    expect(settles()).toEqual([])
    expect(realm.reported.mock.calls).toEqual([])
  })
})

function boom(thrown: unknown = new TypeError('boom')): never {
  throw thrown
}
