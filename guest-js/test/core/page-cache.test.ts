import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { emit } from '../../src/api/emit.js'
import { inspect } from '../../src/api/inspect.js'
import { listen } from '../../src/api/listen.js'
import { STALE } from '../fake-host.js'
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
const received = (handler: ReturnType<typeof vi.fn>) => handler.mock.calls.map(([{ seq, replayed }]) => [seq, replayed])

interface Internals {
  invoke(...args: unknown[]): Promise<unknown>
}

describe('a page out of the back/forward cache', () => {
  const listeners: ((event: { persisted: boolean }) => void)[] = []
  const leavers: (() => void)[] = []
  const leave = () => {
    for (const leaver of leavers) leaver()
  }
  const comeBack = () => {
    for (const listener of listeners) listener({ persisted: true })
  }
  beforeEach(() => {
    listeners.length = 0
    leavers.length = 0
    vi.stubGlobal('addEventListener', (name: string, listener: (event: { persisted: boolean }) => void) => {
      if (name === 'pageshow') listeners.push(listener)
      if (name === 'pagehide') leavers.push(() => listener({ persisted: true }))
    })
    vi.stubGlobal('removeEventListener', (_name: string, listener: (event: { persisted: boolean }) => void) => {
      const place = listeners.indexOf(listener)
      if (place >= 0) listeners.splice(place, 1)
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

  it('repeats what it was reading', async () => {
    realm.host.hold = ({ command }) => command === 'inspect'
    const read = inspect()
    await settled()
    realm.host.loseReplies()
    realm.host.hold = () => false
    comeBack()
    expect((await read).webviews).toEqual([])
    comeBack()
    await settled()
    expect(realm.host.commands('inspect')).toHaveLength(2)
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
    realm.host.loseReplies()
    realm.host.emit('a')
    comeBack()
    await settled()
    realm.host.emit('a')
    await settled()
    expect(received(handler)).toEqual([
      [1, false],
      [2, true],
      [3, false],
    ])
    expect(resubscribed()).toEqual([{ id: 1, event: 'a', resume: from(1) }])
  })

  it('keeps its subscriptions however often it is left', async () => {
    const handler = vi.fn()
    await listen('a', handler)
    await settled()
    for (let times = 0; times < 6; times += 1) {
      realm.host.endSilently()
      realm.host.hold = ({ command }) => command === 'subscribe' || command === 'emit'
      emit('b').catch(() => {})
      await settled()
      leave()
      emit('c').catch(() => {})
      await settled()
      realm.host.loseReplies()
      comeBack()
      await settled()
    }
    realm.host.hold = () => false
    realm.host.release()
    await settled()
    realm.host.emit('a')
    await settled()
    expect(handler).toHaveBeenCalled()
    // A page that is left waits for no reply.
    realm.host.broken.length = 0
  })

  it('renews what an old session has accepted', async () => {
    await listen('b', vi.fn())
    await settled()
    const handler = vi.fn()
    // The host accepts it, and its reply is late.
    const { __TAURI_INTERNALS__: internals } = window as unknown as { __TAURI_INTERNALS__: Internals }
    const { invoke } = internals
    let deliver = () => {}
    const isLate = new Promise<void>((resolve) => {
      deliver = resolve
    })
    internals.invoke = async (...args) => {
      const reply = await invoke(...args)
      await isLate
      return reply
    }
    const listening = listen('a', handler)
    await settled()
    const [first] = sessions()
    internals.invoke = invoke
    leave()
    realm.host.endSession()
    await settled()
    // The next session begins without it, since it has no reply yet.
    expect(resubscribed()).toMatchObject([{ id: 1, event: 'b', resume: { session: first } }])
    realm.host.emit('a')
    deliver()
    await listening
    await endOfTask()
    await settled()
    expect(sessions()).toHaveLength(2)
    expect(resubscribed()).toMatchObject([{ id: 2, event: 'a', resume: { session: first, after: 0, handled: 0 } }])
    realm.host.emit('a')
    await settled()
    expect(received(handler).map(([seq]) => seq)).toEqual([1, 2])
    // A page that is left waits for no reply.
    realm.host.broken.length = 0
  })

  it('resumes before a replay that has not come', async () => {
    for (let i = 0; i < 5; i += 1) realm.host.emit('b')
    realm.host.replay = { after: 2 }
    await listen('a', vi.fn())
    realm.host.endSilently()
    realm.host.loseReplies()
    comeBack()
    await settled()
    expect(resubscribed()).toEqual([{ id: 1, event: 'a', resume: from(2, 0) }])
    expect(realm.host.seq).toBe(5)
  })

  it('resumes in the middle of a reply', async () => {
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
    realm.host.loseReplies()
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
    const frozen = realm.host.loseReplies()
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
