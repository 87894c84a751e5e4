import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { respondStream } from '../../src/api/respond-stream.js'
import { encodePayload } from '../../src/core/json.js'
import { pageRequests } from '../../src/core/requests/open.js'
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
/** Requests a stream from the page. */
const ask = (id: string, name: string, payload: unknown, stream: object) =>
  realm.host.push({ request: id, name, source: 0, payload, stream })
const responses = () => realm.host.responses
/** Lets tasks of the page pass, and all that follows. */
async function tasks(): Promise<void> {
  for (let task = 0; task < 6; task += 1) {
    await settled()
    await new Promise((resolve) => setTimeout(resolve, 0))
  }
}

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

  it.each([
    ['unknown_request', 'cancelled'],
    ['queue_full', 'queue_full'],
  ])('aborts its signal where a part is refused with %s', async (code, expected) => {
    const ended = vi.fn()
    let signal: AbortSignal | undefined
    await respondStream('tail', async function* (_, context) {
      signal = context.signal
      try {
        yield 1
        await new Promise((resolve) => signal?.addEventListener('abort', resolve))
      } finally {
        ended()
      }
    })
    realm.host.refuseEntry = (_, { part }) => part === 1 && { code, message: 'refused' }
    ask('a', 'tail', null, credit)
    await tasks()
    expect(signal?.reason?.code).toBe(expected)
    expect(ended).toHaveBeenCalledTimes(1)
  })

  it('keeps nothing of one that throws at once', async () => {
    await respondStream('check', () => {
      throw new TypeError('no')
    })
    ask('a', 'check', 'large', credit)
    await tasks()
    expect(responses()).toEqual([{ request: 'a', failure: { name: 'TypeError', message: 'no' } }])
    const { streams } = pageRequests() as unknown as { streams: Map<string, unknown> }
    expect(streams.size).toBe(0)
  })

  it('is not for requests of the other kind', async () => {
    await respondStream('count', async function* () {})
    realm.host.request('a', 'count')
    await tasks()
    expect(responses()).toEqual([{ request: 'a', declined: true }])
  })
})

describe('the size of a part', () => {
  // A test of the crate reads the same samples.
  const path = fileURLToPath(new URL('../../../tests/part-sizes.json', import.meta.url))
  const samples: { part?: unknown; bytes?: number[]; size: number }[] = JSON.parse(readFileSync(path, 'utf8'))
  /** A sample names bytes by their place in `bytes`, which has their lengths. */
  const fill = (value: unknown, lengths: number[]): unknown => {
    if (Array.isArray(value)) return value.map((inner) => fill(inner, lengths))
    if (typeof value !== 'object' || value === null) return value
    if ('$bytes' in value) return new Uint8Array(lengths[value.$bytes as number] ?? 0)
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, fill(inner, lengths)]))
  }

  it.each(samples)('is that which the host computes: %j', ({ part, bytes = [], size }) => {
    expect(partSize(encodePayload('x', fill(part, bytes)))).toBe(size)
  })

  it('counts a Blob as bytes', () => {
    expect(partSize(encodePayload('x', new Blob(['xy'])))).toBe(partSize(encodePayload('x', new Uint8Array(2))))
  })
})
