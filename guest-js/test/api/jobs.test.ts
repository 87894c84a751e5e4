import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { getJob, listJobs, startJob } from '../../src/api/jobs.js'
import { HOST } from '../../src/types/endpoint.js'
import { freshRealm } from '../realm.js'

let realm: ReturnType<typeof freshRealm>
beforeEach(() => {
  realm = freshRealm()
})
afterEach(() => {
  expect(realm.host.broken).toEqual([])
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})

it('sends exactly the given options', async () => {
  const options = { everyMs: 1.5, payload: { a: 1 }, to: 'main', immediate: true, count: 5, id: 'c', replace: true }
  const clock = await startJob('clock', options)
  expect(clock).toMatchObject({ id: 'c', event: 'clock', everyMs: 1.5 })
  await startJob('plain', { everyMs: 10 })
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
  await expect(startJob('a', { everyMs })).rejects.toMatchObject({ code: 'invalid_interval', message })
  expect(realm.host.sent).toEqual([])
})

it('refuses a count that JSON would lose', async () => {
  const started = startJob('a', { everyMs: 1, count: Number.NaN })
  await expect(started).rejects.toMatchObject({ code: 'invalid_argument' })
})

it('sends a job to everyone again with null', async () => {
  const clock = await startJob('a', { everyMs: 1, to: 'main' })
  await clock.update({ to: null })
  expect(JSON.stringify(realm.host.commands('update_job'))).toContain('"to":{"kind":"Any"}')
})

it('stops once, even if the job is gone', async () => {
  const clock = await startJob('a', { everyMs: 1 })
  realm.host.jobs.clear()
  await Promise.all([clock.stop(), clock.stop()])
  await clock[Symbol.asyncDispose]()
  expect(realm.host.commands('stop_job').length).toBe(1)
})

it('stops at the end of a block that uses it', async () => {
  {
    await using clock = await startJob('a', { everyMs: 1 })
    expect(realm.host.jobs.has(clock.id)).toBe(true)
  }
  expect(realm.host.commands('stop_job').length).toBe(1)
  expect(realm.host.jobs.size).toBe(0)
})

it('tries to stop again after another failure', async () => {
  const clock = await startJob('a', { everyMs: 1 })
  realm.host.refuse = () => ({ code: 'unavailable', message: 'down' })
  await expect(clock.stop()).rejects.toMatchObject({ code: 'unavailable' })
  realm.host.refuse = () => undefined
  await clock.stop()
  expect(realm.host.jobs.size).toBe(0)
})

it('lists jobs and stops them by id', async () => {
  await startJob('a', { everyMs: 1, id: 'x' })
  expect((await listJobs()).map(({ id }) => id)).toEqual(['x'])
  await (await getJob('x'))?.stop()
  expect(await listJobs()).toEqual([])
  expect(await getJob('x')).toBeUndefined()
})

it('names missing options of untyped code', async () => {
  const untyped = startJob as (event: string, options?: unknown) => Promise<unknown>
  await expect(untyped('a')).rejects.toMatchObject({
    code: 'invalid_argument',
    message: expect.stringContaining('everyMs'),
  })
  await expect(untyped('a', { everyMs: '10' })).rejects.toMatchObject({
    code: 'invalid_interval',
    message: expect.stringContaining('the string "10"'),
  })
  await expect(untyped('a', { every: 1_000 })).rejects.toMatchObject({
    code: 'invalid_interval',
    message: 'everyMs of "a" must be a number of milliseconds above 0, not undefined',
  })
})

it('sends every option and the args as JSON', async () => {
  const options = {
    startDelayMs: 5,
    missedTicks: 'burst',
    onlyWhileListened: true,
    jitterMs: 2,
    maxFailures: 3,
  } as const
  await startJob('cpu', { everyMs: 10, source: 'cpu', args: { core: 1 }, owner: HOST, ...options })
  const [sent] = realm.host.commands('start_job')
  const expected = { event: 'cpu', everyMs: 10, source: 'cpu', args: '{"core":1}', owner: HOST, ...options }
  expect(sent?.args.job).toEqual(expected)
})

it('names args that JSON cannot express', async () => {
  const starting = startJob('cpu', { everyMs: 10, source: 'cpu', args: { core: Number.NaN } })
  await expect(starting).rejects.toMatchObject({
    code: 'invalid_argument',
    message: expect.stringContaining('JSON cannot express the args of "cpu": NaN at `core`'),
  })
  expect(realm.host.commands('start_job')).toEqual([])
})

it.each(['startDelayMs', 'jitterMs', 'maxFailures'])('refuses %s that JSON would lose', async (key) => {
  const started = startJob('a', { everyMs: 1, [key]: Number.POSITIVE_INFINITY })
  const message = expect.stringContaining(key)
  await expect(started).rejects.toMatchObject({ code: 'invalid_argument', message })
})

it('controls a job by its handle', async () => {
  const clock = await startJob('a', { everyMs: 1, id: 'x' })
  expect(await clock.pause()).toMatchObject({ state: 'paused' })
  expect(await clock.resume()).toMatchObject({ state: 'running' })
  expect(await clock.update({ everyMs: 20, payload: [1], to: 'main' })).toMatchObject({ everyMs: 20 })
  const [sent] = realm.host.commands('update_job')
  expect(sent?.args.changes).toEqual({ everyMs: 20, payload: '[1]', to: 'main' })
  await (await getJob('x'))?.update({})
  const numbers = realm.host.commands('pause_job', 'update_job').map(({ args }) => args.number)
  expect(numbers).toEqual([1, 1, 1])
  expect(await clock.info()).toMatchObject({ id: 'x', everyMs: 20 })
  await clock.stop()
  expect(await clock.info()).toBeUndefined()
  await expect(clock.pause()).rejects.toMatchObject({ code: 'unknown_job' })
  await expect(clock.update({ everyMs: 0 })).rejects.toMatchObject({ code: 'invalid_interval' })
})

it('finds a job that an earlier page started', async () => {
  await startJob('a', { everyMs: 1, id: 'x' })
  const found = await getJob('x')
  expect(found).toMatchObject({ id: 'x', event: 'a' })
  await found?.[Symbol.asyncDispose]()
  expect(await getJob('x')).toBeUndefined()
})

it('finds a job of the given owner', async () => {
  await startJob('a', { everyMs: 1, id: 'x', owner: HOST })
  expect(await getJob('x')).toBeUndefined()
  const found = await getJob('x', { owner: { kind: 'host' } })
  await found?.stop()
  expect(realm.host.commands('stop_job')[0]?.args.owner).toEqual({ kind: 'host' })
})
