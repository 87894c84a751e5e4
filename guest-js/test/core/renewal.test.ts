import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { listen } from '../../src/api/listen.js'
import { batchOf } from '../batches.js'
import { freshRealm, settled } from '../realm.js'

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
const received = (handler: ReturnType<typeof vi.fn>) => handler.mock.calls.map(([{ seq, replayed }]) => [seq, replayed])

describe('a renewed session', () => {
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
    expect(received(handler)).toEqual([
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
    expect(received(handler)).toEqual([[1, true]])
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
    expect(resubscribed()).toEqual([{ id: 1, event: 'a', resume: from(1, 1, 4) }])
    expect(handler).toHaveBeenCalledTimes(1)
  })

  it('resumes before a gap that it has handled', async () => {
    await listen('a', vi.fn(), { onGap: vi.fn() })
    realm.host.push({ from: 2, to: 9, count: 7, atMost: false, reason: 'queue_full', subscriptions: [1] })
    await settled()
    realm.host.endSession()
    await settled()
    expect(resubscribed()).toEqual([{ id: 1, event: 'a', resume: from(0, 0, 1) }])
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
    expect(received(handler)).toEqual([[1, true]])
    realm.host.endSession()
    realm.host.release()
    await settled()
    expect(received(handler).map(([seq]) => seq)).toEqual([1, 2, 3])
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

    it("names each one's last index of that session", async () => {
      const first = realm.host.session?.id
      realm.host.emit('name-0')
      realm.host.emit('name-1')
      await settled()
      realm.host.hold = ({ command, args }) => command === 'subscribe' && args.n === 2
      realm.host.endSession()
      await settled()
      const second = realm.host.session?.id
      realm.host.emit('name-0')
      await settled()
      realm.host.endSession()
      realm.host.release()
      await settled()
      const renewed = realm.host.commands('subscribe').slice(-2)
      const named = renewed.map(({ args }) => (args.subscriptions as { resume: object }[])[0])
      expect(named).toMatchObject([
        { id: 1, resume: { session: second, ack: 1 } },
        { id: 1_025, resume: { session: first, ack: 3 } },
      ])
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

    it('ignores an empty reply from before', async () => {
      realm.host.hold = ({ command, args }) => command === 'pull' || (command === 'subscribe' && args.n === 2)
      realm.host.endSession()
      realm.host.emit('name-1024')
      await settled()
      const [second, pull] = ['subscribe', 'pull'].map((name) => {
        const place = realm.host.held.findIndex(({ command }) => command === name)
        return realm.host.held.splice(place, 1)[0]
      })
      realm.host.hold = ({ command }) => command === 'pull'
      realm.host.replyNow(second)
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
    expect(received(handler)).toEqual([[1, false]])
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
    expect(received(handler).map(([seq]) => seq)).toEqual([4, 7, 9, 3])
    expect(resubscribed()).toMatchObject([{ resume: { handled: 9 } }])
  })
})
