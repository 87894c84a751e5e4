import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Batch, Head } from '../../src/core/batch.js'
import { Feed } from '../../src/members/feed.js'
import type { ToMember } from '../../src/members/messages.js'

afterEach(() => {
  vi.useRealTimers()
})

function feed(clone: (message: ToMember) => unknown = () => {}) {
  const batches: Batch[] = []
  const messages: { texts?: [number, string][] }[] = []
  const transferred: Transferable[][] = []
  const lost: number[] = []
  const stalled = vi.fn()
  const fed = new Feed({
    post(message: ToMember, transfer) {
      clone(message)
      batches.push((message as { batch: Batch }).batch)
      messages.push(message as object)
      transferred.push(transfer)
    },
    lost: (seq) => lost.push(seq),
    stalled,
  })
  return { fed, batches, messages, transferred, lost, stalled }
}

/** The numbers of the events of a batch, by the rules of the wire protocol, and its gaps. */
function read({ items, heads }: Batch): unknown[] {
  let seq = 0
  return items.flatMap((item) => {
    if (!Array.isArray(item)) return [item]
    const found: unknown[] = []
    const extras = item.length % 2 ? item[item.length - 1] : undefined
    for (let place = 2; place + 1 < item.length; place += 2) {
      seq += place === 2 ? item[1] : 1
      found.push([heads[item[0]]?.[0], heads[item[0]]?.[2], seq, item[place + 1], ...(extras ? [extras] : [])])
    }
    return found
  })
}

const head: Head = ['a', 'main', 7]

describe('a feed', () => {
  it('sends what gathers in a microtask as runs', async () => {
    const { fed, batches } = feed()
    for (let seq = 1; seq <= 3; seq += 1) fed.pass(1, head, `p${seq}`, seq, seq * 10, undefined)
    fed.pass(1, head, 'p5', 5, 50, undefined)
    fed.pass(1, ['b', 0, [7, 8]], 'q', 6, 60, { component: 'c' })
    expect(batches).toEqual([])
    await null
    expect(batches).toEqual([
      {
        first: 1,
        more: false,
        heads: [
          ['a', 'main', 1],
          ['a', 'main', 1],
          ['b', 0, 1],
        ],
        items: [
          [0, 1, 10, 'p1', 10, 'p2', 10, 'p3'],
          [1, 2, 20, 'p5'],
          [2, 1, 10, 'q', { component: 'c' }],
        ],
      },
    ])
  })

  it('sends an event once to several subscriptions', async () => {
    const { fed, batches } = feed()
    const both: Head = ['a', 0, [7, 8]]
    const payload = { n: 1 }
    fed.pass(1, both, payload, 1, 1, undefined)
    fed.pass(2, both, payload, 1, 1, undefined)
    fed.pass(1, both, payload, 2, 1, undefined)
    await null
    expect(batches.flatMap(read)).toEqual([
      ['a', [1, 2], 1, { n: 1 }],
      ['a', 1, 2, { n: 1 }],
    ])
  })

  it('sends a text once to several subscriptions', async () => {
    const { fed, batches, messages } = feed()
    fed.pass(1, head, 'p1', 1, 10, undefined)
    fed.passText(1, head, '[4,9,9,"p3",1,"p4"]', 3, 20, 2, 10)
    fed.passText(2, head, '[4,9,9,"p3",1,"p4"]', 3, 20, 2, 10)
    fed.pass(1, head, 'p5', 5, 40, undefined)
    await null
    expect(batches[0]).toMatchObject({
      heads: [
        ['a', 'main', 1],
        ['a', 'main', [1, 2]],
        ['a', 'main', 1],
      ],
      items: [
        [0, 1, 10, 'p1'],
        [1, 2, 10, null],
        [2, 1, 10, 'p5'],
      ],
    })
    expect(messages[0]).toMatchObject({ texts: [[1, '[4,9,9,"p3",1,"p4"]']] })
    fed.pass(1, head, 'p6', 6, 50, undefined)
    await null
    expect(batches[1]?.first).toBe(5)
    expect(messages[1]).not.toHaveProperty('texts')
  })

  it('drops the oldest events of a text past its bound', async () => {
    const { fed, batches, messages } = feed()
    const run = (seq: number) => `[0,1,1,${Array.from({ length: 8_192 }, (_, i) => seq + i).join(',1,')}]`
    const total = 14 * 8_192
    for (let seq = 1; seq <= total; seq += 8_192) fed.passText(1, head, run(seq), seq, seq, 8_192, 8_192)
    fed.pass(1, head, total + 1, total + 1, total + 1, undefined)
    await null
    for (let number = 1; number <= 140; number += 1) fed.done(number)
    const texts = messages.flatMap(({ texts = [] }) => texts).map(([, text]) => text)
    const alone = batches.flatMap(read).filter((event) => Array.isArray(event) && event[3] !== null)
    const gaps = batches.flatMap(({ items }) => items).filter((item) => 'count' in item)
    // All waited when the first microtask came.
    expect(gaps).toEqual([
      {
        from: 1,
        to: total + 1 - 65_536,
        count: total + 1 - 65_536,
        atMost: false,
        reason: 'buffer_full',
        subscriptions: [1],
      },
    ])
    expect(texts).toEqual([7, 8, 9, 10, 11, 12, 13].map((place) => run(place * 8_192 + 1)))
    expect(alone).toHaveLength(65_536 - 7 * 8_192)
    expect(alone[0]).toEqual(['a', 1, total + 2 - 65_536, total + 2 - 65_536])
  })

  it('keeps the order of events and other items', async () => {
    const { fed, batches } = feed()
    fed.pass(1, head, 1, 1, 1, undefined)
    fed.add({ ended: 'x', code: 'timeout' })
    fed.add({ stream: 4, parts: ['p', 'q'] })
    fed.pass(1, head, 2, 2, 1, undefined)
    await null
    expect(batches.flatMap(read)).toEqual([
      ['a', 1, 1, 1],
      { ended: 'x', code: 'timeout' },
      { stream: 4, parts: ['p', 'q'] },
      ['a', 1, 2, 2],
    ])
    fed.pass(1, head, 3, 3, 1, undefined)
    await null
    expect(batches[1]?.first).toBe(6)
  })

  it('transfers bytes that are for the member alone', async () => {
    const { fed, transferred } = feed()
    const mine = new Uint8Array(4)
    const shared = new Uint8Array(4)
    const view = new Uint8Array(new ArrayBuffer(8), 0, 4)
    fed.pass(1, head, { deep: [mine] }, 1, 1, undefined)
    fed.pass(1, ['a', 0, [7, 9]], { shared }, 2, 1, undefined)
    fed.pass(1, head, view, 3, 1, undefined)
    await null
    expect(transferred).toEqual([[mine.buffer]])
  })

  it('has four batches in flight, of 512 events each', async () => {
    const { fed, batches } = feed()
    for (let seq = 1; seq <= 5_000; seq += 1) fed.pass(1, head, seq, seq, 1, undefined)
    await null
    expect(batches.map(({ first }) => first)).toEqual([1, 513, 1_025, 1_537])
    fed.done(9)
    fed.done(2)
    expect(batches.map(({ first }) => first).slice(4)).toEqual([2_049, 2_561])
    for (let number = 3; number <= 10; number += 1) fed.done(number)
    expect(batches.flatMap(read).map((event) => (event as unknown[])[2])).toEqual(
      Array.from({ length: 5_000 }, (_, i) => i + 1),
    )
  })

  it('counts what a dropped event had replaced', async () => {
    const { fed, batches } = feed()
    const total = 4 * 512 + 65_536
    for (let seq = 1; seq <= total; seq += 1)
      fed.pass(1, head, seq, seq, 1, seq === 2_049 ? { superseded: 3 } : undefined)
    fed.pass(1, head, 0, total + 1, 1, undefined)
    fed.pass(1, head, 0, total + 2, 1, undefined)
    await null
    for (let number = 1; number <= 140; number += 1) fed.done(number)
    const gaps = batches.flatMap(read).filter((item) => !Array.isArray(item))
    expect(gaps).toEqual([
      { from: 2_046, to: 2_050, count: 5, atMost: false, reason: 'buffer_full', subscriptions: [1] },
    ])
  })

  it('drops the oldest past its bound, with a gap', async () => {
    const { fed, batches, lost } = feed()
    const total = 4 * 512 + 65_536 + 1_000
    const consume = { consume: true }
    for (let seq = 1; seq <= total; seq += 1) {
      fed.pass(seq % 2 ? 1 : 2, head, seq, seq, 1, seq === 2_050 ? consume : undefined)
      if (seq === 2_060) fed.add({ ended: 'x', code: 'timeout' })
    }
    await null
    for (let number = 1; number <= 140; number += 1) fed.done(number)
    const received = batches.flatMap(read)
    const events = received.filter(Array.isArray).map((event) => event[2])
    const gaps = received.filter((item) => !Array.isArray(item)) as { count: number; subscriptions: number[] }[]
    expect(gaps.filter((item) => 'count' in item)).toEqual([
      { from: 2_049, to: 3_047, count: 500, atMost: false, reason: 'buffer_full', subscriptions: [1] },
      { from: 2_050, to: 3_048, count: 500, atMost: false, reason: 'buffer_full', subscriptions: [2] },
    ])
    expect(events.length).toBe(total - 1_000)
    expect(events[2_048]).toBe(3_049)
    expect(gaps.filter((item) => 'ended' in item)).toHaveLength(1)
    expect(lost).toEqual([2_050])
  })

  it('counts what its payloads weigh', async () => {
    const { fed, batches } = feed()
    const megabyte = 'x'.repeat(1_048_576)
    for (let seq = 1; seq <= 40; seq += 1) {
      fed.pass(1, head, megabyte, seq, 1, undefined)
    }
    await null
    const received = batches.flatMap(read)
    expect(received.filter(Array.isArray).map((event) => event[2])).toEqual(
      Array.from({ length: 16 }, (_, i) => i + 25),
    )
    expect(received[0]).toMatchObject({ from: 1, to: 24, count: 24 })
  })

  it('lets only the newest of a name wait where asked', async () => {
    const { fed, batches } = feed()
    for (let seq = 1; seq <= 4; seq += 1) fed.passLatest(1, head, seq, seq, 1, undefined)
    fed.passLatest(1, ['b', 0, 7], 'b', 5, 1, { superseded: 2 })
    await null
    fed.passLatest(1, head, 6, 6, 1, undefined)
    await null
    expect(batches.flatMap(read)).toEqual([
      ['a', 1, 4, 4, { superseded: 3 }],
      ['b', 1, 5, 'b', { superseded: 2 }],
      ['a', 1, 6, 6],
    ])
  })

  it('loses no event that is kept to newer ones', async () => {
    const { fed, batches, lost } = feed()
    fed.passLatest(1, head, 1, 1, 1, { consume: true })
    fed.passLatest(1, head, 2, 2, 1, undefined)
    fed.passLatest(1, head, 3, 3, 1, { consume: true })
    fed.passLatest(1, head, 4, 4, 1, undefined)
    await null
    expect(batches.flatMap(read)).toEqual([
      ['a', 1, 1, 1, { consume: true }],
      ['a', 1, 3, 3, { consume: true }],
      ['a', 1, 4, 4, { superseded: 1 }],
    ])
    expect(lost).toEqual([])
  })

  it('holds few payloads that newer ones replaced', async () => {
    const { fed } = feed()
    for (let seq = 1; seq <= 4; seq += 1) {
      fed.pass(1, head, seq, seq, 1, undefined)
      await null
    }
    // Four batches are on their way, so what comes waits.
    for (let seq = 5; seq < 10_000; seq += 1) fed.passLatest(1, head, seq, seq, 1, undefined)
    const { waiting } = fed as unknown as { waiting: unknown[] }
    expect(waiting.length).toBeLessThan(1_100)
  })

  it('makes a gap of what cannot be posted', async () => {
    const reported = vi.fn()
    vi.stubGlobal('reportError', reported)
    const { fed, batches } = feed(structuredClone)
    fed.pass(1, head, 'a', 1, 1, undefined)
    fed.pass(2, head, 'a', 1, 1, undefined)
    fed.add({ ended: 'x', code: 'timeout' })
    // A handler of the page has changed it.
    fed.pass(1, head, { click() {} }, 2, 1, { consume: true })
    await null
    fed.pass(1, head, 'c', 3, 1, undefined)
    await null
    const gap = { atMost: false, reason: 'buffer_full' }
    expect(batches.flatMap(read)).toEqual([
      { ...gap, from: 1, to: 2, count: 2, subscriptions: [1] },
      { ...gap, from: 1, to: 1, count: 1, subscriptions: [2] },
      { ended: 'x', code: 'timeout' },
      ['a', 1, 3, 'c'],
    ])
    // The member reads on: what was given up counts for nothing.
    expect(batches.map(({ first }) => first)).toEqual([1, 4])
    expect(reported).toHaveBeenCalledTimes(1)
    vi.unstubAllGlobals()
  })

  it('tells that a member takes nothing', async () => {
    vi.useFakeTimers()
    const { fed, stalled } = feed()
    fed.pass(1, head, 1, 1, 1, undefined)
    fed.pass(1, head, 2, 2, 1, undefined)
    await null
    await vi.advanceTimersByTimeAsync(50_000)
    fed.done(1)
    fed.pass(1, head, 3, 3, 1, undefined)
    await vi.advanceTimersByTimeAsync(59_000)
    expect(stalled).not.toHaveBeenCalled()
    await vi.advanceTimersByTimeAsync(2_000)
    expect(stalled).toHaveBeenCalledTimes(1)
  })
})
