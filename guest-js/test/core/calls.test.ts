import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { listen } from '../../src/api/listen.js'
import { respond } from '../../src/api/request.js'
import type { Inbox } from '../../src/core/contract.js'
import { existingInbox } from '../../src/core/realm.js'
import { batchOf } from '../batches.js'
import { endOfTask, freshRealm, settled } from '../realm.js'

let realm: ReturnType<typeof freshRealm>
const listeners = new Map<string, (event: object) => void>()
beforeEach(() => {
  realm = freshRealm()
  listeners.clear()
  vi.stubGlobal('addEventListener', (name: string, listener: (event: object) => void) => listeners.set(name, listener))
})
afterEach(() => {
  expect(realm.host.broken).toEqual([])
  vi.useRealTimers()
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})

const pulls = () => realm.host.commands('pull')
const inbox = () => existingInbox() as Inbox

/** Lets the host call the page from now on. */
const handOver = async () => {
  await settled()
  const { session } = realm.host
  session?.pull?.resolve({ ...batchOf([]), call: true })
  if (session) session.pull = null
  await settled()
}

/** An event of the first subscription with this index and sequence number. */
const row = (index: number, payload: unknown = index) => [index, index, index, 'a', 0, 1, payload]
const call = (...rows: unknown[]) => inbox().receive(JSON.stringify(batchOf(rows)))
/** A call without items that follows on this index. */
const probe = (index: number) => inbox().receive(JSON.stringify({ ...batchOf([]), first: index + 1 }))

describe('a page that is called', () => {
  it('offers it in its pulls, and pulls no more', async () => {
    await listen('a', vi.fn())
    await settled()
    expect(pulls().map(({ args }) => args.call)).toEqual([true])
    await handOver()
    await listen('b', vi.fn())
    await settled()
    expect(pulls()).toHaveLength(1)
  })

  it('acknowledges what handlers have handled', async () => {
    const handler = vi.fn()
    await listen('a', ({ payload }) => handler(payload))
    await handOver()
    const session = inbox().session
    const reply = call(row(1), row(2))
    await settled()
    expect(handler).not.toHaveBeenCalled()
    expect(await reply).toBe(`${session}:2`)
    expect(handler.mock.calls).toEqual([[1], [2]])
  })

  it('handles batches in order, each item once', async () => {
    const handler = vi.fn()
    await listen('a', ({ payload }) => handler(payload))
    await handOver()
    const { session } = inbox()
    const replies = [call(row(1)), call(row(2), row(3)), call(row(3), row(4)), probe(4)]
    expect(await Promise.all(replies)).toEqual([1, 3, 4, 4].map((index) => `${session}:${index}`))
    expect(handler.mock.calls).toEqual([[1], [2], [3], [4]])
  })

  it('takes bytes from beside the text once', async () => {
    const handler = vi.fn()
    await listen('a', ({ payload }) => handler(payload))
    await handOver()
    const { session } = inbox()
    const places = [
      [1, 'items', 0, 3, 'x', 0],
      ['AQ==', 'items', 0, 3, 'x', 1],
      [0, 'items', 0, 5],
    ]
    const batch = { first: 1, more: false, heads: [['a', 0, 1]], items: [[0, 1, 1, { x: [null, null] }, 1, null]] }
    const texts = { 0: '', 1: 'AP8=' }
    const reply = inbox().receive(JSON.stringify([batch, places]), texts)
    expect(texts).toEqual({})
    expect(await reply).toBe(`${session}:2`)
    expect(handler.mock.calls).toEqual([[{ x: [new Uint8Array([0, 255]), new Uint8Array([1])] }], [new Uint8Array()]])
  })

  it('refuses what does not follow on the batch before', async () => {
    const handler = vi.fn()
    await listen('a', ({ payload }) => handler(payload))
    await handOver()
    expect(await call(row(2))).toBe(false)
    expect(await probe(1)).toBe(false)
    expect(await call(row(1))).toBe(`${inbox().session}:1`)
    expect(await call(row(2))).toBe(`${inbox().session}:2`)
    expect(handler.mock.calls).toEqual([[1], [2]])
  })

  it('throws at what is no JSON, and goes on', async () => {
    await listen('a', vi.fn())
    await handOver()
    expect(() => inbox().receive('{')).toThrow()
    expect(inbox().receive('{}')).toBe(false)
    expect(await call(row(1))).toBe(`${inbox().session}:1`)
  })

  it('tells its progress while it is slow', async () => {
    let now = 0
    vi.spyOn(performance, 'now').mockImplementation(() => now)
    await listen('a', () => {
      now += 1_000
    })
    await handOver()
    const { session } = inbox()
    const all = Array.from({ length: 20 }, (_, index) => row(index + 1))
    const reply = (await call(...all)) as string
    const handled = Number(reply.split(':')[1])
    expect(reply.startsWith(session) && handled > 0 && handled < 20).toBe(true)
    now = 0
    expect(await probe(20)).toBe(`${session}:20`)
  })

  it('sends responses by a command after its progress', async () => {
    let now = 0
    vi.spyOn(performance, 'now').mockImplementation(() => now)
    await listen('a', () => {
      now += 1_000
    })
    respond('sum', (numbers: number[]) => numbers.length)
    await handOver()
    const rows = Array.from({ length: 20 }, (_, index) => row(index + 1))
    const item = { request: '1'.repeat(32), name: 'sum', source: 0, payload: [1, 2] }
    const batch = batchOf(rows)
    const reply = await inbox().receive(JSON.stringify({ ...batch, items: [...batch.items, item] }))
    expect(String(reply)).not.toContain('request')
    await probe(21)
    await settled()
    const sent = realm.host.commands('respond').flatMap(({ args }) => args.responses)
    expect(sent).toEqual([{ request: item.request, payload: '2' }])
  })

  it('carries responses in what it returns', async () => {
    respond('sum', (numbers: number[]) => numbers.length)
    await handOver()
    const item = { request: '1'.repeat(32), name: 'sum', source: 0, payload: [1, 2] }
    const reply = inbox().receive(JSON.stringify({ ...batchOf([]), first: 1, items: [item] }))
    const responses = JSON.stringify([{ request: item.request, payload: '2' }])
    expect(await reply).toBe(`${inbox().session}:1:${responses}`)
    expect(realm.host.commands('respond')).toEqual([])
  })

  it('sends a long failure by a command', async () => {
    const message = 'e'.repeat(70_000)
    respond('sum', () => {
      throw new Error(message)
    })
    await handOver()
    const item = { request: '1'.repeat(32), name: 'sum', source: 0, payload: [1, 2] }
    const reply = await inbox().receive(JSON.stringify({ ...batchOf([]), first: 1, items: [item] }))
    expect(reply).toBe(`${inbox().session}:1`)
    await settled()
    const sent = realm.host.commands('respond').flatMap(({ args }) => args.responses)
    expect(sent).toEqual([{ request: item.request, failure: { name: 'Error', message } }])
  })

  /** An event whose emitter waits, of the first subscription. */
  const tracked = (index: number) => [...row(index), { outcome: true }]
  const told = (...indexes: number[]) =>
    JSON.stringify(indexes.map((index) => ({ seq: index, index, outcome: 'handled' })))
  const callAgain = (...rows: unknown[]) => inbox().receive(JSON.stringify({ ...batchOf(rows), again: true }))

  it('carries outcomes in what it returns', async () => {
    await listen('a', vi.fn())
    await handOver()
    const { session } = inbox()
    expect(await call(tracked(1), tracked(2))).toBe(`${session}:2:${told(1, 2)}`)
    expect(await call(row(3))).toBe(`${session}:3`)
    expect(realm.host.commands('settle')).toEqual([])
  })

  it('tells again what the values before have told', async () => {
    await listen('a', vi.fn())
    respond('sum', (numbers: number[]) => numbers.length)
    await handOver()
    const { session } = inbox()
    const item = { request: '1'.repeat(32), name: 'sum', source: 0, payload: [1, 2] }
    const responses = [{ request: item.request, payload: '2' }]
    await Promise.all([call(tracked(1)), call(tracked(2))])
    await inbox().receive(JSON.stringify({ ...batchOf([]), first: 3, items: [item] }))
    const all = JSON.stringify([...JSON.parse(told(1, 2)), ...responses, ...JSON.parse(told(4))])
    expect(await callAgain(tracked(4))).toBe(`${session}:4:${all}`)
    expect(await call(row(5))).toBe(`${session}:5`)
  })

  it('carries nothing once its user has acted', async () => {
    await listen('a', vi.fn())
    await handOver()
    const { session } = inbox()
    await call(tracked(1))
    if (realm.host.session) realm.host.session.index = 1
    const late = call(tracked(2))
    listeners.get('pointerdown')?.({ target: null })
    // The value before may be lost, and the one of the call that runs, too.
    expect(await late).toBe(`${session}:2`)
    await settled()
    expect(pulls().slice(-1)[0]?.args.carried).toEqual(JSON.parse(told(1)))
    expect(realm.host.commands('settle').map(({ args }) => args.outcomes)).toEqual([JSON.parse(told(2))])
    // The fake host has not queued what it was called with.
    realm.host.broken.splice(0)
  })

  it('reports responses that were refused', async () => {
    await listen('a', vi.fn())
    await handOver()
    const refused = [{ code: 'invalid_payload', message: 'no' }]
    expect(inbox().receive(JSON.stringify({ refused }))).toBe(false)
    expect(realm.reported.mock.calls[0]?.[0].code).toBe('invalid_payload')
  })

  it('renews a session that has ended', async () => {
    const handler = vi.fn()
    await listen('a', handler)
    await handOver()
    const before = inbox().session
    const waiting = call(row(1))
    expect(inbox().receive('{"stale":true}')).toBe(false)
    await settled()
    expect(inbox().session).not.toBe(before)
    expect(await waiting).toBe(false)
    expect(pulls().slice(-1)[0]?.args).toMatchObject({ session: inbox().session, call: true })
    expect(handler).not.toHaveBeenCalled()
  })

  it('pulls for a while after its user has acted', async () => {
    let now = 0
    vi.spyOn(performance, 'now').mockImplementation(() => now)
    await listen('a', vi.fn())
    await handOver()
    listeners.get('pointerdown')?.({ target: null })
    await settled()
    expect(pulls().map(({ args }) => args.call)).toEqual([true, undefined])
    now = 4_999
    realm.host.emit('a')
    await settled()
    expect(pulls().slice(-1)[0]?.args.call).toBe(undefined)
    now = 5_000
    realm.host.emit('a')
    await settled()
    expect(pulls().slice(-1)[0]?.args.call).toBe(true)
  })

  it('is called again over a link', async () => {
    await listen('a', vi.fn())
    await handOver()
    listeners.get('pointermove')?.({ target: null })
    await settled()
    expect(pulls().map(({ args }) => args.call)).toEqual([true, undefined])
    listeners.get('pointermove')?.({ target: { closest: () => ({}) } })
    listeners.get('pointermove')?.({ target: { closest: () => ({}) } })
    await settled()
    expect(pulls().map(({ args }) => args.call)).toEqual([true, undefined, true, true])
    // Each takes the place of the one before.
    expect(realm.host.broken.splice(0)).toEqual(['two pulls in flight', 'two pulls in flight'])
  })

  it('keeps being called when its user follows a link', async () => {
    await listen('a', vi.fn())
    await handOver()
    const closest = (selector: string) => (selector === 'a[href]' ? {} : null)
    listeners.get('pointerdown')?.({ target: { closest } })
    await settled()
    expect(pulls()).toHaveLength(1)
  })

  it('pulls again out of the back/forward cache', async () => {
    await listen('a', vi.fn())
    await handOver()
    listeners.get('pageshow')?.({ persisted: true })
    await settled()
    expect(pulls()).toHaveLength(2)
    await endOfTask()
  })
})
