import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { emit } from '../../src/api/emit.js'
import { requestStream } from '../../src/api/request-stream.js'
import { respondStream } from '../../src/api/respond-stream.js'
import type { EventBusError } from '../../src/core/error.js'
import { encodePayload } from '../../src/core/json.js'
import { partSize } from '../../src/core/requests/part-size.js'
import { freshRealm, settled } from '../realm.js'

let realm: ReturnType<typeof freshRealm>
beforeEach(() => {
  realm = freshRealm()
})
afterEach(() => {
  expect(realm.host.broken).toEqual([])
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
  vi.useRealTimers()
})

const HOST = { kind: 'host' } as const
/** Sends parts of a stream that the page has requested. */
const push = (stream: number, parts: unknown[], due = false) => realm.host.push({ stream, parts, ...(due && { due }) })
/** Requests a stream from the page. */
const ask = (id: string, name: string, payload: unknown, stream: object) =>
  realm.host.push({ request: id, name, source: 0, payload, stream })
const responses = () => realm.host.responses
const failed = (promise: Promise<unknown>) =>
  promise.then(
    () => expect.fail('it did not fail'),
    (error: EventBusError) => error,
  )
/** Lets tasks of the page pass, and all that follows. */
async function tasks(): Promise<void> {
  for (let task = 0; task < 6; task += 1) {
    await settled()
    await new Promise((resolve) => setTimeout(resolve, 0))
  }
}

describe('requestStream', () => {
  it('takes parts, and then the response', async () => {
    const stream = requestStream<number, string>(HOST, 'count', { to: 3 }, { credit: { parts: 4 }, timeoutMs: 50 })
    await settled()
    const [request] = realm.host.commands('request')
    expect(request?.args).toMatchObject({ id: 1, name: 'count', timeoutMs: 50, stream: { parts: 4 } })
    push(1, [1, 2], true)
    push(1, [3])
    realm.host.push({ stream: 1, response: 'done' })
    const taken: number[] = []
    for await (const part of stream) taken.push(part)
    expect(taken).toEqual([1, 2, 3])
    expect(await stream.result).toBe('done')
    await tasks()
    expect(realm.host.pullsInFlight).toBe(0)
  })

  it('tells with a pull what a quick loop has taken', async () => {
    const stream = requestStream<number>(HOST, 'count')
    const loop = (async () => {
      for await (const _ of stream);
    })()
    await tasks()
    for (let round = 0; round < 5; round += 1) {
      push(1, [1, 2, 3], true)
      await tasks()
    }
    expect(realm.host.commands('respond')).toEqual([])
    expect(responses()).toEqual([3, 6, 9, 12, 15].map((taken) => ({ stream: 1, taken })))
    realm.host.push({ stream: 1, response: null })
    await loop
  })

  it('tells by itself what a slow loop has taken', async () => {
    const stream = requestStream<number>(HOST, 'count')
    await tasks()
    push(1, [1, 2], true)
    push(1, [3, 4], true)
    await tasks()
    expect(responses()).toEqual([])
    for (const part of [1, 2]) expect(await stream.next()).toEqual({ done: false, value: part })
    await tasks()
    expect(realm.host.commands('respond').length).toBe(1)
    expect(responses()).toEqual([{ stream: 1, taken: 2 }])
    stream.stop()
  })

  it('gives an error behind the parts, once', async () => {
    const stream = requestStream<number>(HOST, 'fail')
    await tasks()
    push(1, [1])
    realm.host.push({ stream: 1, error: { code: 'responder_failed', message: 'it failed' } })
    await tasks()
    expect(await stream.next()).toEqual({ done: false, value: 1 })
    expect((await failed(stream.next())).code).toBe('responder_failed')
    expect(await stream.next()).toEqual({ done: true, value: undefined })
    expect((await failed(stream.result)).message).toBe('it failed')
  })

  it('settles several waits in order', async () => {
    const stream = requestStream<number, string>(HOST, 'count')
    const waits = [stream.next(), stream.next(), stream.next(), stream.next()]
    await tasks()
    push(1, [1, 2])
    realm.host.push({ stream: 1, response: 'done' })
    await tasks()
    expect(await Promise.all(waits)).toEqual([
      { done: false, value: 1 },
      { done: false, value: 2 },
      { done: true, value: 'done' },
      { done: true, value: undefined },
    ])
  })

  it('ends the stream when its loop is left', async () => {
    const stream = requestStream<number>(HOST, 'endless')
    await tasks()
    push(1, [1, 2, 3])
    for await (const _ of stream) break
    await tasks()
    expect(responses()).toEqual([{ stream: 1, stop: true }])
    expect((await failed(stream.result)).code).toBe('cancelled')
    expect(await stream.next()).toEqual({ done: true, value: undefined })
    await tasks()
    expect(realm.host.pullsInFlight).toBe(0)
  })

  it('throws where its signal aborts', async () => {
    const controller = new AbortController()
    const stream = requestStream<number>(HOST, 'endless', null, { signal: controller.signal })
    await tasks()
    push(1, [1, 2])
    await tasks()
    expect(await stream.next()).toEqual({ done: false, value: 1 })
    controller.abort(new Error('enough'))
    const error = await failed(stream.next())
    expect([error.code, (error.cause as Error).message]).toEqual(['cancelled', 'enough'])
    await tasks()
    expect(responses()).toEqual([{ stream: 1, stop: true }])

    const before = requestStream(HOST, 'x', null, { signal: AbortSignal.abort() })
    expect((await failed(before.next())).code).toBe('cancelled')
    expect(realm.host.commands('request').length).toBe(1)
  })

  it('drops what is left for the response', async () => {
    const stream = requestStream<number, string>(HOST, 'count')
    await tasks()
    push(1, [1, 2], true)
    await tasks()
    const response = stream.response()
    push(1, [3, 4], true)
    await tasks()
    realm.host.push({ stream: 1, response: 'done' })
    expect(await response).toBe('done')
    expect(responses()).toEqual([
      { stream: 1, taken: 2 },
      { stream: 1, taken: 4 },
    ])
  })

  it('is refused without a loop, and never unhandled', async () => {
    realm.host.refuse = ({ command }) => (command === 'request' ? { code: 'denied', message: 'no' } : undefined)
    const stream = requestStream(HOST, 'x')
    await tasks()
    expect((await failed(stream.result)).code).toBe('denied')
    expect((await failed(stream.next())).code).toBe('denied')
    expect(realm.host.commands('respond')).toEqual([])
    const invalid = requestStream(HOST, 'x', Number.NaN)
    expect((await failed(invalid.next())).code).toBe('invalid_payload')
  })

  it('leaves a stream whose request may have been sent', async () => {
    await emit('x')
    realm.host.refuse = ({ command }) => (command === 'request' ? new Error('the reply was lost') : undefined)
    const stream = requestStream(HOST, 'x')
    expect((await failed(stream.next())).code).toBe('unavailable')
    await tasks()
    expect(responses()).toEqual([{ stream: 1, stop: true }])
  })

  it('ends with its session', async () => {
    const stream = requestStream<number>(HOST, 'count')
    await tasks()
    push(1, [1])
    await tasks()
    realm.host.endSession()
    await emit('x')
    await tasks()
    expect(await stream.next()).toEqual({ done: false, value: 1 })
    expect((await failed(stream.next())).code).toBe('unavailable')
    expect(responses()).toEqual([])
  })

  it('leaves a stream that it does not know', async () => {
    const stream = requestStream(HOST, 'count')
    await tasks()
    push(7, [1])
    push(7, [2])
    await tasks()
    expect(responses()).toEqual([{ stream: 7, stop: true }])
    stream.stop()
  })

  it('tells again what was taken after a repetition', async () => {
    const stream = requestStream<number>(HOST, 'count')
    const seen: number[] = []
    const loop = (async () => {
      for await (const part of stream) seen.push(part)
    })()
    await tasks()
    push(1, [1, 2, 3])
    // The reply that would acknowledge them is lost.
    realm.host.hold = ({ command }) => command === 'pull'
    await tasks()
    const [held] = realm.host.loseReplies()
    realm.host.hold = () => false
    push(1, [4])
    held?.resolve({ items: [{ stream: 1, parts: [1, 2, 3, 4] }], heads: [], first: 1, more: false })
    await tasks()
    expect(seen).toEqual([1, 2, 3, 4])
    expect(responses()).toEqual([{ stream: 1, taken: 3 }])
    stream.stop()
    await loop
  })
})

describe('respondStream', () => {
  const credit = { bytes: 1_000, parts: 2 }

  it('sends what it yields, and then what it returns', async () => {
    const contexts: unknown[] = []
    await respondStream<number>('count', async function* (to, context) {
      contexts.push(context)
      for (let number = 1; number <= to; number += 1) yield number
      return 'done'
    })
    expect(realm.host.commands('set_responders')[0]?.args.responders).toEqual([
      { name: 'count', on: true, stream: true },
    ])
    ask('a', 'count', 3, credit)
    await tasks()
    expect(responses()).toEqual([
      { request: 'a', part: 1, payload: '1' },
      { request: 'a', part: 2, payload: '2' },
    ])
    realm.host.push({ credit: 'a', parts: 1 })
    await tasks()
    expect(responses().slice(2)).toEqual([{ request: 'a', part: 3, payload: '3' }])
    realm.host.push({ credit: 'a', parts: 3 })
    await tasks()
    expect(responses().slice(3)).toEqual([{ request: 'a', after: 3, payload: '"done"' }])
    expect(contexts[0]).toMatchObject({ name: 'count', caller: HOST })
  })

  it('waits for credit in bytes, too', async () => {
    const large = 'x'.repeat(2_000)
    await respondStream('large', function* () {
      yield large
      yield 1
    })
    ask('a', 'large', null, credit)
    await tasks()
    expect(responses().map(({ part }) => part)).toEqual([1])
    realm.host.push({ credit: 'a', parts: 1 })
    await tasks()
    expect(responses().map(({ part, after }) => part ?? { after })).toEqual([1, 2, { after: 2 }])
  })

  it('runs finally when nobody receives it', async () => {
    const ended = vi.fn()
    const signals: AbortSignal[] = []
    await respondStream('endless', async function* (_, { signal }) {
      signals.push(signal)
      try {
        for (;;) yield 1
      } finally {
        ended()
        yield 'too late'
      }
    })
    ask('a', 'endless', null, credit)
    await tasks()
    expect(ended).not.toHaveBeenCalled()
    realm.host.push({ ended: 'a', code: 'cancelled' })
    await tasks()
    expect(ended).toHaveBeenCalledTimes(1)
    expect(signals[0]?.reason.code).toBe('cancelled')
    expect(responses().length).toBe(2)
  })

  it('tells what it threw, behind the parts', async () => {
    await respondStream('fail', async function* () {
      yield 1
      throw new TypeError('no')
    })
    await respondStream('nothing', (() => 7) as never)
    await respondStream('invalid', function* () {
      yield Number.NaN
    })
    for (const name of ['fail', 'nothing', 'invalid']) ask(name, name, null, credit)
    await tasks()
    expect(responses()).toEqual(
      expect.arrayContaining([
        { request: 'fail', part: 1, payload: '1' },
        { request: 'fail', failure: { name: 'TypeError', message: 'no' } },
        { request: 'nothing', failure: expect.objectContaining({ name: 'TypeError' }) },
        { request: 'invalid', failure: expect.objectContaining({ name: 'EventBusError' }) },
      ]),
    )
    expect(realm.reported).toHaveBeenCalledTimes(1)
  })

  it('ends where the host refuses a part', async () => {
    const ended = vi.fn()
    await respondStream('count', async function* () {
      try {
        for (;;) yield 1
      } finally {
        ended()
      }
    })
    realm.host.refuseEntry = (_, { part }) => part === 2 && { code: 'payload_too_large', message: 'too large' }
    ask('a', 'count', null, { bytes: 10_000, parts: 100 })
    await tasks()
    expect(ended).toHaveBeenCalledTimes(1)
    expect(realm.reported).toHaveBeenCalled()
  })

  it('is not for requests of the other kind', async () => {
    await respondStream('count', async function* () {})
    realm.host.request('a', 'count')
    await tasks()
    expect(responses()).toEqual([{ request: 'a', declined: true }])
  })
})

describe('the size of a part', () => {
  it.each([
    [undefined, 68],
    [null, 68],
    ['ä€😀', 2 + 3 + 4 + 2 + 64],
    [{ a: [1, 2] }, 11 + 64],
    [new Uint8Array(10), 4 + 10 + 128 + 64],
    [{ a: new Uint8Array(3), b: [new Blob(['xy'])] }, '{"a":null,"b":[null]}'.length + 5 + 256 + 64],
  ])('is that which the host computes: %j', (part, size) => {
    expect(partSize(encodePayload('x', part))).toBe(size)
  })
})
