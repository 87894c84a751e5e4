import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { component, HOST, type PartStream, request, requestStream, respond, respondStream } from '../../src/index.js'
import { createTestBus, type TestBus } from '../../src/testing/index.js'

let bus: TestBus

beforeEach(() => {
  bus = createTestBus()
})

afterEach(() => bus.dispose())

/** All parts, and then the response or the code of the error. */
async function whole(stream: PartStream<unknown, unknown>): Promise<unknown[]> {
  const parts: unknown[] = []
  try {
    for await (const part of stream) parts.push(part)
    return [...parts, await stream.result]
  } catch (error) {
    return [...parts, (error as { code: string }).code]
  }
}

async function* count(to: unknown) {
  for (let number = 1; number <= Number(to); number += 1) yield number
  return 'done'
}

describe('streams of the test bus', () => {
  it('pass between the page, the host and other pages', async () => {
    const other = bus.page('other')
    await respondStream('page', count)
    bus.respondStream('host', count)
    other.respondStream('other', count)
    const all = [1, 2, 3, 'done']
    expect(await whole(requestStream(HOST, 'host', 3))).toEqual(all)
    expect(await whole(requestStream('other', 'other', 3))).toEqual(all)
    expect(await whole(bus.requestStream('main', 'page', 3))).toEqual(all)
    expect(await whole(other.requestStream('main', 'page', 3))).toEqual(all)
    expect(await whole(bus.requestStream(HOST, 'host', 3))).toEqual(all)
    expect(await whole(requestStream('main', 'page', 3))).toEqual(all)
  })

  it('carry bytes in both directions', async () => {
    await respondStream('bytes', async function* () {
      yield new Uint8Array([1])
      return new Uint8Array([2])
    })
    bus.respondStream('bytes', async function* () {
      yield new Uint8Array([3])
      return new Uint8Array([4])
    })
    expect(await whole(bus.requestStream('main', 'bytes'))).toEqual([new Uint8Array([1]), new Uint8Array([2])])
    expect(await whole(requestStream(HOST, 'bytes'))).toEqual([new Uint8Array([3]), new Uint8Array([4])])
  })

  it.each(['host', 'page'])('wait for credit where the %s sends', async (producer) => {
    let sent = 0
    const endless = async function* () {
      for (;;) {
        sent += 1
        yield sent
      }
    }
    if (producer === 'host') bus.respondStream('endless', endless)
    else await respondStream('endless', endless)
    const options = { credit: { parts: 4 } }
    const stream =
      producer === 'host'
        ? requestStream(HOST, 'endless', null, options)
        : bus.requestStream('main', 'endless', null, options)
    await bus.settled()
    expect(sent).toBe(4)
    // Credit comes back by halves.
    await stream.next()
    await bus.settled()
    expect(sent).toBe(4)
    await stream.next()
    await bus.settled()
    expect(sent).toBe(6)
    stream.stop()
  })

  it('end at the producer when the consumer leaves', async () => {
    const ended = vi.fn()
    const endless = async function* (_: unknown, { signal }: { signal: AbortSignal }) {
      try {
        for (let n = 1; ; n += 1) yield n
      } finally {
        ended(signal.aborted, (signal.reason as { code: string }).code)
      }
    }
    bus.respondStream('endless', endless)
    await respondStream('endless', endless)
    for await (const number of requestStream(HOST, 'endless', null, { credit: { parts: 2 } })) if (number === 3) break
    for await (const number of bus.requestStream('main', 'endless', null, { credit: { parts: 2 } })) {
      if (number === 3) break
    }
    await bus.settled()
    expect(ended.mock.calls).toEqual([
      [true, 'cancelled'],
      [true, 'cancelled'],
    ])
  })

  it('fail behind their parts', async () => {
    bus.respondStream('fail', function* () {
      yield 1
      throw new RangeError('no more')
    })
    expect(await whole(requestStream(HOST, 'fail'))).toEqual([1, 'responder_failed'])
    const other = bus.page('other')
    other.respondStream('hang', async function* () {
      yield 1
      await new Promise(() => {})
    })
    const stream = requestStream('other', 'hang')
    expect(await stream.next()).toEqual({ done: false, value: 1 })
    other.close()
    await expect(stream.next()).rejects.toMatchObject({ code: 'page_gone' })
  })

  it('time out while the producer has credit', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      bus.respondStream('slow', async function* () {
        yield 1
        await new Promise(() => {})
      })
      const silent = requestStream(HOST, 'slow', null, { timeoutMs: 50 })
      const full = requestStream(HOST, 'slow', null, { timeoutMs: 50, credit: { parts: 1 } })
      await silent.next()
      await vi.waitFor(() => expect(bus.responders()).toBe(0))
      const failed = expect(silent.next()).rejects.toMatchObject({ code: 'timeout' })
      await vi.advanceTimersByTimeAsync(60)
      await failed
      // Its producer waits for the loop, so it is not silent.
      expect(await full.next()).toEqual({ done: false, value: 1 })
      full.stop()
    } finally {
      vi.useRealTimers()
    }
  })

  it('are not responded to by the other kind', async () => {
    bus.respond('single', () => 1)
    bus.respondStream('stream', count)
    await expect(request(HOST, 'stream')).rejects.toMatchObject({
      code: 'no_responder',
      message: expect.stringContaining('requestStream'),
    })
    expect(await whole(requestStream(HOST, 'single'))).toEqual(['no_responder'])
    expect(() => bus.respondStream('single', count)).toThrow(expect.objectContaining({ code: 'duplicate_responder' }))
    await respond('page', () => 1)
    expect(await whole(bus.requestStream('main', 'page'))).toEqual(['no_responder'])
  })

  it('refuse a wrong credit, and what the test refuses', async () => {
    bus.respondStream('count', count)
    expect(await whole(requestStream(HOST, 'count', 1, { credit: { parts: 0 } }))).toEqual(['invalid_argument'])
    expect(await whole(bus.requestStream(HOST, 'count', 1, { credit: { bytes: 2 ** 30 } }))).toEqual([
      'invalid_argument',
    ])
    bus.refuse('count', { command: 'request', code: 'denied' })
    expect(await whole(requestStream(HOST, 'count', 1))).toEqual(['denied'])
  })

  it('know which component requested them', async () => {
    const seen = vi.fn()
    bus.respondStream('shop:rows', (_, context) => {
      seen(context.component, context.name)
      return [1]
    })
    const rows = component('Table').namespace('shop').requestStream(HOST, 'rows')
    expect(await whole(rows)).toEqual([1, null])
    expect(seen.mock.calls).toEqual([['Table', 'shop:rows']])
  })
})

it('responses of played pages may be bytes', async () => {
  bus.respond('photo', () => new Uint8Array([1, 2]))
  expect(await request(HOST, 'photo')).toEqual(new Uint8Array([1, 2]))
})
