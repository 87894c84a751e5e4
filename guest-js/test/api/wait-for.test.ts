import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { unlisten } from '../../src/api/listen.js'
import { waitFor } from '../../src/api/wait-for.js'
import { endOfTask, freshRealm, settled } from '../realm.js'

let realm: ReturnType<typeof freshRealm>
beforeEach(() => {
  realm = freshRealm()
})
afterEach(async () => {
  vi.useRealTimers()
  await settled()
  await endOfTask()
  expect(realm.host.session?.subscriptions.size ?? 0).toBe(0)
  expect(realm.host.broken).toEqual([])
  expect(realm.reported).not.toHaveBeenCalled()
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})

it('resolves to the first event', async () => {
  const waiting = waitFor('a')
  await settled()
  realm.host.emit('b', 0)
  realm.host.emit('a', 1)
  realm.host.emit('a', 2)
  expect(await waiting).toMatchObject({ event: 'a', payload: 1 })
})

it('resolves to the first event that its filter takes', async () => {
  const filter = vi.fn(({ payload }: { payload: number }) => payload > 1)
  const waiting = waitFor<number>('a', { filter })
  await settled()
  for (const payload of [1, 2, 3]) realm.host.emit('a', payload)
  expect((await waiting).payload).toBe(2)
  expect(filter).toHaveBeenCalledTimes(2)
})

it('counts a retained event, unless it is left out', async () => {
  const before = waitFor('a')
  await settled()
  realm.host.emit('a', 1, undefined, true)
  await before
  expect((await waitFor('a')).payload).toBe(1)
  const next = waitFor('a', { retained: false, replay: false })
  await settled()
  realm.host.emit('a', 2)
  expect((await next).payload).toBe(2)
  const sent = realm.host.commands('subscribe').flatMap(({ args }) => args.subscriptions as object[])
  expect(sent[2]).toMatchObject({ retained: false, replay: false })
})

it('rejects with what the filter throws', async () => {
  const failure = new Error('on purpose')
  const waiting = waitFor('a', {
    filter: () => {
      throw failure
    },
  })
  await settled()
  realm.host.emit('a')
  await expect(waiting).rejects.toBe(failure)
})

it('refuses a filter that returns a promise', async () => {
  const filter = (async ({ payload }: { payload: unknown }) => payload === 2) as unknown as () => boolean
  const waiting = waitFor('a', { filter })
  await settled()
  realm.host.emit('a', 1)
  await expect(waiting).rejects.toMatchObject({
    code: 'invalid_argument',
    message: 'the filter of "a" returned a promise; expected true or false at once',
  })
})

it('refuses a filter that is no function', async () => {
  const waiting = waitFor('a', { filter: 'b' as unknown as () => boolean })
  await expect(waiting).rejects.toMatchObject({
    code: 'invalid_argument',
    message: 'the filter of "a" is of type string; expected a function',
  })
})

it('rejects after its time, from the call on', async () => {
  vi.useFakeTimers()
  realm.host.hold = ({ command }) => command === 'subscribe'
  const waiting = waitFor('a', { timeoutMs: 50 })
  const refused = expect(waiting).rejects.toMatchObject({
    code: 'timeout',
    message: 'no event of "a" came within 50 ms',
  })
  await vi.advanceTimersByTimeAsync(50)
  await refused
  realm.host.release()
})

it('leaves no timer and no signal listener behind', async () => {
  vi.useFakeTimers()
  const { signal } = new AbortController()
  const removed = vi.spyOn(signal, 'removeEventListener')
  const waiting = waitFor('a', { timeoutMs: 50, signal })
  await settled()
  realm.host.emit('a')
  await waiting
  expect(vi.getTimerCount()).toBe(0)
  expect(removed).toHaveBeenCalled()
})

it.each([Number.NaN, 0, -1, Number.POSITIVE_INFINITY, 86_400_001])('refuses %s ms, naming it', async (timeoutMs) => {
  const message = expect.stringContaining(`not ${timeoutMs}`)
  await expect(waitFor('a', { timeoutMs })).rejects.toMatchObject({ code: 'invalid_argument', message })
  expect(realm.host.sent).toEqual([])
})

it('rejects with the reason of its signal', async () => {
  const ended = new AbortController()
  const reason = new Error('closed')
  const waiting = waitFor('a', { signal: ended.signal })
  await settled()
  ended.abort(reason)
  await expect(waiting).rejects.toBe(reason)
  await expect(waitFor('a', { signal: ended.signal })).rejects.toBe(reason)
})

it('rejects with the error of its subscription', async () => {
  realm.host.refuseEntry = () => ({ code: 'denied', message: 'no' })
  await expect(waitFor('a')).rejects.toMatchObject({ code: 'denied' })
  await expect(waitFor(7 as never)).rejects.toMatchObject({ code: 'invalid_event_name' })
  vi.stubGlobal('window', undefined)
  await expect(waitFor('a')).rejects.toMatchObject({ code: 'unavailable' })
})

it('leaves nothing behind when it is refused at once', async () => {
  vi.useFakeTimers()
  const { signal } = new AbortController()
  const added = vi.spyOn(signal, 'addEventListener')
  const removed = vi.spyOn(signal, 'removeEventListener')
  const refused = waitFor('tauri://focus', { timeoutMs: 3_000, signal })
  await expect(refused).rejects.toMatchObject({ code: 'reserved_event_name' })
  // Any other timer is shorter.
  vi.advanceTimersByTime(1_000)
  expect(vi.getTimerCount()).toBe(0)
  const left = added.mock.invocationCallOrder.filter(
    (order) => !removed.mock.invocationCallOrder.some((later) => later > order),
  )
  expect(left).toEqual([])
})

it('rejects when unlisten ends it', async () => {
  const waiting = waitFor('a')
  await settled()
  expect(unlisten('a')).toBe(1)
  await expect(waiting).rejects.toMatchObject({ code: 'cancelled' })
})
