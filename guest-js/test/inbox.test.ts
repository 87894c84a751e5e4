import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { emit, emitTo } from '../src/api/emit.js'
import { listen, unlisten } from '../src/api/listen.js'
import { INBOX } from '../src/core/realm.js'
import type { BusEvent } from '../src/types/event.js'
import type { Gap } from '../src/types/gap.js'
import type { Subscription } from '../src/types/subscription.js'
import { batchOf } from './batches.js'
import { STALE } from './fake-host.js'
import { endOfTask, freshRealm, settled } from './realm.js'

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
/** The entries of the last `subscribe`. */
const resubscribed = () => realm.host.commands('subscribe').pop()?.args.subscriptions
/** The ids of the sessions, in the order in which they were opened. */
const sessions = () => [...new Set(realm.host.commands().map(({ args }) => args.session))]
/** Where a subscription went on that was accepted in the session before the last. */
const from = (after: number, handled = after) => ({ session: sessions()[sessions().length - 2], after, handled })
const heard = (handler: ReturnType<typeof vi.fn>) => handler.mock.calls.map(([{ seq, replayed }]) => [seq, replayed])

describe('the pull loop', () => {
  it('acknowledges once and skips what it has seen', async () => {
    const handler = vi.fn()
    await listen('a', handler)
    await settled()
    const session = realm.host.session
    realm.host.emit('a', 1)
    await settled()
    expect(pulls().map(({ args }) => args.ack)).toEqual([0, 1])
    session?.pull?.resolve(
      batchOf([
        [1, 1, 1, 'a', 0, 1, 'again'],
        [2, 2, 1, 'a', 0, [99, 1], 'new'],
      ]),
    )
    if (session) Object.assign(session, { pull: null, index: 2 })
    await settled()
    expect(handler.mock.calls.map(([event]) => event.payload)).toEqual([1, 'new'])
  })

  describe('while the host has more', () => {
    const ahead = () => pulls().filter(({ args }) => args.ahead === true)
    let seqs: number[]
    beforeEach(async () => {
      seqs = []
      await listen('a', ({ seq }) => seqs.push(seq))
      await settled()
      realm.host.batch = 2
      realm.host.hold = ({ command }) => command === 'pull'
    })
    /** Emits so many and lets the first three arrive; three pulls that read ahead are held back then. */
    const emitted = async (count: number) => {
      const all = Array.from({ length: count }, () => realm.host.emit('a'))
      await settled()
      realm.host.answerNow(realm.host.held.shift())
      await settled()
      expect(seqs).toEqual([1, 2, 3])
      expect(realm.host.held.map(({ args }) => args.ahead)).toEqual([true, true, true])
      return all
    }

    it('reads ahead until everything has come', async () => {
      const all = await emitted(19)
      expect(ahead().map(({ args }) => args.ack)).toEqual([1, 1, 1])
      realm.host.answerNow(realm.host.held.shift())
      await settled()
      expect(ahead().map(({ args }) => args.ack)).toEqual([1, 1, 1, 3])
      realm.host.release()
      await settled()
      expect(seqs).toEqual(all)
      const before = ahead().length
      realm.host.emit('a')
      await settled()
      expect(ahead().length).toBe(before)
      expect(pulls().pop()?.args).toEqual({ session: realm.host.session?.id, ack: 20 })
    })

    it('pulls again what another answer has overtaken', async () => {
      const all = await emitted(12)
      realm.host.held.reverse()
      realm.host.release()
      await settled()
      expect(seqs).toEqual(all)
      expect(pulls().some(({ args }) => !args.ahead && args.ack === 3)).toBe(true)
    })

    it('resumes after its last item when one is lost', async () => {
      vi.useFakeTimers()
      const all = await emitted(12)
      const [lost] = realm.host.held.splice(0, 1)
      realm.host.release()
      lost?.reject({ code: 'unavailable', message: 'lost' })
      await vi.advanceTimersByTimeAsync(1_000)
      await settled()
      expect(seqs).toEqual(all)
      expect(realm.reported).toHaveBeenCalledTimes(1)
    })

    it('resumes after an empty answer that read ahead', async () => {
      const all = await emitted(4)
      for (const _ of [1, 2, 3]) realm.host.answerNow(realm.host.held.shift())
      await settled()
      expect(seqs).toEqual(all)
      realm.host.hold = () => false
      realm.host.loseAnswers()
      realm.host.endSilently()
      await emit('b')
      expect(resubscribed()).toEqual([{ id: 1, event: 'a', resume: from(4) }])
      all.push(realm.host.emit('a'))
      await settled()
      expect(seqs).toEqual(all)
    })

    it('acknowledges all answers that read ahead', async () => {
      await emitted(9)
      for (const _ of [1, 2, 3]) realm.host.answerNow(realm.host.held.shift())
      unlisten('a')
      await settled()
      realm.host.release()
      await settled()
      expect(seqs.length).toBeLessThan(10)
      expect(pulls().pop()?.args.ack).toBe(9)
      expect(realm.host.session?.queue).toEqual([])
      expect(realm.host.pullsInFlight).toBe(0)
    })

    it('acknowledges what was on its way at its end', async () => {
      await emitted(9)
      unlisten('a')
      await settled()
      realm.host.release()
      await settled()
      expect(seqs).toEqual([1, 2, 3])
      expect(pulls().pop()?.args.ack).toBe(9)
      expect(realm.host.pullsInFlight).toBe(0)
    })
  })

  it('pauses for the page while handlers are slow', async () => {
    const turns = vi.spyOn(globalThis, 'MessageChannel')
    const seqs: number[] = []
    let now = 0
    vi.spyOn(performance, 'now').mockImplementation(() => now)
    const off = await listen('a', ({ seq }) => {
      now += 1
      seqs.push(seq)
    })
    realm.host.hold = ({ command }) => command === 'pull'
    const all = Array.from({ length: 100 }, () => realm.host.emit('a'))
    await settled()
    realm.host.release()
    while (seqs.length < all.length) await endOfTask()
    expect(seqs).toEqual(all)
    expect(turns).toHaveBeenCalledTimes(10)
    await settled()
    expect(pulls().pop()?.args.ack).toBe(100)
    off()
  })

  describe('between two stretches of handlers', () => {
    let now = 0
    let seqs: number[] = []
    /** Starts on 60 events whose handlers take long, and stops where the page has its turn for the first time. */
    const halfway = async () => {
      vi.spyOn(performance, 'now').mockImplementation(() => now)
      seqs = []
      const off = await listen('a', ({ seq }) => {
        now += 10
        seqs.push(seq)
      })
      await settled()
      realm.host.hold = ({ command }) => command === 'pull'
      const all = Array.from({ length: 60 }, () => realm.host.emit('a'))
      await settled()
      realm.host.release()
      await settled()
      expect(seqs.length).toBeGreaterThan(0)
      expect(seqs.length).toBeLessThan(60)
      return { all, off }
    }
    const finished = async () => {
      for (let turn = 0; turn < 80; turn += 1) await endOfTask()
      await settled()
    }

    it('a new session brings the rest, once', async () => {
      const { all } = await halfway()
      const first = realm.host.session?.id
      realm.host.endSession()
      await emit('b')
      await finished()
      expect(realm.host.session?.id).not.toBe(first)
      expect(seqs).toEqual(all)
    })

    it('the last listener ends and all is acknowledged', async () => {
      const { off } = await halfway()
      const before = seqs.length
      off()
      await finished()
      expect(seqs).toHaveLength(before)
      expect(pulls().pop()?.args.ack).toBe(60)
      expect(realm.host.pullsInFlight).toBe(0)
    })
  })

  it('reads the clock often only after slow handlers', async () => {
    const turns = vi.spyOn(globalThis, 'MessageChannel')
    let now = 0
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => now)
    let handled = 0
    await listen('a', () => {
      handled += 1
      if (handled <= 20) now += 10
    })
    await settled()
    realm.host.hold = ({ command }) => command === 'pull'
    for (let n = 0; n < 65; n += 1) realm.host.emit('a')
    realm.host.release()
    while (handled < 65) await endOfTask()
    // The first came alone. Of the others, sixteen show that handlers are slow, and the three after them go one by one.
    expect(turns).toHaveBeenCalledTimes(4)
    await settled()
    clock.mockClear()
    realm.host.hold = ({ command }) => command === 'pull'
    for (let n = 0; n < 161; n += 1) realm.host.emit('a')
    await settled()
    realm.host.release()
    await settled()
    expect(handled).toBe(226)
    expect(clock.mock.calls.length).toBeLessThan(20)
  })

  it('reports progress while handlers are very slow', async () => {
    let now = 0
    vi.spyOn(performance, 'now').mockImplementation(() => now)
    const seqs: number[] = []
    await listen('a', ({ seq }) => {
      now += 400
      seqs.push(seq)
    })
    realm.host.hold = ({ command }) => command === 'pull'
    const all = Array.from({ length: 49 }, () => realm.host.emit('a'))
    await settled()
    realm.host.release()
    while (seqs.length < all.length) await endOfTask()
    await settled()
    expect(seqs).toEqual(all)
    const words = pulls().filter(({ args }) => args.ahead === true)
    expect(words.map(({ args }) => args.ack)).toEqual([17, 30, 43])
  })

  it('delivers before the answer to subscribe', async () => {
    await listen('first', vi.fn())
    const handler = vi.fn()
    const { invoke } = realm.host
    let release = () => {}
    const answered = new Promise<void>((resolve) => {
      release = resolve
    })
    const page = window as unknown as { __TAURI_INTERNALS__: { invoke: typeof invoke } }
    page.__TAURI_INTERNALS__.invoke = async (name, args) => {
      const answer = await invoke(name, args)
      if (name.endsWith('subscribe')) await answered
      return answer
    }
    listen('a', handler)
    await settled()
    realm.host.emit('a')
    await settled()
    expect(handler).toHaveBeenCalledTimes(1)
    release()
  })

  it('ends with the last subscription and restarts', async () => {
    const off = await listen('a', vi.fn())
    realm.host.emit('a')
    await settled()
    off()
    await settled()
    const before = pulls().length
    expect(realm.host.pullsInFlight).toBe(0)
    await settled()
    expect(pulls().length).toBe(before)
    await listen('a', vi.fn())
    await settled()
    expect(realm.host.pullsInFlight).toBe(1)
  })

  it('acknowledges an event that ended everything', async () => {
    const off: Subscription = listen('a', () => off())
    await off
    realm.host.emit('a')
    await settled()
    expect(pulls().pop()?.args.ack).toBe(1)
    expect(realm.host.pullsInFlight).toBe(0)
  })

  it('uses no timer while nothing fails', async () => {
    vi.useFakeTimers()
    const off = await listen('a', vi.fn())
    for (let round = 0; round < 5; round += 1) {
      realm.host.emit('a')
      await settled()
    }
    off()
    await settled()
    expect(vi.getTimerCount()).toBe(0)
  })

  it('retries after a second and reports once', async () => {
    vi.useFakeTimers()
    realm.host.refuse = ({ command }) => (command === 'pull' ? { code: 'unavailable', message: 'down' } : undefined)
    const handler = vi.fn()
    await listen('a', handler)
    await settled()
    expect(pulls().length).toBe(1)
    await vi.advanceTimersByTimeAsync(999)
    expect(pulls().length).toBe(1)
    await vi.advanceTimersByTimeAsync(1)
    expect(pulls().length).toBe(2)
    realm.host.refuse = () => undefined
    await vi.advanceTimersByTimeAsync(1_000)
    realm.host.emit('a')
    await settled()
    expect(handler).toHaveBeenCalledTimes(1)
    expect(realm.reported).toHaveBeenCalledTimes(1)
  })

  it('waits as long as a rate limit says', async () => {
    vi.useFakeTimers()
    const tooFast = { code: 'rate_limited', message: 'too fast', retryAfterMs: 70 }
    realm.host.refuse = ({ command }) => (command === 'pull' ? tooFast : undefined)
    const handler = vi.fn()
    await listen('a', handler)
    await settled()
    realm.host.refuse = () => undefined
    await vi.advanceTimersByTimeAsync(69)
    expect(pulls().length).toBe(1)
    await vi.advanceTimersByTimeAsync(1)
    expect(pulls().length).toBe(2)
    realm.host.emit('a')
    await settled()
    expect(handler).toHaveBeenCalledTimes(1)
    expect(realm.reported.mock.calls.map(([error]) => error.code)).toEqual(['rate_limited'])
  })

  it('does not spin when a mock answers nothing', async () => {
    vi.useFakeTimers()
    await listen('a', vi.fn())
    realm.host.session?.pull?.resolve(undefined)
    await settled()
    expect(pulls().length).toBe(1)
  })

  it('ends the subscriptions when pulling is denied', async () => {
    realm.host.refuse = ({ command }) => (command === 'pull' ? 'Command pull not allowed by ACL' : undefined)
    await Promise.all([listen('a', vi.fn()), listen('b', vi.fn())])
    await settled()
    await listen('c', vi.fn())
    await settled()
    expect(realm.reported).toHaveBeenCalledTimes(1)
    expect(realm.reported.mock.calls[0]?.[0]).toMatchObject({ code: 'denied' })
    expect(realm.host.session?.subscriptions.size).toBe(0)
  })
})

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
    expect(heard(later).map(([seq]) => seq)).toEqual([4, 5, 6, 7])
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
    await given(['main', 'main', 0, 0].map((source, n) => [n + 1, n + 1, 1, 'a', source, 1, null]))
    const [page, host] = [{ kind: 'webview', label: 'main' }, { kind: 'host' }]
    expect(sources).toEqual([page, page, host, host])
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

describe('a pull that fails', () => {
  const down = { code: 'unavailable', message: 'down' }

  it('is not retried once nobody listens', async () => {
    vi.useFakeTimers()
    const off = await listen('a', vi.fn())
    realm.host.emit('a')
    realm.host.hold = ({ command }) => command === 'pull'
    await settled()
    realm.host.hold = () => false
    off()
    await settled()
    realm.host.refuse = ({ command }) => (command === 'pull' ? down : undefined)
    realm.host.release()
    await settled()
    const before = pulls().length
    await vi.advanceTimersByTimeAsync(10_000)
    expect(pulls()).toHaveLength(before)
    expect(realm.reported).not.toHaveBeenCalled()
    realm.host.refuse = () => undefined
    const handler = vi.fn()
    await listen('a', handler)
    realm.host.emit('a')
    await settled()
    expect(handler).toHaveBeenCalledTimes(1)
  })

  it('as denied spares what is not yet accepted', async () => {
    realm.host.hold = ({ command, args }) => command === 'pull' || (command === 'subscribe' && args.n === 2)
    await listen('a', vi.fn())
    const handler = vi.fn()
    const late = listen('b', handler)
    await settled()
    const pull = realm.host.held.splice(
      realm.host.held.findIndex(({ command }) => command === 'pull'),
      1,
    )[0]
    pull?.reject('Command pull not allowed by ACL')
    await settled()
    expect(realm.reported).toHaveBeenCalledTimes(1)
    realm.host.hold = () => false
    realm.host.release()
    await late
    realm.host.emit('b')
    await settled()
    expect(handler).toHaveBeenCalledTimes(1)
    expect([...(realm.host.session?.subscriptions.values() ?? [])].map(({ event }) => event)).toEqual(['b'])
  })
})

describe('a stale session', () => {
  it('is replaced when a pull finds it', async () => {
    const handler = vi.fn()
    const off = await listen('gone', vi.fn())
    await listen('a', handler)
    off()
    await settled()
    realm.host.endSession()
    await settled()
    expect(realm.host.opened).toBe(2)
    expect([...(realm.host.session?.subscriptions.keys() ?? [])]).toEqual([2])
    realm.host.emit('a')
    await settled()
    expect(handler).toHaveBeenCalledTimes(1)
    expect(pulls().pop()?.args).toEqual({ session: realm.host.session?.id, ack: 1 })
  })

  it('is replaced when a command finds it', async () => {
    await listen('a', vi.fn())
    await settled()
    realm.host.endSilently()
    const { seq } = await emit('a')
    expect(seq).toBe(1)
    const last = realm.host.commands().slice(-3)
    expect(last.map(({ command, args }) => [command, args.n])).toEqual([
      ['emit', 2],
      ['subscribe', 1],
      ['emit', 2],
    ])
  })

  it('keeps the order of waiting calls', async () => {
    const seen: string[] = []
    await listen('*', ({ event }) => seen.push(event))
    realm.host.hold = ({ command }) => command === 'emit'
    const all = [emit('first')]
    await settled()
    all.push(emitTo('main', 'second'), emit('third'))
    realm.host.endSession()
    realm.host.release()
    await Promise.all(all)
    await settled()
    expect(seen).toEqual(['first', 'second', 'third'])
  })

  it('may turn out stale while it subscribes again', async () => {
    const names = Array.from({ length: 1_100 }, (_, index) => `name-${index}`)
    await Promise.all(names.map((name) => listen(name, vi.fn())))
    await settled()
    realm.host.hold = ({ command }) => command === 'subscribe'
    realm.host.endSession()
    await settled()
    const late = listen('late', vi.fn())
    await settled()
    const [first] = realm.host.held.splice(0)
    realm.host.hold = () => false
    first?.reject(STALE)
    await late
    await settled()
    const subscribed = [...(realm.host.session?.subscriptions.values() ?? [])].map(({ event }) => event)
    expect(subscribed).toEqual([...names, 'late'])
  })

  it('is replaced once by a pull and a command', async () => {
    await listen('a', vi.fn())
    await settled()
    realm.host.hold = ({ command }) => command === 'emit'
    const receipt = emit('b')
    await settled()
    realm.host.endSession()
    await settled()
    realm.host.release()
    await receipt
    await settled()
    expect(realm.host.opened).toBe(2)
  })

  it('repeats a subscribe once for each id', async () => {
    await listen('a', vi.fn())
    await settled()
    realm.host.endSilently()
    await listen('b', vi.fn())
    expect([...(realm.host.session?.subscriptions.values() ?? [])].map(({ event }) => event)).toEqual(['a', 'b'])
  })

  it('has no effect once it was replaced', async () => {
    const handler = vi.fn()
    await listen('a', handler)
    await settled()
    const pull = realm.host.session?.pull
    realm.host.endSilently()
    await emit('b')
    await settled()
    pull?.resolve(batchOf([[1, 1, 1, 'a', 0, 1, 'late']]))
    await settled()
    expect(handler).not.toHaveBeenCalled()
  })

  it('is replayed once from where the page was', async () => {
    const [handler, onGap] = [vi.fn(), vi.fn()]
    await listen('a', handler, { onGap })
    realm.host.emit('a')
    await settled()
    realm.host.endSession()
    realm.host.emit('a')
    realm.host.emit('a')
    await settled()
    realm.host.emit('a')
    await settled()
    expect(heard(handler)).toEqual([
      [1, false],
      [2, true],
      [3, true],
      [4, false],
    ])
    expect(onGap).not.toHaveBeenCalled()
    expect(resubscribed()).toEqual([{ id: 1, event: 'a', resume: from(1) }])
  })

  it("reports lost events only by the host's gap", async () => {
    const onGap = vi.fn()
    await listen('a', vi.fn(), { onGap })
    realm.host.emit('a')
    await settled()
    realm.host.endSession()
    realm.host.emit('a')
    realm.host.emit('a')
    realm.host.keepFromNow()
    await settled()
    expect(onGap.mock.calls).toEqual([[{ from: 2, to: 3, count: 2, atMost: true, reason: 'session_ended' }]])
  })

  it('resumes even with replay switched off', async () => {
    const handler = vi.fn()
    await listen('a', handler, { replay: false, retained: false, target: 'main' })
    await settled()
    realm.host.endSession()
    realm.host.emit('a')
    await settled()
    expect(heard(handler)).toEqual([[1, true]])
    const options = { replay: false, retained: false, target: 'main' }
    expect(resubscribed()).toEqual([{ id: 1, event: 'a', resume: from(0), ...options }])
  })

  it('loses no live event to another replay', async () => {
    const handler = vi.fn()
    await listen('a', handler)
    realm.host.emit('a')
    await settled()
    realm.host.push([0, 8, 1, 'b', 0, 99, null, { retained: true }])
    realm.host.push([0, 9, 1, 'b', 0, 99, null, { replayed: true }])
    realm.host.push({
      from: 2,
      to: 9,
      count: 8,
      atMost: true,
      reason: 'history_full',
      subscriptions: [99],
    })
    await settled()
    realm.host.endSession()
    await settled()
    expect(resubscribed()).toEqual([{ id: 1, event: 'a', resume: from(1) }])
    expect(handler).toHaveBeenCalledTimes(1)
  })

  it('resumes after the gap of a full queue', async () => {
    await listen('a', vi.fn(), { onGap: vi.fn() })
    realm.host.push({ from: 2, to: 9, count: 8, atMost: false, reason: 'queue_full', subscriptions: [1] })
    await settled()
    realm.host.endSession()
    await settled()
    expect(resubscribed()).toEqual([{ id: 1, event: 'a', resume: from(9, 0) }])
  })

  it('resumes in the middle of a replay', async () => {
    const handler = vi.fn()
    await listen('a', handler)
    await settled()
    realm.host.batch = 1
    realm.host.hold = ({ command, args }) => command === 'pull' && ((args.ack as number) > 0 || args.ahead === true)
    realm.host.endSession()
    for (let n = 0; n < 3; n += 1) realm.host.emit('a')
    await settled()
    expect(heard(handler)).toEqual([[1, true]])
    realm.host.endSession()
    realm.host.release()
    await settled()
    expect(heard(handler).map(([seq]) => seq)).toEqual([1, 2, 3])
    expect(resubscribed()).toEqual([{ id: 1, event: 'a', resume: from(1) }])
  })

  describe('that is renewed in two commands', () => {
    beforeEach(async () => {
      const names = Array.from({ length: 1_025 }, (_, index) => `name-${index}`)
      await Promise.all(names.map((name) => listen(name, vi.fn())))
      realm.host.emit('name-0')
      await settled()
    })

    it('keeps the positions of both commands apart', async () => {
      realm.host.hold = ({ command, args }) => command === 'subscribe' && args.n === 2
      realm.host.endSession()
      realm.host.emit('name-1024')
      await settled()
      realm.host.emit('name-0')
      await settled()
      const { session } = realm.host
      session?.pull?.resolve(batchOf([]))
      await settled()
      realm.host.endSession()
      realm.host.release()
      await settled()
      expect(resubscribed()).toMatchObject([{ id: 1_025, event: 'name-1024', resume: { after: 1 } }])
    })

    it("names each one's last accepted session", async () => {
      const first = realm.host.session?.id
      realm.host.hold = ({ command, args }) => command === 'subscribe' && args.n === 2
      realm.host.endSession()
      await settled()
      const second = realm.host.session?.id
      realm.host.endSession()
      realm.host.release()
      await settled()
      const renewed = realm.host.commands('subscribe').slice(-2)
      const named = renewed.map(({ args }) => (args.subscriptions as { resume: { session: string } }[])[0])
      expect(named.map((entry) => entry?.resume.session)).toEqual([second, first])
    })

    it('takes an event as a sign of acceptance', async () => {
      realm.host.hold = ({ command, args }) => command === 'subscribe' && args.n === 2
      realm.host.endSession()
      await settled()
      const second = realm.host.session?.id
      realm.host.push([0, 2, 1, 'name-1024', 0, 1_025, null])
      await settled()
      realm.host.endSession()
      realm.host.release()
      await settled()
      expect(resubscribed()).toMatchObject([{ id: 1_025, resume: { session: second, handled: 2 } }])
    })

    it('takes it as such after live events, too', async () => {
      realm.host.emit('name-1024')
      await settled()
      realm.host.hold = ({ command, args }) => command === 'subscribe' && args.n === 2
      realm.host.endSession()
      await settled()
      const second = realm.host.session?.id
      realm.host.push([0, 3, 1, 'name-1024', 0, 1_025, null])
      realm.host.push([0, 4, 1, 'name-1024', 0, 1_025, null])
      await settled()
      realm.host.endSession()
      realm.host.release()
      await settled()
      expect(resubscribed()).toMatchObject([{ id: 1_025, resume: { session: second, handled: 4 } }])
    })

    it('ignores an empty answer from before', async () => {
      realm.host.hold = ({ command, args }) => command === 'pull' || (command === 'subscribe' && args.n === 2)
      realm.host.endSession()
      realm.host.emit('name-1024')
      await settled()
      const [second, pull] = ['subscribe', 'pull'].map((name) => {
        const place = realm.host.held.findIndex(({ command }) => command === name)
        return realm.host.held.splice(place, 1)[0]
      })
      realm.host.hold = ({ command }) => command === 'pull'
      realm.host.answerNow(second)
      await settled()
      pull?.resolve(batchOf([]))
      await settled()
      realm.host.endSession()
      realm.host.release()
      await settled()
      expect(resubscribed()).toMatchObject([{ id: 1_025, event: 'name-1024', resume: { after: 1 } }])
    })
  })

  it('resumes at its start when nothing was due', async () => {
    await listen('a', vi.fn())
    await settled()
    realm.host.endSession()
    realm.host.emit('b')
    realm.host.emit('b')
    await settled()
    realm.host.session?.pull?.resolve(batchOf([]))
    await settled()
    realm.host.endSession()
    await settled()
    expect(resubscribed()).toEqual([{ id: 1, event: 'a', resume: from(2, 0) }])
  })

  it('delivers nothing twice when it is sent again', async () => {
    const handler = vi.fn()
    await listen('a', handler)
    realm.host.emit('a')
    realm.host.push([0, 1, 1, 'a', 0, 1, null, { replayed: true }])
    realm.host.push([0, 1, 1, 'a', 0, 1, null, { retained: true }])
    await settled()
    expect(heard(handler)).toEqual([[1, false]])
  })

  it('resumes exactly, without a gap', async () => {
    const [handler, onGap] = [vi.fn(), vi.fn()]
    realm.host.emit('a', 'kept', undefined, true)
    realm.host.hold = ({ command }) => command === 'pull'
    await listen('a', handler, { onGap, replay: false })
    realm.host.emit('a')
    realm.host.emit('b')
    await settled()
    realm.host.endSession()
    realm.host.release()
    await settled()
    expect(handler.mock.calls.map(([{ seq, replayed, retained }]) => [seq, replayed, retained])).toEqual([
      [1, false, true],
      [2, true, false],
    ])
    expect(onGap).not.toHaveBeenCalled()
    expect(resubscribed()).toEqual([{ id: 1, event: 'a', replay: false, resume: from(1, 0) }])
  })

  it('delivers an older retained event once', async () => {
    const handler = vi.fn()
    await listen('a', handler)
    const retained = (seq: number) => realm.host.push([0, seq, 1, 'a', 0, 1, null, { retained: true }])
    realm.host.push([0, 4, 1, 'a', 0, 1, null, { replayed: true }])
    realm.host.push([0, 7, 1, 'a', 0, 1, null])
    realm.host.push([0, 9, 1, 'a', 0, 1, null])
    await settled()
    realm.host.endSession()
    await settled()
    for (const seq of [3, 3, 4, 7, 9]) retained(seq)
    await settled()
    realm.host.endSession()
    await settled()
    retained(3)
    realm.host.push([0, 5, 1, 'a', 0, 1, null, { replayed: true }])
    await settled()
    expect(heard(handler).map(([seq]) => seq)).toEqual([4, 7, 9, 3])
    expect(resubscribed()).toMatchObject([{ resume: { handled: 9 } }])
  })

  it('reports a subscription that is refused then', async () => {
    await listen('a', vi.fn())
    await settled()
    realm.host.refuseEntry = () => ({ code: 'denied', message: 'not any more' })
    realm.host.endSession()
    await settled()
    expect(realm.reported).toHaveBeenCalledTimes(1)
  })

  it('waits for a rate-limited subscription', async () => {
    vi.useFakeTimers()
    const [patient, other] = [vi.fn(), vi.fn()]
    await listen('a', patient)
    await listen('b', other)
    await settled()
    realm.host.emit('a')
    await settled()
    const tooFast = { code: 'rate_limited', message: 'too fast', retryAfterMs: 40 }
    realm.host.refuseEntry = (_, { event }) => (event === 'a' ? tooFast : undefined)
    realm.host.endSession()
    await settled()
    realm.host.emit('a')
    realm.host.emit('b')
    await settled()
    expect(other).toHaveBeenCalledTimes(1)
    expect(patient).toHaveBeenCalledTimes(1)
    const sent = realm.host.commands('subscribe').length
    await vi.advanceTimersByTimeAsync(39)
    expect(realm.host.commands('subscribe')).toHaveLength(sent)
    realm.host.refuseEntry = () => undefined
    await vi.advanceTimersByTimeAsync(1)
    await settled()
    expect(resubscribed()).toEqual([{ id: 1, event: 'a', resume: from(1) }])
    expect(heard(patient)).toEqual([
      [1, false],
      [2, true],
    ])
    expect(realm.reported).not.toHaveBeenCalled()
  })

  it('waits only for what the session still needs', async () => {
    vi.useFakeTimers()
    const handler = vi.fn()
    const ended = await listen('a', vi.fn())
    await listen('b', handler)
    await settled()
    const tooFast = { code: 'rate_limited', message: 'too fast', retryAfterMs: 40 }
    realm.host.refuseEntry = () => tooFast
    realm.host.endSession()
    await settled()
    ended()
    await settled()
    realm.host.refuseEntry = () => undefined
    realm.host.endSession()
    await emit('c')
    const sent = realm.host.commands('subscribe').length
    await vi.advanceTimersByTimeAsync(100)
    expect(realm.host.commands('subscribe')).toHaveLength(sent)
    realm.host.emit('b')
    await settled()
    expect(handler).toHaveBeenCalledTimes(1)
  })

  it('is replaced later when rate limited', async () => {
    vi.useFakeTimers()
    const handler = vi.fn()
    await listen('a', handler)
    realm.host.emit('a')
    await settled()
    const tooFast = { code: 'rate_limited', message: 'too fast', retryAfterMs: 90 }
    realm.host.refuse = ({ command, args }) => (command === 'subscribe' && args.n === 1 ? tooFast : undefined)
    realm.host.endSession()
    realm.host.emit('a')
    await settled()
    const sent = realm.host.commands('subscribe').length
    await vi.advanceTimersByTimeAsync(89)
    expect(realm.host.commands('subscribe')).toHaveLength(sent)
    realm.host.refuse = () => undefined
    await vi.advanceTimersByTimeAsync(1)
    await settled()
    expect(heard(handler)).toEqual([
      [1, false],
      [2, true],
    ])
    expect(realm.reported).not.toHaveBeenCalled()
  })

  it('is not replaced in a tight loop', async () => {
    vi.useFakeTimers()
    await listen('a', vi.fn())
    realm.host.refuse = ({ command }) => (command === 'pull' ? STALE : undefined)
    realm.host.endSession()
    await settled()
    const opened = realm.host.opened
    expect(opened).toBeLessThan(9)
    await vi.advanceTimersByTimeAsync(999)
    expect(realm.host.opened).toBe(opened)
    await vi.advanceTimersByTimeAsync(1)
    await settled()
    expect(realm.host.opened).toBe(opened + 1)
    // A page that comes back meanwhile does not wait, and what waited does nothing any more.
    realm.host.refuse = () => undefined
    await vi.advanceTimersByTimeAsync(1_000)
    await settled()
    expect(realm.host.pullsInFlight).toBe(1)
    expect(realm.host.opened).toBe(opened + 2)
  })

  it('is replaced when one subscription finds it', async () => {
    const handlers = [vi.fn(), vi.fn()]
    await listen('a', handlers[0] as () => void)
    await settled()
    const answers = [STALE, undefined, undefined]
    realm.host.refuseEntry = () => answers.shift()
    realm.host.endSession()
    await settled()
    answers.unshift(STALE)
    await listen('b', handlers[1] as () => void)
    await settled()
    realm.host.emit('a')
    realm.host.emit('b')
    await settled()
    for (const handler of handlers) expect(handler).toHaveBeenCalledTimes(1)
    expect(realm.host.opened).toBe(4)
    expect(realm.reported).not.toHaveBeenCalled()
  })

  it('rejects a subscription of stale sessions', async () => {
    realm.host.refuseEntry = () => STALE
    await expect(listen('a', vi.fn()).then()).rejects.toMatchObject({ code: 'stale_session' })
    expect(realm.host.opened).toBeLessThan(9)
  })

  it('rejects when every session is stale at once', async () => {
    realm.host.refuse = ({ command }) => (command === 'pull' ? undefined : STALE)
    await expect(emit('a')).rejects.toMatchObject({ code: 'stale_session' })
    expect(realm.host.sent.length).toBe(4)
    realm.host.refuse = () => undefined
    await expect(emit('a')).resolves.toMatchObject({ seq: 1 })
  })
})

describe('a page out of the back/forward cache', () => {
  const listeners: ((event: { persisted: boolean }) => void)[] = []
  const comeBack = () => {
    for (const listener of listeners) listener({ persisted: true })
  }
  beforeEach(() => {
    listeners.length = 0
    vi.stubGlobal('addEventListener', (name: string, listener: (event: { persisted: boolean }) => void) => {
      if (name === 'pageshow') listeners.push(listener)
    })
  })

  it('is not a page shown for the first time', async () => {
    await listen('a', vi.fn())
    await settled()
    const before = realm.host.sent.length
    for (const listener of listeners) listener({ persisted: false })
    await settled()
    expect(realm.host.sent).toHaveLength(before)
  })

  it('does not wait for a retry', async () => {
    vi.useFakeTimers()
    const handler = vi.fn()
    await listen('a', handler)
    await settled()
    realm.host.refuse = ({ command }) => (command === 'pull' ? { code: 'unavailable', message: 'down' } : undefined)
    realm.host.session?.pull?.reject({ code: 'unavailable', message: 'down' })
    await settled()
    realm.host.refuse = () => undefined
    comeBack()
    realm.host.emit('a')
    await settled()
    expect(handler).toHaveBeenCalledTimes(1)
    const before = pulls().length
    await vi.advanceTimersByTimeAsync(5_000)
    expect(pulls()).toHaveLength(before)
  })

  it('resumes at its own position', async () => {
    const handler = vi.fn()
    await listen('a', handler)
    realm.host.emit('a')
    await settled()
    realm.host.endSilently()
    realm.host.loseAnswers()
    realm.host.emit('a')
    comeBack()
    await settled()
    realm.host.emit('a')
    await settled()
    expect(heard(handler)).toEqual([
      [1, false],
      [2, true],
      [3, false],
    ])
    expect(resubscribed()).toEqual([{ id: 1, event: 'a', resume: from(1) }])
  })

  it('resumes in the middle of an answer', async () => {
    let now = 0
    vi.spyOn(performance, 'now').mockImplementation(() => now)
    const seqs: number[] = []
    await listen('a', ({ seq }) => {
      now += 10
      seqs.push(seq)
    })
    await settled()
    realm.host.hold = ({ command }) => command === 'pull'
    const all = Array.from({ length: 60 }, () => realm.host.emit('a'))
    await settled()
    realm.host.release()
    await settled()
    expect(seqs.length).toBeLessThan(60)
    realm.host.loseAnswers()
    comeBack()
    for (let turn = 0; turn < 80; turn += 1) await endOfTask()
    await settled()
    expect(seqs).toEqual(all)
    expect(pulls().pop()?.args.ack).toBe(60)
  })

  it('renews its session once for both copies', async () => {
    realm.host.hold = ({ command }) => command === 'emit'
    const receipt = emit('a')
    await settled()
    realm.host.stateInFlight = 0
    comeBack()
    const copies = realm.host.held.splice(0)
    expect(copies.map(({ args }) => args.n)).toEqual([1, 1])
    realm.host.stateInFlight = 1
    copies[0]?.reject(STALE)
    await settled()
    realm.host.stateInFlight = 1
    copies[1]?.reject(STALE)
    realm.host.stateInFlight = 1
    await settled()
    realm.host.release()
    await receipt
    expect(sessions().length).toBe(2)
    expect(realm.host.commands('emit').length).toBe(3)
  })

  it('repeats the command in flight and pulls', async () => {
    await listen('a', vi.fn())
    await settled()
    realm.host.hold = ({ command }) => command === 'emit'
    const receipt = emit('b')
    await settled()
    const frozen = realm.host.loseAnswers()
    realm.host.hold = () => false
    comeBack()
    await expect(receipt).resolves.toMatchObject({ seq: 1 })
    // The answer that seemed lost may arrive all the same, and counts for nothing.
    for (const held of frozen) held.resolve([{ seq: 9, pages: 0, listeners: 0 }])
    realm.host.stateInFlight = 0
    await settled()
    await emit('c')
    expect(realm.host.commands('emit').map(({ args }) => args.n)).toEqual([2, 2, 3])
  })
})

describe('the inbox of a realm', () => {
  it('is made at its first use and shared', async () => {
    expect(INBOX in globalThis).toBe(false)
    await listen('a', vi.fn())
    vi.resetModules()
    const copy = await import('../src/index.js')
    const handler = vi.fn()
    await copy.listen('a', handler)
    realm.host.emit('a')
    await settled()
    expect(handler).toHaveBeenCalledTimes(1)
    expect(realm.host.opened).toBe(1)
    realm.host.refuseEntry = () => ({ code: 'denied', message: 'no' })
    const refused = await copy.listen('b', handler).catch((error) => error)
    expect(refused).toBeInstanceOf(copy.EventBusError)
  })

  it('of another version is refused by number', async () => {
    Object.defineProperty(globalThis, INBOX, { value: { version: 7 }, configurable: true })
    await expect(emit('a')).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(/7.*version 3/),
    })
  })

  it('is denied to frames', async () => {
    ;(window as unknown as Record<string, unknown>).top = {}
    await expect(listen('a', vi.fn()).then()).rejects.toMatchObject({ code: 'denied' })
    await expect(emit('a')).rejects.toMatchObject({ code: 'denied' })
    expect(realm.host.sent).toEqual([])
  })

  it('is unavailable outside of Tauri', async () => {
    vi.stubGlobal('window', undefined)
    await expect(emit('a')).rejects.toMatchObject({ code: 'unavailable' })
    const page: Record<string, unknown> = {}
    page.top = page
    vi.stubGlobal('window', page)
    await expect(listen('a', vi.fn()).then()).rejects.toMatchObject({ code: 'unavailable' })
  })

  it('opens sessions with 32 hexadecimal digits', async () => {
    await emit('a')
    expect(realm.host.session?.id).toMatch(/^[0-9a-f]{32}$/)
  })
})

it('lose and repeat nothing without a gap', async () => {
  vi.useFakeTimers()
  // A linear congruential generator, so that a failure can be repeated.
  let state = 7
  const random = (below: number) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return Math.floor((state / 2_147_483_648) * below)
  }
  for (let round = 0; round < 60; round += 1) {
    realm = freshRealm()
    const { host } = realm
    host.batch = 1 + random(3)
    if (round % 2 === 0) host.keepFromNow()
    const heard: { seqs: number[]; gaps: Gap[] }[] = []
    const all: Promise<unknown>[] = []
    const emitted: number[] = []
    let ends = 0
    let exact = true
    for (let step = 0; step < 80; step += 1) {
      const choice = random(10)
      if (choice < 4) emitted.push(host.emit('x', null, undefined, random(4) === 0))
      else if (choice === 4) host.emit('unrelated')
      else if (choice === 5 && heard.length < 6) {
        const one: (typeof heard)[number] = { seqs: [], gaps: [] }
        heard.push(one)
        const options = { replay: random(2) === 0, onGap: (gap: Gap) => one.gaps.push(gap) }
        all.push(listen('x', ({ seq }) => one.seqs.push(seq), options).then())
      } else if (choice === 6) host.hold = ({ command }) => command === 'pull' && random(2) === 0
      else if (choice === 7 && ends < 2) {
        ends += 1
        host.endSession()
        if (random(4) === 0 && round % 3 > 0) {
          host.keepFromNow()
          exact = false
        }
      } else if (choice === 8 && round % 3 > 0) {
        host.endStartUp()
        // Between two sessions nothing is kept then.
        if (!host.session) exact = false
      } else {
        if (random(2) === 0) host.held.reverse()
        host.release()
        await settled()
        ends = 0
      }
      for (let turn = random(12); turn > 0; turn -= 1) await Promise.resolve()
    }
    host.release()
    emitted.push(host.emit('x'))
    for (let turn = 0; turn < 5; turn += 1) await vi.advanceTimersByTimeAsync(1_000)
    await Promise.all(all)
    expect(realm.reported).not.toHaveBeenCalled()
    for (const [index, { seqs, gaps }] of heard.entries()) {
      expect(seqs).toEqual([...new Set(seqs)].sort((a, b) => a - b))
      if (exact) expect(gaps).toEqual([])
      const told = (seq: number) => seqs.includes(seq) || gaps.some(({ from, to }) => from <= seq && seq <= to)
      const began = host.began.get(index + 1) ?? 0
      expect(emitted.filter((seq) => seq > began && !told(seq))).toEqual([])
    }
    expect(host.broken).toEqual([])
  }
})
