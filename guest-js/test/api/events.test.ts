import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { events } from '../../src/api/events.js'
import { unlisten } from '../../src/api/listen.js'
import { isGap } from '../../src/types/gap.js'
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

it('yields events in order and ends with the loop', async () => {
  const stream = events('a')
  await settled()
  for (const payload of [1, 2, 3]) realm.host.emit('a', payload)
  const seen: unknown[] = []
  for await (const value of stream) {
    if (isGap(value)) continue
    seen.push(value.payload)
    if (value.payload === 2) break
  }
  await settled()
  expect(seen).toEqual([1, 2])
  expect(realm.host.session?.subscriptions.size).toBe(0)
  await expect(stream.next()).resolves.toEqual({ done: true, value: undefined })
})

it('ends with stop, which drops what was buffered', async () => {
  const stream = events('a')
  await settled()
  realm.host.emit('a', 1)
  await settled()
  const { stop } = stream
  stop()
  await expect(stream.next()).resolves.toEqual({ done: true, value: undefined })
  const waiting = events('a')
  const next = waiting.next()
  waiting.stop()
  await expect(next).resolves.toEqual({ done: true, value: undefined })
  await settled()
  expect(realm.host.session?.subscriptions.size).toBe(0)
})

it('replaces the oldest events by one gap', async () => {
  const stream = events('a', { buffer: 2 })
  await settled()
  for (const payload of [1, 2, 3, 4, 5]) realm.host.emit('a', payload)
  await settled()
  const gap = { from: 1, to: 3, count: 3, atMost: false, reason: 'buffer_full' }
  expect((await stream.next()).value).toEqual(gap)
  expect((await stream.next()).value).toMatchObject({ payload: 4 })
  expect((await stream.next()).value).toMatchObject({ payload: 5 })
})

it('counts what a dropped event had replaced', async () => {
  const stream = events('a', { buffer: 1 })
  await settled()
  realm.host.emit('a', 1)
  realm.host.seq += 2
  realm.host.emit('a', 4, { superseded: 2 })
  realm.host.emit('a', 5)
  await settled()
  const gap = { from: 1, to: 4, count: 4, atMost: false, reason: 'buffer_full' }
  expect((await stream.next()).value).toEqual(gap)
  expect((await stream.next()).value).toMatchObject({ payload: 5 })
})

it("yields the host's gaps", async () => {
  const stream = events('a')
  await settled()
  realm.host.push({ from: 1, to: 9, count: 9, atMost: true, reason: 'queue_full', subscriptions: [1] })
  const { value } = await stream.next()
  expect(isGap(value)).toBe(true)
  expect(value).toEqual({ from: 1, to: 9, count: 9, atMost: true, reason: 'queue_full' })
})

it('rejects next when the host refuses', async () => {
  realm.host.refuseEntry = () => ({ code: 'denied', message: 'no' })
  await expect(events('a').next()).rejects.toMatchObject({ code: 'denied' })
  const stream = events('b')
  await settled()
  await expect(stream.next()).rejects.toMatchObject({ code: 'denied' })
  await expect(stream.next()).resolves.toMatchObject({ done: true })
})

it('ends by its signal, unlisten and dispose', async () => {
  const control = new AbortController()
  const aborted = events('a', { signal: control.signal })
  const unlistened = events('b')
  const disposed = events('c')
  const waiting = [aborted.next(), unlistened.next(), disposed.next()]
  await settled()
  control.abort()
  expect(unlisten('b')).toBe(1)
  await disposed[Symbol.asyncDispose]()
  expect(await Promise.all(waiting)).toEqual(Array(3).fill({ done: true, value: undefined }))
  await settled()
  expect(realm.host.session?.subscriptions.size).toBe(0)
})

it('removes its abort listener however it ends', async () => {
  const { signal } = new AbortController()
  const [added, removed] = [vi.spyOn(signal, 'addEventListener'), vi.spyOn(signal, 'removeEventListener')]
  const rest = () => {
    const left = added.mock.calls.map(([, listener]) => listener)
    for (const [, listener] of removed.mock.calls) {
      const place = left.indexOf(listener as (typeof left)[number])
      if (place >= 0) left.splice(place, 1)
    }
    return left.length
  }
  events('unlistened', { signal })
  const returned = events('returned', { signal })
  await settled()
  expect(rest()).toBeGreaterThan(0)
  unlisten('unlistened')
  await returned.return()
  realm.host.refuseEntry = () => ({ code: 'denied', message: 'no' })
  await expect(events('refused', { signal }).next()).rejects.toMatchObject({ code: 'denied' })
  expect(rest()).toBe(0)
})

it('drops what is buffered when its signal aborts', async () => {
  const control = new AbortController()
  const stream = events('a', { signal: control.signal })
  await settled()
  realm.host.emit('a')
  await settled()
  control.abort()
  await expect(stream.next()).resolves.toEqual({ done: true, value: undefined })
})

it('refuses a buffer that holds nothing', async () => {
  await expect(events('a', { buffer: 0 }).next()).rejects.toMatchObject({ code: 'invalid_argument' })
  expect(realm.host.sent).toEqual([])
})
