import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { emit, emitTo } from '../../src/api/emit.js'
import { listen } from '../../src/api/listen.js'
import { batchOf } from '../batches.js'
import { STALE } from '../fake-host.js'
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
const received = (handler: ReturnType<typeof vi.fn>) => handler.mock.calls.map(([{ seq, replayed }]) => [seq, replayed])

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
    expect(pulls().pop()?.args).toEqual({ session: realm.host.session?.id, ack: 1, call: true })
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
    expect(received(patient)).toEqual([
      [1, false],
      [2, true],
    ])
    expect(realm.reported).not.toHaveBeenCalled()
  })

  it('does not pull while none of it is registered', async () => {
    vi.useFakeTimers()
    await listen('a', vi.fn())
    const ended = await listen('b', vi.fn())
    await settled()
    const tooFast = { code: 'rate_limited', message: 'too fast', retryAfterMs: 40 }
    realm.host.refuseEntry = (_, { event }) => (event === 'a' ? tooFast : undefined)
    realm.host.endSession()
    await settled()
    ended()
    await settled()
    const sent = pulls().length
    for (let i = 0; i < 5; i += 1) await settled()
    expect(pulls()).toHaveLength(sent)
    realm.host.refuseEntry = () => undefined
    await vi.advanceTimersByTimeAsync(40)
    await settled()
    expect(pulls()).toHaveLength(sent + 1)
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
    expect(received(handler)).toEqual([
      [1, false],
      [2, true],
    ])
    expect(realm.reported).not.toHaveBeenCalled()
  })

  it('loses nothing while it is rate limited', async () => {
    vi.useFakeTimers()
    const [first, second] = [vi.fn(), vi.fn()]
    await listen('a', first)
    await listen('b', second)
    await settled()
    const tooFast = { code: 'rate_limited', message: 'too fast', retryAfterMs: 90 }
    realm.host.refuse = ({ args }) => (args.n === 1 ? tooFast : undefined)
    realm.host.endSession()
    await settled()
    const emitted = []
    for (let i = 0; i < 6; i += 1) {
      emitted.push(emit('c'))
      await settled()
    }
    realm.host.refuse = () => undefined
    await vi.advanceTimersByTimeAsync(90)
    await settled()
    expect((await Promise.all(emitted)).map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6])
    realm.host.emit('a')
    realm.host.emit('b')
    await settled()
    expect([first.mock.calls.length, second.mock.calls.length]).toEqual([1, 1])
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
