import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { emit } from '../../src/api/emit.js'
import { listen } from '../../src/api/listen.js'
import type { BusEvent } from '../../src/types/event.js'
import { batchOf } from '../batches.js'
import { endOfTask, freshRealm, settled } from '../realm.js'

let realm: ReturnType<typeof freshRealm>
beforeEach(() => {
  realm = freshRealm()
})
afterEach(() => {
  expect(realm.host.broken).toEqual([])
  vi.useRealTimers()
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})

const pulls = () => realm.host.commands('pull')
const received = (handler: ReturnType<typeof vi.fn>) => handler.mock.calls.map(([{ seq, replayed }]) => [seq, replayed])

describe('a run of events', () => {
  const rowsOf = (count: number, ids: number | number[] = 1) =>
    Array.from({ length: count }, (_, n) => [n + 1, n + 1, 1000 + n / 4, 'a', 0, ids, `payload ${n + 1}`])
  /** Gives the page these rows in one answer. */
  const given = async (rows: unknown[]) => {
    await settled()
    const { session } = realm.host
    const pull = session?.pull
    if (session) Object.assign(session, { pull: null, index: rows.length })
    pull?.resolve(batchOf(rows))
    await settled()
  }
  const acks = () => pulls().map(({ args }) => args.ack)

  it('is written by the fake host as by the real one', () => {
    const replayed = { replayed: true }
    const batch = batchOf([
      [3, 41, 1000.25, 'a', 0, 1, 'x', replayed],
      [4, 42, 1000.5, 'a', 0, 1, 'y', { ...replayed }],
      [5, 43, 1000.5, 'a', 0, 1, 'z'],
      [6, 44, 1000.25, 'a', 0, 1, null],
      [7, 46, 1000.25, 'a', 0, 1, null],
      [8, 47, 1000.25, 'a', 'main', 1, null],
      { index: 9, from: 48, to: 48, count: 1, atMost: false, reason: 'queue_full', subscriptions: [1] },
      [10, 48, 1001, 'a', 'main', 1, null],
    ])
    expect(batch).toEqual({
      first: 3,
      more: false,
      heads: [
        ['a', 0, 1],
        ['a', 'main', 1],
      ],
      items: [
        [0, 41, 1_000_250, 'x', 250, 'y', replayed],
        [0, 1, 0, 'z', -250, null],
        [0, 2, 0, null],
        [1, 1, 0, null],
        { from: 48, to: 48, count: 1, atMost: false, reason: 'queue_full', subscriptions: [1] },
        [1, 1, 750, null],
      ],
    })
  })

  it('is delivered with each number, time and payload', async () => {
    const handler = vi.fn()
    await listen('a', handler)
    await given([
      [1, 41, 1000.25, 'a', 0, 1, 'x'],
      [2, 42, 1000.5, 'a', 0, 1, 0],
      [3, 43, 1000.25, 'a', 0, 1, null],
      [4, 50, 1002, 'a', 0, 1, { after: 'a hole' }],
      [5, 51, 1003, 'a', 0, 1, ['y']],
    ])
    expect(handler.mock.calls.map(([{ seq, timestamp, payload }]) => [seq, timestamp, payload])).toEqual([
      [41, 1000.25, 'x'],
      [42, 1000.5, 0],
      [43, 1000.25, null],
      [50, 1002, { after: 'a hole' }],
      [51, 1003, ['y']],
    ])
    expect(acks()).toEqual([0, 5])
  })

  it('has a copy of its extras for each event', async () => {
    const seen: unknown[] = []
    await listen('a', ({ seq, payload, replayed, causes }) => {
      seen.push([seq, payload, replayed, causes && [...causes]])
      ;(causes as string[] | undefined)?.push('changed')
    })
    const extras = { replayed: true, causes: ['click'] }
    await given([
      [1, 1, 1, 'a', 0, 1, 'x', extras],
      [2, 2, 1, 'a', 0, 1, 'y', extras],
      [3, 3, 1, 'a', 0, 1, 'z', extras],
      [4, 4, 1, 'a', 0, 1, 'live'],
      [5, 5, 1, 'a', 0, 1, 'live'],
    ])
    expect(seen).toEqual([
      [1, 'x', true, ['click']],
      [2, 'y', true, ['click']],
      [3, 'z', true, ['click']],
      [4, 'live', false, undefined],
      [5, 'live', false, undefined],
    ])
  })

  it('is skipped as far as it was handled', async () => {
    const [handler, later] = [vi.fn(), vi.fn()]
    await listen('a', handler)
    await given(rowsOf(3, [1, 2]))
    await listen('a', later)
    await given([...rowsOf(7, [1, 2]), [8, 9, 2000, 'a', 0, 1, 'payload 9']])
    // Whoever has not had the first of them shows that it is their indexes that count.
    expect(received(later).map(([seq]) => seq)).toEqual([4, 5, 6, 7])
    expect(handler.mock.calls.map(([{ seq, timestamp, payload }]) => [seq, timestamp, payload])).toEqual([
      ...[1, 2, 3, 4, 5, 6, 7].map((seq) => [seq, 1000 + (seq - 1) / 4, `payload ${seq}`]),
      [9, 2000, 'payload 9'],
    ])
    expect(acks()).toEqual([0, 3, 8])
  })

  it('resumes at its next event after a pause', async () => {
    let now = 0
    vi.spyOn(performance, 'now').mockImplementation(() => now)
    const seen: unknown[] = []
    await listen('a', ({ seq, timestamp, payload }) => {
      now += 3_000
      seen.push([seq, timestamp, payload])
    })
    await given([...rowsOf(21), [22, 30, 2000, 'a', 0, 1, 'payload 30'], [23, 31, 2001, 'a', 0, 1, 'payload 31']])
    expect(seen).toHaveLength(16)
    const causes = () =>
      realm.host.commands('emit').map(({ args }) => (args.events as { causes?: string[] }[])[0]?.causes)
    await emit('between')
    expect(causes()).toEqual([undefined])
    while (seen.length < 23) await endOfTask()
    await settled()
    expect(seen).toEqual([
      ...rowsOf(21).map(([, seq, timestamp, , , , payload]) => [seq, timestamp, payload]),
      [30, 2000, 'payload 30'],
      [31, 2001, 'payload 31'],
    ])
    expect(acks()).toEqual([0, 16, 18, 20, 22, 23])
  })

  it('skips a subscription that has ended meanwhile', async () => {
    const seen: unknown[] = []
    await listen('a', ({ seq }) => {
      seen.push(['first', seq])
      if (seq === 2) endSecond()
    })
    const endSecond = await listen('a', ({ seq }) => seen.push(['second', seq]))
    const endThird = await listen('a', ({ seq }) => {
      seen.push(['third', seq])
      if (seq === 3) endThird()
    })
    await given(rowsOf(4, [1, 2, 3]))
    expect(seen).toEqual([
      ['first', 1],
      ['second', 1],
      ['third', 1],
      ['first', 2],
      ['third', 2],
      ['first', 3],
      ['third', 3],
      ['first', 4],
    ])
    expect(acks()).toEqual([0, 4])
  })

  it('keeps its order among gaps and other runs', async () => {
    const seen: unknown[] = []
    const note = ({ event, seq, timestamp }: BusEvent<unknown>) => seen.push([event, seq, timestamp])
    await listen('a', note, { onGap: ({ from }) => seen.push(['gap', from]) })
    await listen('b', note)
    await given([
      [1, 1, 1, 'a', 0, 1, null],
      [2, 2, 2, 'a', 0, 1, null],
      [3, 3, 4, 'b', 0, 2, null],
      [4, 4, 3, 'a', 0, 1, null],
      { index: 5, from: 5, to: 6, count: 2, atMost: false, reason: 'queue_full', subscriptions: [1] },
      [6, 7, 5, 'a', 0, 1, null],
      [7, 8, 6, 'a', 0, 1, null],
      [8, 9, 7, 'b', 0, 2, null],
      [9, 10, 9, 'b', 0, 2, null],
    ])
    expect(seen).toEqual([
      ['a', 1, 1],
      ['a', 2, 2],
      ['b', 3, 4],
      ['a', 4, 3],
      ['gap', 5],
      ['a', 7, 5],
      ['a', 8, 6],
      ['b', 9, 7],
      ['b', 10, 9],
    ])
    expect(acks()).toEqual([0, 9])
  })

  it('has a source of its own for each event', async () => {
    const sources: unknown[] = []
    await listen('a', ({ source }) => {
      sources.push({ ...source })
      Object.assign(source, { label: 'changed' })
    })
    const sent = ['main', 'main', 0, 0, ['till-4'], ['till-4']]
    await given(sent.map((source, n) => [n + 1, n + 1, 1, 'a', source, 1, null]))
    const [page, host] = [{ kind: 'webview', label: 'main' }, { kind: 'host' }]
    const node = { kind: 'node', node: 'till-4' }
    expect(sources).toEqual([page, page, host, host, node, node])
    expect(realm.reported).not.toHaveBeenCalled()
  })

  it('causes what its handlers emit, even if they throw', async () => {
    const failure = new Error('handler')
    await listen('a', ({ seq }) => {
      void emit(`during-${seq}`)
      throw failure
    })
    await given([
      [1, 1, 1, 'a', 0, 1, null, { causes: ['click'] }],
      [2, 2, 1, 'a', 0, 1, null, { causes: ['click'] }],
      [3, 3, 1, 'a', 0, 1, null],
      [4, 4, 1, 'a', 0, 1, null],
    ])
    await emit('after')
    const emitted = realm.host
      .commands('emit')
      .flatMap(({ args }) => args.events as { event: string; causes?: string[] }[])
    expect(emitted.map(({ event, causes }) => [event, causes])).toEqual([
      ['during-1', ['click', 'a']],
      ['during-2', ['click', 'a']],
      ['during-3', ['a']],
      ['during-4', ['a']],
      ['after', undefined],
    ])
    expect(realm.reported.mock.calls).toEqual([[failure], [failure], [failure], [failure]])
  })
})

describe('an event that is kept until it is consumed', () => {
  it('is told of once its handler is done', async () => {
    const done: (() => void)[] = []
    const failed: ((reason: Error) => void)[] = []
    vi.stubGlobal('reportError', vi.fn())
    const handlers: Record<string, () => unknown> = {
      returns: () => undefined,
      throws: () => {
        throw new Error('thrown')
      },
      resolves: () => new Promise<void>((resolve) => done.push(resolve)),
      rejects: () => new Promise<void>((_, reject) => failed.push(reject)),
    }
    for (const [name, handler] of Object.entries(handlers)) listen(name, handler)
    await settled()
    const seqs = Object.keys(handlers).map((name) => realm.host.emit(name, 1, { consume: true }))
    realm.host.emit('returns', 2)
    await settled()
    const outcomes = () => realm.host.outcomes.map(({ seq, handled }) => [seqs.indexOf(seq as number), handled])
    expect(outcomes()).toEqual([
      [0, true],
      [1, false],
    ])
    done[0]?.()
    failed[0]?.(new Error('rejected'))
    await settled()
    expect(outcomes().slice(2)).toEqual([
      [2, true],
      [3, false],
    ])
  })

  it('says that it was delivered before', async () => {
    const seen: unknown[] = []
    listen('link', ({ payload, redelivered }) => seen.push([payload, redelivered]))
    await settled()
    realm.host.emit('link', 1, { consume: true, redelivered: true })
    realm.host.emit('link', 2, { consume: true })
    await settled()
    expect(seen).toEqual([
      [1, true],
      [2, undefined],
    ])
    expect(realm.host.outcomes).toHaveLength(2)
  })

  it('takes its options along', async () => {
    await emit('link', 1, { until: 'consumed', maxDeliveries: 3 })
    const [sent] = realm.host.commands('emit')
    expect(sent?.args.events).toEqual([{ event: 'link', payload: '1', until: 'consumed', maxDeliveries: 3 }])
  })
})
