import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { emit } from './emit.js'
import { endOfTask, freshRealm, settled } from './fake-host.js'
import { newestOf, sharedState } from './latest.js'

let realm: ReturnType<typeof freshRealm>
beforeEach(() => {
  realm = freshRealm()
})
afterEach(() => {
  expect(realm.host.broken).toEqual([])
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})

it('keeps the newest payload while nobody subscribes, and tells of it once', async () => {
  const newest = newestOf('a')
  const changed = vi.fn()
  const off = newest.subscribe(changed)
  await settled()
  realm.host.emit('a', 1, undefined, true)
  await settled()
  off()
  newest.subscribe(changed)
  await settled()
  expect(newest.get()).toBe(1)
  expect(changed).toHaveBeenCalledTimes(1)
})

it('waits with what others set while an own value is on its way', async () => {
  const state = sharedState('zoom', 0)
  const shown: number[] = []
  state.subscribe(() => shown.push(state.get()))
  await settled()
  realm.host.hold = ({ command }) => command === 'emit'
  state.set(1)
  realm.host.emit('zoom', 9, undefined, true)
  await settled()
  expect(shown).toEqual([1])
  realm.host.release()
  await settled()
  // The host has accepted the own value after the other one.
  expect(shown).toEqual([1])
})

it('holds what the host accepted last, also where that is not its own', async () => {
  const state = sharedState('zoom', 0)
  state.subscribe(() => {})
  await settled()
  const [first] = [emit('other'), state.set(1)]
  await first
  await settled()
  realm.host.emit('zoom', 2, undefined, true)
  await settled()
  expect(state.get()).toBe(2)
})

it('takes back what was refused, as far as nothing else came', async () => {
  const onError = vi.fn()
  const state = sharedState('zoom', 0, { onError })
  const shown: number[] = []
  state.subscribe(() => shown.push(state.get()))
  await settled()
  realm.host.refuseEntry = (_, { payload }) => (payload === '2' ? { code: 'denied', message: 'no' } : undefined)
  state.set(1)
  state.set(2)
  await settled()
  expect(shown).toEqual([1, 2, 1])
  state.set(2)
  realm.host.emit('zoom', 5)
  await settled()
  expect(state.get()).toBe(5)
  expect(onError).toHaveBeenCalledTimes(2)
})

it('refuses what JSON cannot express, and is what it was', async () => {
  const state = sharedState('zoom', 0)
  state.set(Number.NaN)
  expect(state.get()).toBe(Number.NaN)
  await settled()
  expect(state.get()).toBe(0)
  expect(realm.reported.mock.calls).toEqual([[expect.objectContaining({ code: 'invalid_payload' })]])
})

it('subscribes again after a gap, for the value that the gap has swallowed', async () => {
  const state = sharedState('zoom', 0)
  state.subscribe(() => {})
  await settled()
  realm.host.seq += 1
  realm.host.retained.set('zoom', { seq: 1, event: 'zoom', payload: 7 })
  realm.host.push({ from: 1, to: 1, count: 1, atMost: false, reason: 'queue_full', subscriptions: [1] })
  await settled()
  expect(state.get()).toBe(7)
  expect(realm.host.session?.subscriptions.size).toBe(1)
  expect(realm.warned).not.toHaveBeenCalled()
})

it('reports a refused subscription once', async () => {
  realm.host.refuseEntry = () => ({ code: 'denied', message: 'no' })
  const onError = vi.fn()
  newestOf('a').subscribe(() => {})
  newestOf('a', { onError }).subscribe(() => {})
  await settled()
  await endOfTask()
  expect(realm.reported).toHaveBeenCalledTimes(1)
  expect(onError).toHaveBeenCalledTimes(1)
})
