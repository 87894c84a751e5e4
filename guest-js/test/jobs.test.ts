import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import {
  getPeriodic,
  listPeriodic,
  pausePeriodic,
  resumePeriodic,
  startPeriodic,
  stopPeriodic,
  updatePeriodic,
} from '../src/api/jobs.js'
import { freshRealm } from './fake-host.js'

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

it('stops at the end of a block that uses it', async () => {
  {
    await using clock = await startPeriodic('a', { everyMs: 1 })
    expect(realm.host.jobs.has(clock.id)).toBe(true)
  }
  expect(realm.host.commands('stop_periodic').length).toBe(1)
  expect(realm.host.jobs.size).toBe(0)
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
  await expect(untyped('a', { every: 1_000 })).rejects.toMatchObject({
    code: 'invalid_interval',
    message: 'everyMs of "a" is missing; it is a number of milliseconds above 0',
  })
})

it('sends every option, and the arguments of a source as JSON', async () => {
  const options = {
    startDelayMs: 5,
    missedTicks: 'burst',
    onlyWhileListened: true,
    jitterMs: 2,
    maxFailures: 3,
  } as const
  await startPeriodic('cpu', { everyMs: 10, source: 'cpu', args: { core: 1 }, owner: 'app', ...options })
  const [sent] = realm.host.commands('start_periodic')
  const expected = { event: 'cpu', everyMs: 10, source: 'cpu', args: '{"core":1}', owner: 'app', ...options }
  expect(sent?.args.job).toEqual(expected)
})

it('names the arguments of a source that JSON does not have', async () => {
  const starting = startPeriodic('cpu', { everyMs: 10, source: 'cpu', args: { core: Number.NaN } })
  await expect(starting).rejects.toMatchObject({
    code: 'invalid_argument',
    message: expect.stringContaining('the args of "cpu" cannot be expressed in JSON: NaN at `core`'),
  })
  expect(realm.host.commands('start_periodic')).toEqual([])
})

it.each(['startDelayMs', 'jitterMs', 'maxFailures'])('refuses %s that JSON would turn into none', async (key) => {
  const started = startPeriodic('a', { everyMs: 1, [key]: Number.POSITIVE_INFINITY })
  const message = expect.stringContaining(key)
  await expect(started).rejects.toMatchObject({ code: 'invalid_argument', message })
})

it('pauses, resumes and changes a job, by its handle and by its id', async () => {
  const clock = await startPeriodic('a', { everyMs: 1, id: 'x' })
  expect(await clock.pause()).toMatchObject({ state: 'paused' })
  expect(await clock.resume()).toMatchObject({ state: 'running' })
  expect(await clock.update({ everyMs: 20, payload: [1], target: 'main' })).toMatchObject({ everyMs: 20 })
  const [sent] = realm.host.commands('update_periodic')
  expect(sent?.args.changes).toEqual({ everyMs: 20, payload: '[1]', to: 'main' })
  await pausePeriodic('x', { owner: { kind: 'host' } })
  await resumePeriodic('x')
  await updatePeriodic('x', {})
  expect(await clock.info()).toMatchObject({ id: 'x', everyMs: 20 })
  await clock.stop()
  expect(await clock.info()).toBeUndefined()
  await expect(clock.pause()).rejects.toMatchObject({ code: 'unknown_job' })
  await expect(updatePeriodic('x', { everyMs: 0 })).rejects.toMatchObject({ code: 'invalid_interval' })
})

it('finds a job again that an earlier page started', async () => {
  await startPeriodic('a', { everyMs: 1, id: 'x' })
  const found = await getPeriodic('x')
  expect(found).toMatchObject({ id: 'x', event: 'a' })
  await found?.[Symbol.asyncDispose]()
  expect(await getPeriodic('x')).toBeUndefined()
})

it('finds one of the owner that is named', async () => {
  await startPeriodic('a', { everyMs: 1, id: 'x', owner: 'app' })
  expect(await getPeriodic('x')).toBeUndefined()
  const found = await getPeriodic('x', { owner: { kind: 'host' } })
  await found?.stop()
  expect(realm.host.commands('stop_periodic')[0]?.args.owner).toEqual({ kind: 'host' })
})
