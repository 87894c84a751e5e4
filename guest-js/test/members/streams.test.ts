import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { listen } from '../../src/index.js'
import { type Exposed, expose } from '../../src/worker.js'
import { freshRealm } from '../realm.js'
import { type WorkerRealm, workerRealm } from './member.js'

const HOST = { kind: 'host' } as const

let page: ReturnType<typeof freshRealm>
let exposed: Exposed
let worker: WorkerRealm
let channel: MessageChannel
beforeEach(async () => {
  page = freshRealm()
  channel = new MessageChannel()
  worker = await workerRealm()
  exposed = expose(channel.port1, { name: 'worker' })
  await worker.connect(channel.port2)
})
afterEach(async () => {
  exposed.stop()
  await tasks()
  channel.port1.close()
  channel.port2.close()
  expect(page.host.broken).toEqual([])
  expect(page.reported.mock.calls).toEqual([])
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})

const push = (item: object) => page.host.push(item as never)
const responses = () => page.host.responses

async function tasks(count = 12): Promise<void> {
  for (let task = 0; task < count; task += 1) await new Promise((resolve) => setTimeout(resolve, 0))
}

describe('a stream that a worker requests', () => {
  it('brings parts, and then the response', async () => {
    const stream = worker.requestStream<number, string>(HOST, 'count', { to: 40 }, { credit: { parts: 64 } })
    const request = await vi.waitFor(() => {
      const [found] = page.host.commands('request')
      if (!found) throw new Error('no request')
      return found
    })
    expect(request.args).toMatchObject({ name: 'count', component: 'worker:worker', stream: { parts: 64 } })
    const number = request.args.id as number
    await tasks()
    push({ stream: number, parts: Array.from({ length: 40 }, (_, i) => i), due: true })
    await tasks()
    // The page takes no more than what is on its way to the worker.
    expect(responses()).toEqual([])
    const taken: number[] = []
    for (let i = 0; i < 30; i += 1) {
      const { value } = await stream.next()
      taken.push(value as number)
    }
    await vi.waitFor(() => expect(responses()).toEqual([{ stream: number, taken: 40 }]))
    push({ stream: number, response: 'done' })
    for await (const part of stream) taken.push(part)
    expect(taken).toEqual(Array.from({ length: 40 }, (_, i) => i))
    expect(await stream.result).toBe('done')
  })

  it('ends with the bus of the worker', async () => {
    const stream = worker.requestStream<number>(HOST, 'count')
    await vi.waitFor(() => expect(page.host.commands('request')).toHaveLength(1))
    await tasks()
    push({ stream: 1, parts: [1] })
    expect(await stream.next()).toEqual({ done: false, value: 1 })
    const next = stream.next()
    exposed.stop()
    await expect(next).rejects.toMatchObject({ code: 'unavailable' })
  })

  it('says how much credit it has', async () => {
    const stream = worker.requestStream<number>(HOST, 'count', null, { credit: { bytes: 65_536, parts: 4 } })
    await vi.waitFor(() => expect(page.host.commands('request')).toHaveLength(1))
    expect(page.host.commands('request')[0]?.args).toMatchObject({ stream: { bytes: 65_536, parts: 4 } })
    stream.stop()
  })

  it('fails with the error of the host', async () => {
    const stream = worker.requestStream<number>(HOST, 'count')
    await vi.waitFor(() => expect(page.host.commands('request')).toHaveLength(1))
    await tasks()
    push({ stream: 1, parts: [1] })
    push({ stream: 1, error: { code: 'page_gone', message: 'it has gone' } })
    expect(await stream.next()).toEqual({ done: false, value: 1 })
    await expect(stream.next()).rejects.toMatchObject({ code: 'page_gone', message: 'it has gone' })
  })

  it('ends at the host when its loop is left', async () => {
    const stream = worker.requestStream<number>(HOST, 'count')
    await vi.waitFor(() => expect(page.host.commands('request')).toHaveLength(1))
    await tasks()
    push({ stream: 1, parts: [1, 2, 3] })
    for await (const part of stream) if (part === 2) break
    await vi.waitFor(() => expect(responses()).toContainEqual({ stream: 1, stop: true }))
    push({ stream: 1, error: { code: 'cancelled', message: 'left' } })
  })

  it('ends with the worker', async () => {
    const stream = worker.requestStream<number>(HOST, 'count')
    await vi.waitFor(() => expect(page.host.commands('request')).toHaveLength(1))
    await tasks()
    push({ stream: 1, parts: [1] })
    expect(await stream.next()).toEqual({ done: false, value: 1 })
    exposed.stop()
    await vi.waitFor(() => expect(responses()).toContainEqual({ stream: 1, stop: true }))
    push({ stream: 1, error: { code: 'cancelled', message: 'left' } })
  })
})

describe('a stream that a worker responds with', () => {
  it('has the credit of its caller', async () => {
    await worker.respondStream<number>('count', async function* (to) {
      for (let number = 1; number <= to; number += 1) yield number
      return 'done'
    })
    expect(page.host.commands('set_responders')[0]?.args.responders).toEqual([
      { name: 'count', on: true, stream: true },
    ])
    push({ request: 'a', name: 'count', source: 0, payload: 3, stream: { bytes: 1_000, parts: 2 } })
    await vi.waitFor(() => expect(responses()).toHaveLength(2))
    await tasks()
    expect(responses()).toEqual([
      { request: 'a', part: 1, payload: '1' },
      { request: 'a', part: 2, payload: '2' },
    ])
    push({ credit: 'a', parts: 3 })
    await vi.waitFor(() => expect(responses()).toHaveLength(4))
    expect(responses().slice(2)).toEqual([
      { request: 'a', part: 3, payload: '3' },
      { request: 'a', after: 3, payload: '"done"' },
    ])
  })

  it('ends when its caller leaves', async () => {
    const ended = vi.fn()
    await worker.respondStream('endless', async function* (_, { signal }) {
      signal.addEventListener('abort', () => ended(signal.reason.code))
      for (let number = 1; ; number += 1) yield number
    })
    push({ request: 'a', name: 'endless', source: 0, payload: null, stream: { bytes: 1_000, parts: 1 } })
    await vi.waitFor(() => expect(responses()).toHaveLength(1))
    push({ ended: 'a', code: 'cancelled' })
    await vi.waitFor(() => expect(ended).toHaveBeenCalledWith('cancelled'))
    push({ credit: 'a', parts: 1 })
    await tasks()
    expect(responses()).toHaveLength(1)
  })

  it('leaves the worker free when the session ends', async () => {
    await worker.respondStream('endless', async function* () {
      for (let number = 1; ; number += 1) yield number
    })
    await worker.listen('a', () => {})
    page.host.hold = ({ command }) => command === 'respond'
    push({ request: 'a', name: 'endless', source: 0, payload: null, stream: { bytes: 1_000, parts: 8 } })
    await vi.waitFor(() => expect(page.host.held.length).toBe(1))
    page.host.endSession()
    page.host.hold = () => false
    page.host.release()
    await expect(worker.emit('after', 1)).resolves.toMatchObject({ seq: 1 })
  })

  it('fails for its caller when the worker ends', async () => {
    await worker.respondStream('endless', async function* () {
      for (let number = 1; ; number += 1) yield number
    })
    push({ request: 'a', name: 'endless', source: 0, payload: null, stream: { bytes: 1_000, parts: 1 } })
    await vi.waitFor(() => expect(responses()).toHaveLength(1))
    exposed.stop()
    await vi.waitFor(() => expect(responses()).toHaveLength(2))
    expect(responses()[1]).toMatchObject({
      request: 'a',
      failure: { message: expect.stringContaining('worker:worker') },
    })
  })
})

describe('the session of a page', () => {
  it('is renewed without the worker', async () => {
    const received = vi.fn()
    const here = vi.fn()
    await worker.listen('a', received)
    await listen('b', here)
    page.host.emit('a', 1)
    await vi.waitFor(() => expect(received).toHaveBeenCalledTimes(1))
    page.host.endSession()
    await vi.waitFor(() => expect(page.host.opened).toBe(2))
    await vi.waitFor(() => expect(page.host.session?.subscriptions.size).toBe(2))
    page.host.emit('a', 2)
    await vi.waitFor(() => expect(received).toHaveBeenCalledTimes(2))
    expect(received.mock.calls.map(([event]) => event.payload)).toEqual([1, 2])
  })

  it('is told that one of two listeners has handled it', async () => {
    await worker.listen('link', () => {})
    await worker.listen('link', () => {
      throw new Error('not this one')
    })
    await tasks()
    page.host.emit('link', 1, { consume: true })
    const told = () => page.host.commands('settle').flatMap(({ args }) => args.outcomes as object[])
    await vi.waitFor(() => expect(told()).toHaveLength(2))
    expect(told()).toContainEqual({ seq: 1, handled: true })
  })

  it('is told what a worker has handled', async () => {
    let finish = () => {}
    const handled = vi.fn(() => new Promise<void>((resolve) => (finish = resolve)))
    await worker.listen('link', handled)
    page.host.emit('link', 1, { consume: true })
    await vi.waitFor(() => expect(handled).toHaveBeenCalledTimes(1))
    await tasks()
    expect(page.host.outcomes).toEqual([])
    finish()
    await vi.waitFor(() => expect(page.host.outcomes).toEqual([{ seq: 1, handled: true }]))
  })
})

describe('a channel that a worker opens', () => {
  it('carries parts both ways', async () => {
    const opened = worker.openChannel<number, number>(HOST, 'echo', { size: 1 })
    const sent = opened.send(1)
    await vi.waitFor(() => expect(page.host.commands('request')).toHaveLength(1))
    const [request] = page.host.commands('request')
    expect(request?.args).toMatchObject({ name: 'echo', component: 'worker:worker', channel: true })
    await sent
    for (let part = 2; part <= 40; part += 1) await opened.send(part)
    opened.close()
    await vi.waitFor(() => expect(responses()).toHaveLength(41))
    expect(
      responses()
        .map(({ payload }) => Number(payload))
        .slice(0, 40),
    ).toEqual(Array.from({ length: 40 }, (_, part) => part + 1))
    expect(responses()[40]).toEqual({ stream: 1, closed: true, after: 40 })
    push({ stream: 1, parts: [7, 8] })
    push({ stream: 1, closed: true })
    const taken: number[] = []
    for await (const part of opened) taken.push(part)
    expect(taken).toEqual([7, 8])
    push({ stream: 1, response: null })
    expect(await opened.closed).toEqual({ code: 'completed' })
  })

  it('ends with the error of the host', async () => {
    const opened = worker.openChannel<number, number>(HOST, 'echo')
    await vi.waitFor(() => expect(page.host.commands('request')).toHaveLength(1))
    await tasks()
    push({ stream: 1, error: { code: 'responder_failed', message: 'it failed' } })
    expect(await opened.closed).toMatchObject({ code: 'responder_failed' })
  })
})
