import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { freshRealm } from './fake-host.js'
import { listPeriodic, startPeriodic, stopPeriodic } from './periodic.js'

let realm: ReturnType<typeof freshRealm>
beforeEach(() => {
  realm = freshRealm()
})
afterEach(() => {
  expect(realm.host.broken).toEqual([])
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})

it('starts a job with what was given and nothing else', async () => {
  const options = { everyMs: 1.5, payload: { a: 1 }, target: 'main', immediate: true, count: 5, id: 'c', replace: true }
  const clock = await startPeriodic('clock', options)
  expect(clock).toMatchObject({ id: 'c', event: 'clock', everyMs: 1.5 })
  await startPeriodic('plain', { everyMs: 10 })
  const jobs = realm.host.sent.map(({ args }) => args.job)
  expect(jobs).toEqual([
    {
      event: 'clock',
      everyMs: 1.5,
      payload: '{"a":1}',
      to: 'main',
      immediate: true,
      count: 5,
      id: 'c',
      replace: true,
    },
    { event: 'plain', everyMs: 10 },
  ])
})

it.each([Number.NaN, 0, -1, Number.POSITIVE_INFINITY])('refuses an interval of %s, naming it', async (everyMs) => {
  const message = expect.stringContaining(String(everyMs))
  await expect(startPeriodic('a', { everyMs })).rejects.toMatchObject({ code: 'invalid_interval', message })
  expect(realm.host.sent).toEqual([])
})

it('refuses a count that JSON would turn into none', async () => {
  const started = startPeriodic('a', { everyMs: 1, count: Number.NaN })
  await expect(started).rejects.toMatchObject({ code: 'invalid_argument' })
})

it('stops once, and a job that is gone counts as stopped', async () => {
  const clock = await startPeriodic('a', { everyMs: 1 })
  realm.host.jobs.clear()
  await Promise.all([clock.stop(), clock.stop()])
  await clock[Symbol.asyncDispose]()
  expect(realm.host.commands('stop_periodic').length).toBe(1)
})

it('tries to stop again after another failure', async () => {
  const clock = await startPeriodic('a', { everyMs: 1 })
  realm.host.refuse = () => ({ code: 'unavailable', message: 'down' })
  await expect(clock.stop()).rejects.toMatchObject({ code: 'unavailable' })
  realm.host.refuse = () => undefined
  await clock.stop()
  expect(realm.host.jobs.size).toBe(0)
})

it('lists jobs and stops them by id', async () => {
  await startPeriodic('a', { everyMs: 1, id: 'x' })
  expect((await listPeriodic()).map(({ id }) => id)).toEqual(['x'])
  await stopPeriodic('x')
  expect(await listPeriodic()).toEqual([])
  await expect(stopPeriodic('x')).rejects.toMatchObject({ code: 'unknown_job' })
})

it('names the owner of a job that is not its own', async () => {
  await startPeriodic('a', { everyMs: 1, id: 'x' })
  await stopPeriodic('x', { owner: { kind: 'host' } })
  expect(realm.host.commands('stop_periodic')[0]?.args).toMatchObject({ id: 'x', owner: { kind: 'host' } })
})

it('says what is missing where types do not', async () => {
  const untyped = startPeriodic as (event: string, options?: unknown) => Promise<unknown>
  await expect(untyped('a')).rejects.toMatchObject({
    code: 'invalid_argument',
    message: expect.stringContaining('everyMs'),
  })
  await expect(untyped('a', { everyMs: '10' })).rejects.toMatchObject({
    code: 'invalid_interval',
    message: expect.stringContaining('the string "10"'),
  })
})
