import { beforeEach, expect, test, vi } from 'vitest'
import { catalog, emit, inspect, listen, listJobs, request, startJob } from '../../src/index.js'
import { createTestBus } from '../../src/testing/index.js'
import type { FakeHost } from '../fake-host.js'
import { freshRealm, settled } from '../realm.js'

vi.hoisted(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))

let host: FakeHost
let reported: ReturnType<typeof vi.fn>

beforeEach(() => {
  ;({ host, reported } = freshRealm())
  vi.clearAllTimers()
  return () => {
    expect(host.broken.filter((text) => text !== 'two pulls in flight')).toEqual([])
    vi.unstubAllGlobals()
  }
})

/** What a page got of a payload, as far as it differs in a script. */
function seen(payload: unknown) {
  const isAdmin = (payload as { isAdmin?: unknown } | null)?.isAdmin
  return [JSON.stringify(payload), isAdmin]
}

test('replies that arrive as strings are read', async () => {
  host.quotes = true
  const received: unknown[] = []
  await listen('x', ({ payload }) => received.push(seen(payload)))
  expect(await emit('x', 1)).toEqual({ seq: 1, pages: 1, listeners: 0 })
  const payloads = ['{"__proto__":{"isAdmin":true}}', '["text"]', '"text"', '{"a":[{"__proto__":null}]}']
  for (const payload of payloads) host.emit('x', JSON.parse(payload))
  await settled()
  expect(received).toEqual([['1', undefined], ...payloads.map((payload) => [payload, undefined])])
  expect(await catalog()).toMatchObject({ events: [] })
  expect(await inspect()).toMatchObject({ seq: 0 })
  expect((await startJob('tick', { everyMs: 1000 })).event).toBe('tick')
  expect(await listJobs()).toHaveLength(1)
})

test.each([[['text']], ['text'], [[]], [[1]], [null], [{ a: ['text'] }]])(
  'a response %j arrives as it is',
  async (response) => {
    host.quotes = true
    const answer = request('other', 'q')
    await settled()
    host.requests[0]?.resolve(response)
    expect(await answer).toEqual(response)
  },
)

test('errors are read beside string replies', async () => {
  host.quotes = true
  host.refuse = ({ command }) => (command === 'emit' ? { code: 'denied', message: 'no' } : undefined)
  await expect(emit('x')).rejects.toMatchObject({ code: 'denied' })
})

test('the test bus passes on an array of one string', async () => {
  const bus = createTestBus()
  bus.page('other').respond('q', () => ['text'])
  expect(await request('other', 'q')).toEqual(['text'])
  bus.dispose()
})

test('a pull is sent again if its reply is lost', async () => {
  const received: unknown[] = []
  await listen('x', ({ payload }) => received.push(payload))
  host.hold = ({ command }) => command === 'pull'
  host.emit('x', 1)
  await settled()
  // The answer of the first pull was on its way, and that of the next one is lost.
  const pulls = () => host.sent.filter(({ command }) => command === 'pull').length
  const before = pulls()
  host.loseReplies()
  host.hold = () => false
  host.emit('x', 2)
  await settled()
  expect(received).toEqual([1])
  vi.advanceTimersByTime(29_999)
  await settled()
  expect(pulls()).toBe(before)
  vi.advanceTimersByTime(1)
  await settled()
  expect(received).toEqual([1, 2])
  expect(reported).not.toHaveBeenCalled()
})

test('a pull whose reply came is not sent again', async () => {
  await listen('x', () => {})
  host.emit('x', 1)
  await settled()
  expect(vi.getTimerCount()).toBe(1)
  const before = host.sent.length
  host.emit('x', 2)
  await settled()
  expect(host.sent.length).toBe(before + 1)
  expect(vi.getTimerCount()).toBe(1)
})
