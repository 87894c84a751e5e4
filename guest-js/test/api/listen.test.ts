import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { emit } from '../../src/api/emit.js'
import { events } from '../../src/api/events.js'
import { listen, on, once, unlisten } from '../../src/api/listen.js'
import { EventBusError } from '../../src/core/error.js'
import type { Gap } from '../../src/types/gap.js'
import { endOfTask, freshRealm, settled } from '../realm.js'

let realm: ReturnType<typeof freshRealm>
beforeEach(() => {
  realm = freshRealm()
})
afterEach(() => {
  expect(realm.host.broken).toEqual([])
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})

const refusal = { code: 'denied', message: 'no' }

describe('a subscription', () => {
  it('resolves to a plain function that ends it', async () => {
    const handler = vi.fn()
    const unlistenOne = await listen('a', handler)
    expect('then' in unlistenOne).toBe(false)
    realm.host.emit('a', 1)
    await settled()
    unlistenOne()
    await settled()
    realm.host.emit('a', 2)
    await settled()
    expect(handler.mock.calls.map(([event]) => event.payload)).toEqual([1])
    expect(realm.host.session?.subscriptions.size).toBe(0)
  })

  it('sends nothing when it ends at once', async () => {
    const off = listen('a', vi.fn())
    off()
    off()
    await expect(off.then((unlistenOne) => typeof unlistenOne)).resolves.toBe('function')
    expect(realm.host.sent).toEqual([])
  })

  it('sends one unsubscribe when it ends in flight', async () => {
    realm.host.hold = ({ command }) => command === 'subscribe'
    const handler = vi.fn()
    const off = listen('a', handler)
    await settled()
    off()
    off()
    realm.host.release()
    await off
    await settled()
    realm.host.emit('a')
    await settled()
    expect(realm.host.commands('subscribe', 'unsubscribe').map(({ command }) => command)).toEqual([
      'subscribe',
      'unsubscribe',
    ])
    expect(handler).not.toHaveBeenCalled()
    expect(realm.host.session?.subscriptions.size).toBe(0)
  })

  it('is one after listen, unlisten, listen', async () => {
    const handler = vi.fn()
    const first = listen('a', handler)
    first()
    await listen('a', handler)
    expect(realm.host.session?.subscriptions.size).toBe(1)
    expect(realm.host.commands('unsubscribe')).toEqual([])
    realm.host.emit('a')
    await settled()
    expect(handler).toHaveBeenCalledTimes(1)
  })

  it('is independent of one with the same handler', async () => {
    const handler = vi.fn()
    const first = listen('a', handler)
    await listen('a', handler)
    realm.host.emit('a')
    await settled()
    expect(handler).toHaveBeenCalledTimes(2)
    first()
    realm.host.emit('a')
    await settled()
    expect(handler).toHaveBeenCalledTimes(3)
  })

  it('ends with its signal', async () => {
    const control = new AbortController()
    const handler = vi.fn()
    await listen('a', handler, { signal: control.signal })
    control.abort()
    await settled()
    expect(realm.host.session?.subscriptions.size).toBe(0)
    const before = realm.host.sent.length
    await listen('a', handler, { signal: AbortSignal.abort() })
    await settled()
    expect(realm.host.sent.length).toBe(before)
  })

  it('removes its abort listener when it ends', async () => {
    const { signal } = new AbortController()
    const removed = vi.spyOn(signal, 'removeEventListener')
    listen('a', vi.fn(), { signal })()
    expect(removed).toHaveBeenCalledTimes(1)
  })

  it('ends by dispose and by stop', async () => {
    const off = listen('a', vi.fn())
    const { stop } = listen('a', vi.fn())
    await off
    off[Symbol.dispose]()
    stop()
    stop()
    await settled()
    expect(realm.host.session?.subscriptions.size).toBe(0)
  })
})

describe('a refused subscription', () => {
  beforeEach(() => {
    realm.host.refuseEntry = (_, entry) => (entry.event === 'no' ? refusal : undefined)
  })

  it('rejects without affecting its neighbors', async () => {
    const [yes, no] = await Promise.allSettled([listen('yes', vi.fn()), listen('no', vi.fn())])
    expect(yes.status).toBe('fulfilled')
    expect(no).toMatchObject({ status: 'rejected', reason: { code: 'denied', message: 'no' } })
    expect((no as PromiseRejectedResult).reason).toBeInstanceOf(EventBusError)
    await endOfTask()
    expect(realm.reported).not.toHaveBeenCalled()
  })

  it('is not reported once the page has ended it', async () => {
    realm.host.hold = ({ command }) => command === 'subscribe'
    const off = listen('a', vi.fn())
    await settled()
    off()
    realm.host.hold = () => false
    realm.host.refuseEntry = () => ({ code: 'denied', message: 'no' })
    realm.host.release()
    await settled()
    await expect(off).resolves.toBeTypeOf('function')
    expect(realm.reported).not.toHaveBeenCalled()
  })

  it('is reported once when nobody handles it', async () => {
    listen('no', vi.fn())
    await settled()
    await endOfTask()
    await endOfTask()
    expect(realm.reported).toHaveBeenCalledTimes(1)
  })

  it.each(['then', 'catch', 'finally'] as const)('is not reported when %s was called', async (method) => {
    const off = listen('tauri://close-requested', vi.fn())
    const derived: Promise<unknown> =
      method === 'then' ? off.then(null, () => {}) : method === 'catch' ? off.catch(() => {}) : off.finally(() => {})
    await derived.catch(() => {})
    await endOfTask()
    expect(realm.reported).not.toHaveBeenCalled()
  })

  it('is logged where reportError is missing', async () => {
    vi.stubGlobal('reportError', undefined)
    const logged = vi.spyOn(console, 'error').mockImplementation(() => {})
    listen('no', vi.fn())
    await settled()
    await endOfTask()
    expect(logged).toHaveBeenCalledTimes(1)
  })

  it.each([
    ['tauri://close-requested', vi.fn(), 'reserved_event_name'],
    [7 as never, vi.fn(), 'invalid_event_name'],
    ['a', 'handler' as never, 'invalid_argument'],
  ])('never leaves the page for %s', async (name, handler, code) => {
    for (const subscription of [listen(name, handler), on(name, handler), once(name, handler)]) {
      await expect(subscription.then()).rejects.toMatchObject({ code })
    }
    expect(realm.host.sent).toEqual([])
  })
})

describe('handlers', () => {
  it('receive their own event and share its payload', async () => {
    const seen: { payload: unknown }[] = []
    await Promise.all([listen('a', (event) => seen.push(event)), listen('a', (event) => seen.push(event))])
    realm.host.emit('a', { deep: 1 }, { tick: { job: 'j', count: 1, scheduledAt: 5, missed: 0 } })
    await settled()
    expect(seen[0]).not.toBe(seen[1])
    expect(seen[0]?.payload).toBe(seen[1]?.payload)
    expect(seen[0]).toEqual({
      event: 'a',
      hops: 0,
      payload: { deep: 1 },
      id: 1,
      seq: 1,
      timestamp: 1000.25,
      source: { kind: 'host' },
      replayed: false,
      retained: false,
      tick: { job: 'j', count: 1, scheduledAt: 5, missed: 0 },
    })
  })

  it('see whether an event was kept', async () => {
    const handler = vi.fn()
    await listen('a', handler)
    realm.host.push([0, 7, 1, 'a', 0, 1, null, { replayed: true, retained: true }])
    realm.host.push([0, 8, 1, 'a', 0, 1, null, { superseded: 3 }])
    realm.host.push([0, 9, 1, 'a', 0, 1, null])
    await settled()
    const marks = handler.mock.calls.map(([{ replayed, retained, superseded }]) => [replayed, retained, superseded])
    expect(marks).toEqual([
      [true, true, undefined],
      [false, false, 3],
      [false, false, undefined],
    ])
    expect(handler.mock.calls.map(([event]) => 'superseded' in event)).toEqual([false, true, false])
  })

  it('see the label of the emitting webview', async () => {
    const handler = vi.fn()
    await listen('a', handler)
    realm.host.push([0, 9, 1, 'a', 'main', 1, null])
    await settled()
    expect(handler.mock.calls[0]?.[0].source).toEqual({ kind: 'webview', label: 'main' })
  })

  it('stop nothing by throwing or rejecting', async () => {
    const handler = vi.fn()
    await Promise.all([
      listen('a', () => {
        throw new Error('thrown')
      }),
      listen('a', async () => {
        throw new Error('rejected')
      }),
      listen('a', handler),
    ])
    realm.host.emit('a')
    realm.host.emit('a')
    await settled()
    expect(handler).toHaveBeenCalledTimes(2)
    expect(realm.reported.mock.calls.map(([error]) => error.message).sort()).toEqual([
      'rejected',
      'rejected',
      'thrown',
      'thrown',
    ])
  })

  it('may end a later subscription of the item', async () => {
    const second = vi.fn()
    const first = listen('a', () => off())
    const off = listen('a', second)
    await Promise.all([first, off])
    realm.host.emit('a')
    await settled()
    expect(second).not.toHaveBeenCalled()
  })

  it('receive the payload first through on', async () => {
    const handler = vi.fn()
    await on('a', handler)
    realm.host.emit('a', 'hi')
    await settled()
    expect(handler).toHaveBeenCalledWith('hi', expect.objectContaining({ event: 'a', payload: 'hi' }))
  })

  it('are called once by once', async () => {
    const handler = vi.fn(() => {
      throw new Error('first')
    })
    await once('a', handler)
    realm.host.hold = ({ command }) => command === 'pull'
    realm.host.emit('b')
    realm.host.push([0, 1, 1, 'a', 0, 1, 1])
    realm.host.push([0, 2, 1, 'a', 0, 1, 2])
    await settled()
    realm.host.release()
    await settled()
    expect(handler).toHaveBeenCalledTimes(1)
    expect(realm.host.session?.subscriptions.size).toBe(0)
  })
})

describe('what came before a subscription', () => {
  const entries = () => realm.host.commands('subscribe').flatMap(({ args }) => args.subscriptions)
  const seqs = (handler: ReturnType<typeof vi.fn>) => handler.mock.calls.map(([event]) => event.seq)

  beforeEach(() => {
    realm.host.keepFromNow()
    realm.host.emit('a', 'kept', undefined, true)
    realm.host.emit('a', 'replayed')
  })

  it('is replayed to a starting page first', async () => {
    const handler = vi.fn()
    await listen('a', handler)
    realm.host.emit('a', 'live')
    await settled()
    const seen = handler.mock.calls.map(([{ payload, replayed, retained }]) => [payload, replayed, retained])
    expect(seen).toEqual([
      ['kept', true, true],
      ['replayed', true, false],
      ['live', false, false],
    ])
  })

  it('is only retained after the start', async () => {
    realm.host.endStartUp()
    const handler = vi.fn()
    await listen('a', handler)
    await settled()
    expect(handler.mock.calls.map(([{ seq, replayed, retained }]) => [seq, replayed, retained])).toEqual([
      [1, false, true],
    ])
  })

  it('is left out by every way of listening', async () => {
    const handler = vi.fn()
    await listen('a', handler, { replay: false })
    await on('a', (_, event) => handler(event), { replay: false, retained: false })
    await once('a', handler, { replay: false, retained: false })
    const stream = events('a', { retained: false, replay: true })
    await settled()
    expect(seqs(handler)).toEqual([1])
    expect((await stream.next()).value).toMatchObject({ seq: 1, replayed: true, retained: false })
    expect(entries()).toEqual([
      { id: 1, event: 'a', replay: false },
      { id: 2, event: 'a', replay: false, retained: false },
      { id: 3, event: 'a', replay: false, retained: false },
      { id: 4, event: 'a', retained: false },
    ])
  })

  it('ends a once', async () => {
    const handler = vi.fn()
    await once('a', handler)
    await settled()
    expect(seqs(handler)).toEqual([1])
  })
})

describe('unlisten', () => {
  it('ends all of exactly that name and counts them', async () => {
    const handler = vi.fn()
    await Promise.all([listen('a', handler), on('a', handler), listen('*', handler)])
    expect(unlisten('a')).toBe(2)
    expect(unlisten('a')).toBe(0)
    realm.host.emit('a')
    await settled()
    expect(handler).toHaveBeenCalledTimes(1)
  })

  it('needs no inbox', () => {
    vi.stubGlobal('window', undefined)
    expect(unlisten('a')).toBe(0)
  })
})

describe('gaps', () => {
  const gap = { from: 2, to: 4, count: 3, atMost: false, reason: 'queue_full' }

  it('go to onGap of the subscriptions they name', async () => {
    const [told, other] = [vi.fn(), vi.fn()]
    await Promise.all([listen('a', vi.fn(), { onGap: told }), listen('b', vi.fn(), { onGap: other })])
    realm.host.push({ ...gap, subscriptions: [1] })
    await settled()
    expect(told.mock.calls).toEqual([[gap satisfies Gap]])
    expect(other).not.toHaveBeenCalled()
    expect(realm.warned).not.toHaveBeenCalled()
  })

  it('are warned of for each name that lost events', async () => {
    await listen('a', vi.fn())
    await listen('b', vi.fn())
    const gap = { from: 1, to: 3, count: 3 }
    const missed = { ...gap, atMost: true, reason: 'history_full', subscriptions: [1, 2] }
    realm.host.push(missed)
    realm.host.push({ ...missed, from: 4, to: 6 })
    realm.host.push({ ...gap, count: 1, atMost: false, reason: 'queue_full', subscriptions: [2] })
    realm.host.push({ ...gap, count: 2, atMost: false, reason: 'queue_full', subscriptions: [2] })
    await settled()
    const said = realm.warned.mock.calls.map(([text]) => text)
    expect(said).toEqual([
      expect.stringMatching(/up to 3 events from before.*history_full.*perhaps none.*"a"/),
      expect.stringMatching(/ 1 event for listeners to "b" is lost \(queue_full\)/),
    ])
  })

  it('are warned of once', async () => {
    await listen('a', vi.fn())
    realm.host.push({ ...gap, subscriptions: [1] })
    realm.host.push({ ...gap, subscriptions: [1] })
    await settled()
    expect(realm.warned).toHaveBeenCalledTimes(1)
  })

  it('report a rejection of their handler', async () => {
    const onGap = vi.fn().mockRejectedValue(new Error('gap'))
    await listen('a', vi.fn(), { onGap })
    realm.host.push({ ...gap, subscriptions: [1] })
    await settled()
    expect(onGap).toHaveBeenCalledTimes(1)
    expect(realm.reported.mock.calls).toEqual([[new Error('gap')]])
  })

  it('do not reach a subscription that has ended', async () => {
    const onGap = vi.fn()
    const ending = await listen('a', vi.fn(), { onGap: () => later() })
    const later = await listen('b', vi.fn(), { onGap })
    realm.host.push({ ...gap, subscriptions: [1, 2] })
    await settled()
    expect(onGap).not.toHaveBeenCalled()
    ending()
  })

  it('stop nothing when their handler throws', async () => {
    const handler = vi.fn()
    await listen('a', handler, {
      onGap: () => {
        throw new Error('gap')
      },
    })
    realm.host.push({ ...gap, subscriptions: [1] })
    realm.host.emit('a')
    await settled()
    expect(handler).toHaveBeenCalledTimes(1)
    expect(realm.reported).toHaveBeenCalledTimes(1)
  })
})

it('survive a random order of calls', async () => {
  // A linear congruential generator, so that a failure can be repeated.
  let state = 20
  const random = (below: number) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return Math.floor((state / 2_147_483_648) * below)
  }
  for (let round = 0; round < 40; round += 1) {
    realm = freshRealm()
    const open = new Set<ReturnType<typeof listen>>()
    const received: number[] = []
    await listen('x', ({ seq }) => received.push(seq))
    const emitted: Promise<{ seq: number }>[] = []
    for (let step = 0; step < 60; step += 1) {
      const choice = random(7)
      if (choice < 2) open.add(listen('x', vi.fn()))
      else if (choice === 2) {
        const [some] = open
        some?.()
        if (some) open.delete(some)
      } else if (choice < 5) emitted.push(emit('x', step))
      else if (choice === 5) realm.host.hold = ({ command }) => command !== 'pull' && random(2) === 0
      else {
        realm.host.release()
        await Promise.resolve()
      }
    }
    realm.host.release()
    await settled()
    await settled()
    await settled()
    const seqs = (await Promise.all(emitted)).map(({ seq }) => seq)
    expect(received).toEqual(seqs)
    expect(realm.host.session?.subscriptions.size).toBe(open.size + 1)
    expect(realm.host.broken).toEqual([])
  }
})
