import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { emit } from '../../src/api/emit.js'
import { listen, unlisten } from '../../src/api/listen.js'
import type { Subscription } from '../../src/types/subscription.js'
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
/** The entries of the last `subscribe`. */
const resubscribed = () => realm.host.commands('subscribe').pop()?.args.subscriptions
/** The ids of the sessions, in the order in which they were opened. */
const sessions = () => [...new Set(realm.host.commands().map(({ args }) => args.session))]
/** Where a subscription went on that was accepted in the session before the last. */
const from = (after: number, handled = after, ack = handled) => ({
  session: sessions()[sessions().length - 2],
  after,
  handled,
  ack,
})

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
      realm.host.replyNow(realm.host.held.shift())
      await settled()
      expect(seqs).toEqual([1, 2, 3])
      expect(realm.host.held.map(({ args }) => args.ahead)).toEqual([true, true, true])
      return all
    }

    it('reads ahead until everything has come', async () => {
      const all = await emitted(19)
      expect(ahead().map(({ args }) => args.ack)).toEqual([1, 1, 1])
      realm.host.replyNow(realm.host.held.shift())
      await settled()
      expect(ahead().map(({ args }) => args.ack)).toEqual([1, 1, 1, 3])
      realm.host.release()
      await settled()
      expect(seqs).toEqual(all)
      const before = ahead().length
      realm.host.emit('a')
      await settled()
      expect(ahead().length).toBe(before)
      expect(pulls().pop()?.args).toEqual({ session: realm.host.session?.id, ack: 20, call: true })
    })

    it('pulls again what another reply has overtaken', async () => {
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

    it('resumes after an empty reply that read ahead', async () => {
      const all = await emitted(4)
      for (const _ of [1, 2, 3]) realm.host.replyNow(realm.host.held.shift())
      await settled()
      expect(seqs).toEqual(all)
      realm.host.hold = () => false
      realm.host.loseReplies()
      realm.host.endSilently()
      await emit('b')
      expect(resubscribed()).toEqual([{ id: 1, event: 'a', resume: from(4) }])
      all.push(realm.host.emit('a'))
      await settled()
      expect(seqs).toEqual(all)
    })

    it('acknowledges all replies that read ahead', async () => {
      await emitted(9)
      for (const _ of [1, 2, 3]) realm.host.replyNow(realm.host.held.shift())
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
    const turns = vi.spyOn(MessagePort.prototype, 'postMessage')
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
    const turns = vi.spyOn(MessagePort.prototype, 'postMessage')
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

  it('delivers before the reply to subscribe', async () => {
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

  it('does not spin when a mock replies nothing', async () => {
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

describe('a pull that fails', () => {
  const down = { code: 'unavailable', message: 'down' }

  it('is not retried without a listener', async () => {
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
