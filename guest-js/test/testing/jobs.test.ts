import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { emit, getJob, HOST, listen, listJobs, startJob, type Target } from '../../src/index.js'
import { createTestBus, type TestBus } from '../../src/testing/index.js'

const YEAR = 365 * 24 * 60 * 60 * 1000

let bus: TestBus
beforeEach(() => {
  bus = createTestBus()
})
afterEach(() => bus.dispose())

it.each([0.5, 0.999, YEAR + 1])('refuses an interval of %d ms', async (everyMs) => {
  const refused = { code: 'invalid_interval', message: expect.stringContaining(`${everyMs} ms`) }
  await expect(startJob('clock', { everyMs })).rejects.toMatchObject(refused)
  const clock = await startJob('clock', { everyMs: 1 })
  await expect(clock.update({ everyMs, payload: 1 })).rejects.toMatchObject(refused)
  await clock.update({ everyMs: YEAR })
  bus.tick(clock.id)
  expect(bus.emitted('clock')).toEqual([null])
})

it.each([
  ['nobody', 'unknown_target'],
  [[], 'invalid_argument'],
  ['', 'invalid_argument'],
  ['a[', 'invalid_pattern'],
] as [Target, string][])('refuses the target %j', async (target, code) => {
  await expect(startJob('clock', { everyMs: 10, to: target })).rejects.toMatchObject({ code })
  const clock = await startJob('clock', { everyMs: 10, to: 'main' })
  await expect(clock.update({ to: target, everyMs: 20 })).rejects.toMatchObject({ code })
  expect(await listJobs()).toMatchObject([{ to: 'main', everyMs: 10 }])
  expect(await clock.update({ to: { kind: 'Any' } })).toMatchObject({ to: { kind: 'Any' } })
})

it.each([
  [{ payload: 1, source: 'cpu' }, 'invalid_argument', 'not both'],
  [{ args: 1 }, 'invalid_argument', 'needs a `source`'],
  [{ source: 'disk' }, 'unknown_source', 'bus.jobSource("disk", …)'],
  [{ id: '' }, 'invalid_argument', '1 to 255'],
  [{ id: 'n'.repeat(256) }, 'invalid_argument', '1 to 255'],
  [{ id: 'a\u202eb' }, 'invalid_argument', 'U+202E'],
  [{ id: 'a\nb' }, 'invalid_argument', 'U+000A'],
  [{ jitterMs: 10 }, 'invalid_argument', 'shorter than the interval'],
  [{ jitterMs: -1 }, 'invalid_argument', 'jitterMs is -1 ms'],
  [{ startDelayMs: YEAR + 1 }, 'invalid_argument', 'startDelayMs'],
  [{ missedTicks: 'never' }, 'invalid_argument', '"never"'],
  [{ owner: 'page' }, 'invalid_argument', '"page"'],
])('refuses the options %j', async (options, code, part) => {
  bus.jobSource('cpu', () => 1)
  const started = startJob<unknown>('clock', { everyMs: 10, ...options } as never)
  await expect(started).rejects.toMatchObject({ code, message: expect.stringContaining(part) })
  expect(await listJobs()).toEqual([])
})

it('checks its name and payload', async () => {
  const reserved = startJob('event-bus:clock', { everyMs: 10 })
  await expect(reserved).rejects.toMatchObject({ code: 'reserved_event_name' })
  const most = 'x'.repeat(16 * 1024 * 1024 - 2)
  const clock = await startJob('clock', { everyMs: 10, payload: most, id: 'n'.repeat(255) })
  await expect(clock.update({ payload: `${most}x` })).rejects.toMatchObject({ code: 'payload_too_large' })
  const long = startJob('clock', { everyMs: 10, payload: `${most}x` })
  await expect(long).rejects.toMatchObject({ code: 'payload_too_large' })
})

it('is reported as by the host', async () => {
  const clock = await startJob('clock', { everyMs: 10, to: ['main'], id: 'c' })
  const told = {
    id: 'c',
    number: 1,
    event: 'clock',
    everyMs: 10,
    to: 'main',
    immediate: false,
    count: null,
    ticks: 0,
    missed: 0,
    failed: 0,
    owner: { kind: 'webview', label: 'main' },
    state: 'running',
    nextAt: null,
    missedTicks: 'skip',
    onlyWhileListened: false,
    jitterMs: 0,
    source: null,
    maxFailures: null,
    lastError: null,
    at: null,
  }
  expect(await clock.info()).toEqual(told)
  const options = { count: 3, jitterMs: 5, maxFailures: 2, missedTicks: 'burst', onlyWhileListened: true } as const
  await startJob('clock', { everyMs: 10, id: 'b', immediate: true, ...options })
  const other = { ...told, ...options, id: 'b', number: 2, to: null, immediate: true, state: 'idle' }
  expect(await listJobs()).toEqual([other, told])
})

it('is another one once it was replaced', async () => {
  const first = await startJob('clock', { everyMs: 10, id: 'c' })
  const second = await startJob('clock', { everyMs: 20, id: 'c', replace: true })
  await expect(first.pause()).rejects.toMatchObject({ code: 'unknown_job' })
  await first.stop()
  expect(await first.info()).toBeUndefined()
  expect(await second.info()).toMatchObject({ everyMs: 20, number: 2, state: 'running' })
})

it('belongs to the page or the host', async () => {
  const own = await startJob('clock', { everyMs: 10, id: 'c' })
  const app = await startJob('clock', { everyMs: 20, id: 'c', owner: HOST })
  expect((await app.info())?.owner).toEqual({ kind: 'host' })
  expect((await getJob('c', { owner: HOST }))?.everyMs).toBe(20)
  await own.stop()
  bus.tick('c')
  expect(bus.history('clock')[0]?.source).toEqual({ kind: 'webview', label: 'main' })
  expect(await getJob('c')).toBeUndefined()
  await (await getJob('c', { owner: HOST }))?.stop()
  expect(await listJobs()).toEqual([])
})

it('takes its payloads from a source of the test', async () => {
  let load = 0
  const end = bus.jobSource('load', (args) => {
    load += 1
    if (load === 2) throw new Error('no sensor')
    return { args, load }
  })
  expect(() => bus.jobSource('load', () => 1)).toThrow('"load"')
  const job = await startJob('machine:load', { everyMs: 10, source: 'load', args: [0], id: 'l' })
  await startJob('machine:load', { everyMs: 10, source: 'load' })
  expect(await job.info()).toMatchObject({ source: 'load', maxFailures: 10 })
  await expect(job.update({ payload: 1 })).rejects.toMatchObject({ code: 'invalid_argument' })
  bus.tick('l')
  const failure = { code: 'source_failed', message: 'the job source "load" failed: no sensor' }
  expect(() => bus.tick('l')).toThrow(expect.objectContaining(failure))
  expect(await job.info()).toMatchObject({ ticks: 2, failed: 1, lastError: failure })
  bus.tick('l')
  expect(bus.emitted('machine:load')).toEqual([
    { args: [0], load: 1 },
    { args: [0], load: 3 },
  ])
  end()
  await expect(startJob('a', { everyMs: 10, source: 'load' })).rejects.toMatchObject({ code: 'unknown_source' })
})

it('ends after its failures in a row', async () => {
  const refused = expect.objectContaining({ code: 'denied' })
  const job = await startJob('clock', { everyMs: 10, id: 'c', maxFailures: 2 })
  let allow = bus.refuse('clock')
  expect(() => bus.tick('c')).toThrow(refused)
  allow()
  bus.tick('c')
  allow = bus.refuse('clock')
  expect(() => bus.tick('c')).toThrow(refused)
  expect(await job.info()).toMatchObject({ ticks: 3, failed: 2, lastError: { code: 'denied' } })
  expect(() => bus.tick('c')).toThrow(refused)
  expect(await job.info()).toBeUndefined()
  const soon = await startJob('clock', { everyMs: 10, immediate: true })
  expect(await soon.info()).toMatchObject({ ticks: 1, failed: 1 })
})

it('is idle until somebody listens', async () => {
  const job = await startJob('clock', { everyMs: 10, id: 'c', to: 'main', onlyWhileListened: true })
  expect(() => bus.tick('c')).toThrow('has no listener')
  bus.listen('clock', () => {})
  expect(() => bus.tick('c')).toThrow('has no listener')
  expect(await job.info()).toMatchObject({ state: 'idle', ticks: 0 })
  const handler = vi.fn()
  await listen('clock', handler)
  bus.tick('c')
  await emit('other')
  await bus.settled()
  expect(handler).toHaveBeenCalledTimes(1)
  expect(await job.info()).toMatchObject({ state: 'running', ticks: 1 })
})
