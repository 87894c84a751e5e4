import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { emit } from '../../src/api/emit.js'
import { listen } from '../../src/api/listen.js'
import { requestStream } from '../../src/api/request-stream.js'
import { respondStream } from '../../src/api/respond-stream.js'
import type { Inbox } from '../../src/core/contract.js'
import type { EventBusError } from '../../src/core/error.js'
import { existingInbox } from '../../src/core/realm.js'
import { batchOf } from '../batches.js'
import type { Held } from '../fake-host.js'
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
/** A Blob that cannot be read, as a file that has changed. */
function unreadable(): Blob {
  const blob = new Blob(['x'])
  blob.arrayBuffer = () => Promise.reject(new Error('it has changed'))
  return blob
}
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

  it.each([null, new Uint8Array([1])])('says how many bytes of credit it has', async (payload) => {
    const stream = requestStream(HOST, 'count', payload, { credit: { bytes: 65_536 } })
    await tasks()
    const [request] = realm.host.commands('request')
    expect(request?.args).toMatchObject({ stream: { bytes: 65_536 } })
    stream.stop()
    await tasks()
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

describe('a stream and the session of its page', () => {
  it('ends where the reply came in another session', async () => {
    realm.host.hold = ({ command }) => command === 'request'
    const stream = requestStream<number>(HOST, 'count')
    await settled()
    const [request] = realm.host.held.splice(0)
    realm.host.hold = () => false
    realm.host.replyNow({ ...(request as Held), resolve: () => {} })
    realm.host.refuse = ({ command }) => (command === 'emit' ? new Error('the reply was lost') : undefined)
    await failed(emit('x'))
    realm.host.refuse = () => undefined
    await emit('y')
    await tasks()
    expect(realm.host.opened).toBe(2)
    request?.resolve({})
    expect((await failed(stream.next())).code).toBe('unavailable')
    expect((await failed(stream.result)).code).toBe('unavailable')
    const before = realm.host.commands('pull').length
    await tasks()
    expect(realm.host.commands('pull').length).toBe(before)
  })

  it('ends at once where parts came before the reply', async () => {
    realm.host.hold = ({ command }) => command === 'request'
    await listen('y', () => {})
    const stream = requestStream<number>(HOST, 'count')
    await settled()
    realm.host.replyNow({ ...(realm.host.held[0] as Held), resolve: () => {} })
    push(1, [1])
    await tasks()
    realm.host.endSession()
    await emit('x')
    await tasks()
    expect(await stream.next()).toEqual({ done: false, value: 1 })
    expect((await failed(stream.next())).code).toBe('unavailable')
  })

  it('is requested again where it came too late', async () => {
    realm.host.hold = ({ command }) => command === 'request'
    const stream = requestStream<number>(HOST, 'count')
    await emit('x')
    realm.host.endSession()
    realm.host.release()
    await tasks()
    push(1, [7])
    expect(await stream.next()).toEqual({ done: false, value: 7 })
    stream.stop()
  })

  it('pulls for no stream before it is accepted', async () => {
    realm.host.hold = ({ command }) => command === 'request'
    const stream = requestStream<number>(HOST, 'count')
    await emit('x')
    await tasks()
    expect(realm.host.commands('pull')).toEqual([])
    realm.host.release()
    await tasks()
    expect(realm.host.pullsInFlight).toBe(1)
    stream.stop()
  })

  it('is left at the host where the page may not pull', async () => {
    realm.host.refuse = ({ command }) => (command === 'pull' ? { code: 'denied', message: 'no' } : undefined)
    const stream = requestStream<number>(HOST, 'count')
    expect((await failed(stream.next())).code).toBe('denied')
    await tasks()
    expect(responses()).toEqual([{ stream: 1, stop: true }])
  })
})

describe('what a page tells of a stream', () => {
  it('arrives beside a payload that cannot be read', async () => {
    const stream = requestStream<number>(HOST, 'count')
    await respondStream('file', function* () {
      yield unreadable()
    })
    await tasks()
    push(1, [1, 2], true)
    await tasks()
    // They gather behind a command in flight, and travel together.
    realm.host.hold = ({ command }) => command === 'emit'
    const emitted = emit('x')
    ask('a', 'file', null, { bytes: 1_000, parts: 2 })
    await tasks()
    await stream.next()
    await stream.next()
    realm.host.release()
    await emitted
    await tasks()
    expect(responses()).toContainEqual({ stream: 1, taken: 2 })
    expect(responses()).toContainEqual({ request: 'a', failure: expect.objectContaining({ name: 'EventBusError' }) })
    stream.stop()
  })

  it('is told again by the replies to later calls', async () => {
    const stream = requestStream<number>(HOST, 'count')
    const loop = (async () => {
      for await (const _ of stream);
    })()
    await tasks()
    const { session } = realm.host
    session?.pull?.resolve({ ...batchOf([]), call: true })
    if (session) session.pull = null
    await tasks()
    const call = (first: number, items: object[]) =>
      (existingInbox() as Inbox).receive(JSON.stringify({ heads: [], more: false, first, items }))
    const replies = [await call(1, [{ stream: 1, parts: [1, 2], due: true }])]
    for (const first of [3, 4, 5, 6]) replies.push(await call(first, [{ stream: 1, parts: [first] }]))
    const told = `:${JSON.stringify([{ stream: 1, taken: 2 }])}`
    expect(replies).toEqual([`2${told}`, `3${told}`, `4${told}`, `5${told}`, '6'].map((end) => `${session?.id}:${end}`))
    // A newer number takes the place of the one before.
    expect(await call(7, [{ stream: 1, parts: [7], due: true }])).toContain('"taken":7')
    const next = await call(8, [{ stream: 1, parts: [8], due: true }])
    expect(next).toBe(`${session?.id}:8:${JSON.stringify([{ stream: 1, taken: 8 }])}`)
    stream.stop()
    await loop
  })
})

describe('a page that pulls after it was called', () => {
  it('tells again what replies to calls have told', async () => {
    const listeners = new Map<string, (event: object) => void>()
    vi.stubGlobal('addEventListener', (name: string, listener: (event: object) => void) =>
      listeners.set(name, listener),
    )
    const stream = requestStream<number>(HOST, 'count')
    const loop = (async () => {
      for await (const _ of stream);
    })()
    await tasks()
    const { session } = realm.host
    session?.pull?.resolve({ ...batchOf([]), call: true })
    if (session) session.pull = null
    await tasks()
    const batch = { heads: [], more: false, first: 1, items: [{ stream: 1, parts: [1, 2], due: true }] }
    if (session) session.index = 2
    expect(await (existingInbox() as Inbox).receive(JSON.stringify(batch))).toContain('"taken":2')
    // The reply is lost, and the user acts.
    listeners.get('pointerdown')?.({ target: null })
    await tasks()
    expect(responses()).toEqual([{ stream: 1, taken: 2 }])
    expect(realm.host.commands('respond')).toEqual([])
    stream.stop()
    await loop
  })
})

describe('a stream whose end has come', () => {
  /** Three parts and the end, of which the loop takes one. */
  async function ended(signal?: AbortSignal) {
    const stream = requestStream<number, string>(HOST, 'count', null, signal && { signal })
    await tasks()
    push(1, [1, 2, 3])
    realm.host.push({ stream: 1, response: 'done' })
    await tasks()
    expect(await stream.next()).toEqual({ done: false, value: 1 })
    return stream
  }

  it('does not look whole once its signal has aborted', async () => {
    const controller = new AbortController()
    const stream = await ended(controller.signal)
    controller.abort()
    expect((await failed(stream.next())).code).toBe('cancelled')
    expect(await stream.next()).toEqual({ done: true, value: undefined })
    expect(await stream.result).toBe('done')
    expect(responses()).toEqual([])
  })

  it('leaves its signal once all parts are taken', async () => {
    const controller = new AbortController()
    const removed = vi.spyOn(controller.signal, 'removeEventListener')
    const stream = await ended(controller.signal)
    await stream.next()
    expect(removed).not.toHaveBeenCalled()
    expect(await stream.next()).toEqual({ done: false, value: 3 })
    expect(removed).toHaveBeenCalled()
    controller.abort()
    expect(await stream.next()).toEqual({ done: true, value: 'done' })
  })

  it('returns what its loop is left with', async () => {
    const stream = await ended()
    expect(await (stream.return as (value: string) => Promise<unknown>)('enough')).toEqual({
      done: true,
      value: 'enough',
    })
    expect(await stream.next()).toEqual({ done: true, value: undefined })
  })
})
