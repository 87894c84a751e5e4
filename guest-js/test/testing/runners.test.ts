import { afterEach, describe, expect, it, vi } from 'vitest'
import { bytesOf } from '../../src/core/utf8.js'
import type * as Package from '../../src/index.js'
import { cloneOf } from '../../src/testing/clone.js'
import type * as Testing from '../../src/testing/index.js'

/** What some test runners lack, or put fakes in the place of. */
const missing = ['MessageChannel', 'TextEncoder', 'structuredClone', 'reportError'] as const

/** A copy of the package that is loaded into the realm as it is now. */
async function load(): Promise<typeof Package & typeof Testing> {
  vi.resetModules()
  return { ...(await import('../../src/index.js')), ...(await import('../../src/testing/index.js')) }
}

afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

/** Uses what a test of an app uses. */
async function useAll({
  createTestBus,
  emit,
  HOST,
  listen,
  request,
  respond,
  startJob,
}: typeof Package & typeof Testing) {
  using bus = createTestBus()
  const received: unknown[] = []
  await listen<{ at: unknown }>('a:*', ({ payload }) => received.push(payload.at))
  expect(await emit('a:1', { at: { id: 1 } })).toEqual({ seq: 1, pages: 1, listeners: 0 })
  bus.emit('a:2', { at: 2 })
  await bus.settled()
  expect(received).toEqual([{ id: 1 }, 2])
  expect(bus.history('a:1')[0]?.payload).toStrictEqual({ at: { id: 1 } })
  bus.respond('sum', (terms) => (terms as number[]).reduce((sum, term) => sum + term))
  expect(await request(HOST, 'sum', [1, 2])).toBe(3)
  await respond<number>('double', (number) => number * 2)
  expect(await bus.request('main', 'double', 4)).toBe(8)
  await startJob('tick', { everyMs: 1_000, id: 'tick', payload: { n: 1 } })
  bus.tick('tick')
  expect(bus.history('tick')).toHaveLength(1)
}

describe('the test bus', () => {
  it('works in the incomplete DOM of a test', async () => {
    for (const name of missing) vi.stubGlobal(name, undefined)
    await useAll(await load())
  })

  it('works under fake timers', async () => {
    const api = await load()
    vi.useFakeTimers({
      toFake: ['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask', 'performance', 'Date'],
    })
    await useAll(api)
  })

  it('works under fake timers without channels', async () => {
    vi.stubGlobal('MessageChannel', undefined)
    const api = await load()
    vi.useFakeTimers({ toFake: ['setTimeout', 'setImmediate', 'queueMicrotask', 'performance', 'Date'] })
    await useAll(api)
  })

  it('works under fake timers from the start', async () => {
    vi.stubGlobal('MessageChannel', undefined)
    vi.useFakeTimers({ toFake: ['setTimeout', 'setImmediate', 'queueMicrotask', 'performance', 'Date'] })
    await useAll(await load())
  })
})

it.each(['', 'a', 'ü', '€', '😀', 'a\ud800b', '\ud83d\ud83d\ude00'])(
  'the bytes of a text are those of UTF-8: %j',
  (text) => {
    expect(bytesOf(text)).toBe(new TextEncoder().encode(text).length)
  },
)

it('a copy shares nothing', () => {
  const value = JSON.parse('{"a":[{"b":null}],"__proto__":{"c":1},"d":"e"}')
  const copy = cloneOf(value)
  expect(JSON.stringify(copy)).toBe(JSON.stringify(value))
  copy.a[0].b = 1
  expect(value.a[0].b).toBeNull()
  expect(copy.c).toBeUndefined()
})
