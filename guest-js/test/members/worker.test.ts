import { afterEach, beforeEach, describe, expect, it, type Mock, vi } from 'vitest'
import { emit, listen, request, respond, unlisten } from '../../src/index.js'
import { HOST } from '../../src/types/endpoint.js'
import { dedicatedWorker, Workers, workerRealm } from './member.js'

/** The payload of the first event that a handler got. */
const payloadOf = (handler: Mock) => handler.mock.calls[0]?.[0]?.payload

let workers: Workers
beforeEach(() => {
  workers = new Workers({ retain: ['settings'] })
})
afterEach(async () => {
  expect(workers.reported.mock.calls).toEqual([])
  await workers.end()
})

describe('a worker', () => {
  it('is told its source and the label of its page', async () => {
    const { exposed, port } = workers.expose({ name: 'indexer' })
    expect(exposed.name).toBe('worker:indexer')
    const realm = await workerRealm()
    expect(realm.isAvailable()).toBe(false)
    await expect(realm.connect(port)).resolves.toEqual({ name: 'worker:indexer', label: 'main' })
    await exposed.connected
    expect(realm.isAvailable()).toBe(true)
  })

  it('emits under its own source', async () => {
    const { realm } = await workers.start({ name: 'indexer' })
    const receipt = await realm.emit('file:indexed', { path: 'a' })
    expect(receipt.seq).toBe(1)
    await realm.component('List').emit('file:listed', 1)
    await realm.emitTo(HOST, 'file:done', 2)
    expect(workers.bus.history().map(({ event, component, source }) => [event, component, source])).toEqual([
      ['file:indexed', 'worker:indexer', { kind: 'webview', label: 'main' }],
      ['file:listed', 'worker:indexer/List', { kind: 'webview', label: 'main' }],
      ['file:done', 'worker:indexer', { kind: 'webview', label: 'main' }],
    ])
  })

  it('receives in order what its page does not', async () => {
    const { realm } = await workers.start()
    const received = vi.fn()
    await realm.listen('log:*', received)
    for (let i = 0; i < 2_000; i += 1) workers.bus.emit(i % 3 === 0 ? 'log:a' : 'log:b', { i })
    workers.bus.emit('other', null)
    await vi.waitFor(() => expect(received).toHaveBeenCalledTimes(2_000))
    const events = received.mock.calls.map(([event]) => event)
    expect(events.map(({ payload }) => payload.i)).toEqual(Array.from({ length: 2_000 }, (_, i) => i))
    expect(events[4]).toMatchObject({ event: 'log:b', seq: 5, replayed: false, retained: false })
    expect(Math.abs(events[4].timestamp - Date.now())).toBeLessThan(60_000)
  })

  it('tells that it is busy while handlers are slow', async () => {
    const posted = vi.spyOn(MessagePort.prototype, 'postMessage')
    let now = 0
    const realm = await workerRealm({ performance: { now: () => now } })
    const { port } = workers.expose()
    await realm.connect(port)
    const handled: number[] = []
    await realm.listen('slow', ({ payload }) => {
      now += 1_000
      handled.push(payload as number)
    })
    posted.mockClear()
    for (let i = 0; i < 30; i += 1) workers.bus.emit('slow', i)
    const told = () =>
      posted.mock.calls.flatMap(([message]) => {
        const { busy, done } = (message ?? {}) as { busy?: number; done?: number }
        return busy ? [['busy', busy]] : done ? [['done', done]] : []
      })
    await vi.waitFor(() => expect(handled).toHaveLength(30))
    await vi.waitFor(() => expect(told().slice(-1)[0]?.[0]).toBe('done'))
    const number = told().slice(-1)[0]?.[1]
    const busy = told().filter(([word]) => word === 'busy')
    expect(busy.length).toBeGreaterThan(1)
    expect(new Set(busy.map(([, of]) => of))).toEqual(new Set([number]))
    posted.mockRestore()
  })

  it('shares an event with its page', async () => {
    const { realm } = await workers.start()
    const here = vi.fn()
    const there = vi.fn()
    const twice = vi.fn()
    await listen('photo', here)
    await realm.listen('photo', there)
    await realm.listen('*', twice)
    workers.bus.emit('photo', { pixels: new Uint8Array([1, 2, 3]) })
    await vi.waitFor(() => expect(twice).toHaveBeenCalledTimes(1))
    for (const handler of [here, there, twice]) {
      expect([...payloadOf(handler).pixels]).toEqual([1, 2, 3])
    }
  })

  it('gets retained events and their marks', async () => {
    workers.bus.emit('settings', { theme: 'dark' })
    const { realm } = await workers.start()
    const received = vi.fn()
    await realm.listen('settings', received)
    await vi.waitFor(() => expect(received).toHaveBeenCalledTimes(1))
    expect(received.mock.calls[0]?.[0]).toMatchObject({ payload: { theme: 'dark' }, retained: true })
  })

  it('carries causes both ways', async () => {
    const { realm } = await workers.start({ name: 'chain' })
    await realm.listen('a', () => void realm.emit('b'))
    const received = vi.fn()
    await listen('b', received)
    await emit('a')
    await vi.waitFor(() => expect(received).toHaveBeenCalledTimes(1))
    expect(received.mock.calls[0]?.[0]).toMatchObject({ causes: ['a'], component: 'worker:chain' })
  })

  it('keeps its listeners when its page unlistens', async () => {
    const { realm } = await workers.start()
    const received = vi.fn()
    await realm.listen('a', received)
    await listen('a', vi.fn())
    expect(unlisten('a')).toBe(1)
    workers.bus.emit('a', 1)
    await vi.waitFor(() => expect(received).toHaveBeenCalledTimes(1))
    expect(realm.unlisten('a')).toBe(1)
    await vi.waitFor(() => expect(workers.bus.listeners()).toBe(0))
  })

  it('gets gaps of the host', async () => {
    const { realm } = await workers.start()
    const gaps = vi.fn()
    await realm.listen('a', vi.fn(), { onGap: gaps })
    const gap = workers.bus.gap('a', { count: 5 })
    await vi.waitFor(() => expect(gaps).toHaveBeenCalledTimes(1))
    expect(gaps.mock.calls[0]?.[0]).toEqual(gap)
  })

  it('lists pages, and keeps its listeners', async () => {
    const { realm } = await workers.start()
    const received = vi.fn()
    await realm.listen('a', received)
    workers.bus.page('editor')
    const [listed] = await Promise.all([realm.pages(), realm.listen('b', vi.fn())])
    expect(listed.map(({ label }) => label)).toEqual(['main', 'editor'])
    workers.bus.emit('a', 1)
    await vi.waitFor(() => expect(received).toHaveBeenCalledTimes(1))
  })

  it('learns what becomes of its events', async () => {
    const { realm } = await workers.start()
    await listen('save', () => {})
    workers.bus.page('editor').listen('save', () => {
      throw new Error('disk full')
    })
    const { receipt, pages } = await realm.emitHandled('save')
    expect(receipt).toMatchObject({ pages: 2 })
    expect(pages).toEqual([
      { page: 'editor', outcome: 'failed', name: 'Error', message: 'disk full' },
      { page: 'main', outcome: 'handled' },
    ])
    expect(workers.reported.mock.calls).toEqual([[new Error('disk full')]])
    workers.reported.mockClear()
    workers.bus.refuse('secret')
    await expect(realm.emitHandled('secret')).rejects.toMatchObject({ code: 'denied' })
  })

  it('is no page', async () => {
    const { realm } = await workers.start()
    const refused: (() => Promise<unknown>)[] = [
      () => realm.ready(),
      () => realm.presence('doc').join(1),
      () => realm.will('a'),
      () => realm.tap().next(),
    ]
    for (const call of refused) {
      await expect(call()).rejects.toMatchObject({ code: 'unavailable', message: expect.stringContaining('page') })
    }
    await expect(realm.emit('a')).resolves.toMatchObject({ seq: 1 })
  })

  it('has its errors', async () => {
    const { realm } = await workers.start()
    await expect(realm.emitTo('nowhere', 'a')).rejects.toMatchObject({ code: 'unknown_target' })
    await expect(realm.emit('a b')).rejects.toMatchObject({ code: 'invalid_event_name' })
    await expect(realm.emit('a', 1n as never)).rejects.toMatchObject({ code: 'invalid_payload' })
    workers.bus.refuse('secret')
    await expect(realm.listen('secret', vi.fn()).then()).rejects.toMatchObject({ code: 'denied' })
    await expect(realm.emit('a', 1, { retain: (() => 1) as never })).rejects.toMatchObject({ code: 'invalid_argument' })
    await expect(realm.emit('a', 1)).resolves.toMatchObject({ pages: 0 })
  })

  it('sends bytes without a copy, and blobs', async () => {
    const { realm } = await workers.start()
    const received = vi.fn()
    await listen('*', received)
    await realm.emit('image', { a: new Uint8Array([1, 2]), b: [new Uint8Array([3]).buffer] })
    await vi.waitFor(() => expect(received).toHaveBeenCalledTimes(1))
    const { a, b } = payloadOf(received)
    expect([[...a], [...b[0]]]).toEqual([[1, 2], [3]])
  })
})

describe('a dedicated worker', () => {
  it('is posted to, unseen by handlers of its own', async () => {
    const { realm, scope, posted, worker } = await dedicatedWorker()
    const connected = realm.connect()
    const own = vi.fn()
    scope.addEventListener('message', own)
    const exposed = workers.exposeTo(worker, { name: 'near' })
    await expect(connected).resolves.toEqual({ name: 'worker:near', label: 'main' })
    const received = vi.fn()
    await realm.listen('photo', received)
    await realm.respond('size', (bytes: Uint8Array) => bytes.length)
    const pixels = new Uint8Array([1, 2, 3])
    for (let i = 0; i < 100; i += 1) workers.bus.emit('photo', { i, pixels })
    await vi.waitFor(() => expect(received).toHaveBeenCalledTimes(100))
    expect(received.mock.calls.map(([{ payload }]) => payload.i)).toEqual(Array.from({ length: 100 }, (_, i) => i))
    expect([...payloadOf(received).pixels]).toEqual([1, 2, 3])
    expect(posted.mock.calls.some(([, transfer]) => transfer?.[0] instanceof ArrayBuffer)).toBe(true)
    await expect(workers.bus.request('main', 'size', pixels)).resolves.toBe(3)
    worker.postMessage('its own')
    await vi.waitFor(() => expect(own).toHaveBeenCalledTimes(1))
    exposed.stop()
    await vi.waitFor(async () => expect(await realm.emit('a').catch(({ code }) => code)).toBe('unavailable'))
    expect(realm.reports).toEqual([])
  })

  it('takes nothing of a link that has ended', async () => {
    const { realm, posted, worker } = await dedicatedWorker()
    void realm.connect()
    const options = { name: 'again' }
    const first = workers.exposeTo(worker, options)
    await first.connected
    const received = vi.fn()
    await realm.listen('a', received)
    const batches = () => posted.mock.calls.filter(([data]) => JSON.stringify(data).includes('"batch"'))
    workers.bus.emit('a', 1)
    await vi.waitFor(() => expect(received).toHaveBeenCalledTimes(1))
    const [old] = batches()[0] as [unknown]
    first.stop()
    const second = workers.exposeTo(worker, options)
    await second.connected
    await vi.waitFor(() => expect(workers.bus.listeners('a')).toBe(1))
    worker.postMessage(old)
    workers.bus.emit('a', 2)
    await vi.waitFor(() => expect(received).toHaveBeenCalledTimes(2))
    expect(received.mock.calls.map(([{ payload }]) => payload)).toEqual([1, 2])
    second.stop()
  })
})

describe('requests of a worker', () => {
  it('go to the page, other pages and the host', async () => {
    const { realm } = await workers.start({ name: 'asker' })
    const context = vi.fn()
    await respond('sum', ([a, b]: [number, number], { component, caller }) => {
      context({ component, caller })
      return a + b
    })
    workers.bus.respond('version', () => ({ version: 3 }))
    await expect(realm.request('main', 'sum', [1, 2])).resolves.toBe(3)
    expect(context).toHaveBeenCalledWith({ component: 'worker:asker', caller: { kind: 'webview', label: 'main' } })
    await expect(realm.request(HOST, 'version')).resolves.toEqual({ version: 3 })
    await expect(realm.request(HOST, 'nothing')).rejects.toMatchObject({ code: 'no_responder' })
  })

  it('are cancelled by their signal', async () => {
    const { realm } = await workers.start()
    const aborted = vi.fn()
    await respond('slow', (_, { signal }) => new Promise(() => signal.addEventListener('abort', aborted)))
    const controller = new AbortController()
    const response = realm.request('main', 'slow', null, { signal: controller.signal })
    await vi.waitFor(() => expect(workers.bus.responders('slow')).toBe(1))
    await workers.bus.settled()
    controller.abort()
    await expect(response).rejects.toMatchObject({ code: 'cancelled' })
    await vi.waitFor(() => expect(aborted).toHaveBeenCalled())
  })

  it('are answered by its responders', async () => {
    const { realm } = await workers.start()
    await realm.respond('parse', (text: string) => ({ length: text.length, bytes: new Uint8Array([text.length]) }))
    const response = await workers.bus.request('main', 'parse', 'four')
    expect(response).toMatchObject({ length: 4 })
    expect([...(response as { bytes: Uint8Array }).bytes]).toEqual([4])
    await expect(request('main', 'parse', 'x')).resolves.toMatchObject({ length: 1 })
  })

  it('fail with what its responder throws', async () => {
    const { realm } = await workers.start()
    await realm.respond('fail', () => {
      throw new RangeError('too far')
    })
    const error = await workers.bus.request('main', 'fail').catch((reason) => reason)
    expect(error).toMatchObject({ code: 'responder_failed', cause: { name: 'RangeError', message: 'too far' } })
  })

  it('tell its responder when the caller gives up', async () => {
    const { realm } = await workers.start()
    const aborted = vi.fn()
    await realm.respond('slow', (_: unknown, { signal }) => {
      return new Promise(() => signal.addEventListener('abort', () => aborted(signal.reason.code)))
    })
    await expect(workers.bus.request('main', 'slow', null, { timeoutMs: 20 })).rejects.toMatchObject({
      code: 'timeout',
    })
    await vi.waitFor(() => expect(aborted).toHaveBeenCalledWith('timeout'))
  })

  it('share their names with the page', async () => {
    const { realm } = await workers.start({ name: 'one' })
    await respond('taken', () => 1)
    await expect(realm.respond('taken', () => 2).then()).rejects.toMatchObject({ code: 'duplicate_responder' })
    await realm.respond('own', () => 1)
    await expect(respond('own', () => 2).then()).rejects.toMatchObject({
      code: 'duplicate_responder',
      message: expect.stringContaining('worker:one'),
    })
  })
})

describe('jobs of a worker', () => {
  it('tick under its source and its own ids', async () => {
    const { realm } = await workers.start({ name: 'timer' })
    const ticks = vi.fn()
    await realm.listen('tick', ticks)
    const job = await realm.startJob('tick', { everyMs: 1_000, id: 'clock' })
    expect(job.id).toBe('clock')
    expect((await realm.listJobs()).map(({ id }) => id)).toEqual(['clock'])
    workers.bus.tick('worker:timer/clock')
    await vi.waitFor(() => expect(ticks).toHaveBeenCalledTimes(1))
    expect(ticks.mock.calls[0]?.[0]).toMatchObject({ tick: { job: 'clock', count: 1 }, component: 'worker:timer' })
    await expect(job.update({ everyMs: 2_000 })).resolves.toMatchObject({ id: 'clock', everyMs: 2_000 })
    expect(await (await realm.getJob('clock'))?.info()).toMatchObject({ everyMs: 2_000 })
    await job.stop()
    expect(await realm.listJobs()).toEqual([])
  })

  it('are not those of its page', async () => {
    const { realm } = await workers.start()
    const { startJob, listJobs } = await import('../../src/index.js')
    const own = await startJob('tick', { everyMs: 1_000, id: 'clock' })
    expect(await realm.getJob('clock')).toBeUndefined()
    const theirs = await realm.startJob('tick', { everyMs: 1_000 })
    await theirs.pause()
    await own.stop()
    expect(await listJobs()).toHaveLength(1)
  })
})
