import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { listen, will } from '../../src/index.js'
import { freshRealm, settled } from '../realm.js'

let realm: ReturnType<typeof freshRealm>
beforeEach(() => {
  realm = freshRealm()
})
afterEach(async () => {
  await settled()
  expect(realm.host.broken).toEqual([])
  expect(realm.reported).not.toHaveBeenCalled()
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})

/** The entries of wills that were sent. */
function sent() {
  const commands = realm.host.commands('emit', 'emit_to')
  return commands.flatMap(({ command, args }) => (args.events as object[]).map((entry) => ({ command, ...entry })))
}

it('leaves an event with the host, and takes it back', async () => {
  const first = await will('closed', { draft: 1 })
  const second = await will('closed', undefined, { to: 'main', afterMs: 10_000 })
  await first.stop()
  await first.stop()
  await second.stop()
  expect(sent()).toEqual([
    { command: 'emit', event: 'closed', payload: '{"draft":1}', will: { id: 1 } },
    { command: 'emit_to', event: 'closed', to: 'main', will: { id: 2, afterMs: 10_000 } },
    { command: 'emit', event: 'closed', will: { id: 1, stop: true } },
    { command: 'emit_to', event: 'closed', to: 'main', will: { id: 2, stop: true } },
  ])
})

it('can be stopped again where the host refused that', async () => {
  const closed = await will('closed', 1)
  realm.host.refuseEntry = () => ({ code: 'rate_limited', message: 'slow down' })
  await expect(closed.stop()).rejects.toMatchObject({ code: 'rate_limited' })
  realm.host.refuseEntry = () => undefined
  await closed.stop()
  await closed.stop()
  const stopped = { command: 'emit', event: 'closed', will: { id: 1, stop: true } }
  expect(sent().slice(1)).toEqual([stopped, stopped])
})

it('keeps the pull of a page until it is stopped', async () => {
  const closed = await will('closed', 1)
  await settled()
  expect(realm.host.pullsInFlight).toBe(1)
  await closed.stop()
  await settled()
  // What was held ends with its hold.
  realm.host.session?.pull?.resolve({ items: [], heads: [], first: 0, more: false })
  await settled()
  expect(realm.host.pullsInFlight).toBe(0)
})

it('keeps the pull in a new session, with no listener', async () => {
  const closed = await will('closed', 1)
  await settled()
  realm.host.endSession()
  await settled()
  expect(realm.host.pullsInFlight).toBe(1)
  await closed.stop()
})

it('is repeated in a new session', async () => {
  const off = listen('x', () => {})
  await off
  const closed = await will('closed', 1)
  const stopped = await will('stopped', 1)
  await stopped.stop()
  await settled()
  realm.host.endSession()
  await settled()
  const last = realm.host.commands('subscribe', 'emit').slice(-2)
  expect(last.map(({ command }) => command)).toEqual(['subscribe', 'emit'])
  expect(sent().slice(-1)[0]).toMatchObject({ event: 'closed', payload: '1', will: { id: 1 } })
  await closed.stop()
  off()
})

it('is repeated later where a rate refuses it', async () => {
  vi.useFakeTimers()
  const closed = await will('closed', 1)
  const stopped = await will('stopped', 1)
  await settled()
  realm.host.refuseEntry = () => ({ code: 'rate_limited', message: 'too fast', retryAfterMs: 700 })
  realm.host.endSession()
  await settled()
  realm.host.refuseEntry = () => undefined
  await stopped.stop()
  const before = sent().length
  await vi.advanceTimersByTimeAsync(699)
  expect(sent()).toHaveLength(before)
  await vi.advanceTimersByTimeAsync(1)
  await settled()
  expect(sent().slice(before)).toEqual([{ command: 'emit', event: 'closed', payload: '1', will: { id: 1 } }])
  await closed.stop()
  vi.useRealTimers()
})

it('is none where the host refuses it', async () => {
  realm.host.refuseEntry = (command) => (command === 'emit' ? { code: 'queue_full', message: 'full' } : undefined)
  await expect(will('closed')).rejects.toMatchObject({ code: 'queue_full' })
  realm.host.refuseEntry = () => undefined
  const off = listen('x', () => {})
  await off
  realm.host.endSession()
  await settled()
  expect(sent()).toHaveLength(1)
  off()
})

it.each([Number.NaN, Number.POSITIVE_INFINITY])('has no delay of %s ms', async (afterMs) => {
  await expect(will('closed', 1, { afterMs })).rejects.toMatchObject({ code: 'invalid_argument' })
})
