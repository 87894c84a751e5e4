import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { emit } from '../../src/api/emit.js'
import { type ListenerOptions, latestOf, sharedState } from '../../src/frameworks/shared-state.js'
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

it('keeps the latest payload of its subscription', async () => {
  const newest = latestOf('a')
  const changed = vi.fn()
  const off = newest.subscribe(changed)
  await settled()
  realm.host.emit('a', 1, undefined, true)
  await settled()
  off()
  newest.subscribe(changed)
  await settled()
  expect(newest.get()).toBe(1)
  expect(changed).toHaveBeenCalledTimes(1)
})

it('delays other values while its own is in flight', async () => {
  const state = sharedState('zoom', 0)
  const shown: number[] = []
  state.subscribe(() => shown.push(state.get()))
  await settled()
  realm.host.hold = ({ command }) => command === 'emit'
  state.set(1)
  realm.host.emit('zoom', 9, undefined, true)
  await settled()
  expect(shown).toEqual([1])
  realm.host.release()
  await settled()
  // The host has accepted the own value after the other one.
  expect(shown).toEqual([1])
})

it('has the value that the host accepted last', async () => {
  const state = sharedState('zoom', 0)
  state.subscribe(() => {})
  await settled()
  const [first] = [emit('other'), state.set(1)]
  await first
  await settled()
  realm.host.emit('zoom', 2, undefined, true)
  await settled()
  expect(state.get()).toBe(2)
})

it('takes a refused value back', async () => {
  const onError = vi.fn()
  const state = sharedState('zoom', 0, { onError })
  const shown: number[] = []
  state.subscribe(() => shown.push(state.get()))
  await settled()
  realm.host.refuseEntry = (_, { payload }) => (payload === '2' ? { code: 'denied', message: 'no' } : undefined)
  state.set(1)
  state.set(2)
  await settled()
  expect(shown).toEqual([1, 2, 1])
  state.set(2)
  realm.host.emit('zoom', 5)
  await settled()
  expect(state.get()).toBe(5)
  expect(onError).toHaveBeenCalledTimes(2)
})

it('refuses a value that JSON cannot express', async () => {
  const state = sharedState('zoom', 0)
  state.set(Number.NaN)
  expect(state.get()).toBe(Number.NaN)
  await settled()
  expect(state.get()).toBe(0)
  expect(realm.reported.mock.calls).toEqual([[expect.objectContaining({ code: 'invalid_payload' })]])
})

it.each([
  ['undefined', undefined, null],
  ['a map', new Map([['x', 1]]), { x: 1 }],
  ['a date', new Date(0), '1970-01-01T00:00:00.000Z'],
  ['what has no value', { a: undefined, b: 1 }, { b: 1 }],
])('shows here what it is everywhere: %s', async (_, given, kept) => {
  const [state, other] = [sharedState<unknown>('zoom', 0), latestOf('zoom')]
  other.subscribe(() => {})
  state.set(() => given)
  expect(state.get()).toStrictEqual(kept)
  await settled()
  expect([state.get(), other.get()]).toStrictEqual([kept, kept])
})

it('copies the value that is set', async () => {
  const state = sharedState<{ lines: number[] }>('cart', { lines: [] })
  const cart = { lines: [1] }
  state.set(cart)
  cart.lines.push(2)
  expect(state.get()).toEqual({ lines: [1] })
  await settled()
  expect(state.get()).toEqual({ lines: [1] })
})

it('recovers a value that a gap has lost', async () => {
  const state = sharedState('zoom', 0)
  state.subscribe(() => {})
  await settled()
  realm.host.seq += 1
  realm.host.retained.set('zoom', { seq: 1, event: 'zoom', payload: 7 })
  realm.host.push({ from: 1, to: 1, count: 1, atMost: false, reason: 'queue_full', subscriptions: [1] })
  await settled()
  expect(state.get()).toBe(7)
  realm.host.emit('zoom', 8, undefined, true)
  await settled()
  expect(state.get()).toBe(8)
  // The second subscription has brought what it was for.
  expect(realm.host.session?.subscriptions.size).toBe(1)
  expect(realm.warned).not.toHaveBeenCalled()
})

describe('two of one name in a page', () => {
  it('show one value and lose none', async () => {
    const [first, second] = [sharedState('zoom', 100), sharedState('zoom', 100)]
    const changed = [vi.fn(), vi.fn()]
    const offs = [first.subscribe(() => changed[0]?.()), second.subscribe(() => changed[1]?.())]
    first.set(110)
    expect([first.get(), second.get()]).toEqual([110, 110])
    first.set((before) => before + 10)
    second.set((before) => before + 10)
    expect([first.get(), second.get()]).toEqual([130, 130])
    await settled()
    expect([first.get(), second.get()]).toEqual([130, 130])
    expect(realm.host.commands('emit').flatMap(({ args }) => args.events)).toMatchObject(
      ['110', '120', '130'].map((payload) => ({ payload })),
    )
    expect(changed.map((spy) => spy.mock.calls.length)).toEqual([3, 3])
    for (const off of offs) off()
  })

  it('do so before anybody subscribes', async () => {
    const [first, second] = [sharedState('zoom', 100), sharedState('zoom', 100)]
    first.set((before) => before + 10)
    second.set((before) => before + 10)
    expect([first.get(), second.get(), sharedState('zoom', 0).get()]).toEqual([120, 120, 120])
    await settled()
    expect([first.get(), second.get()]).toEqual([120, 120])
    // Nobody listens any more who would know it.
    expect(sharedState('zoom', 0).get()).toBe(0)
  })

  it('each show their own initial value first', async () => {
    const onError = vi.fn()
    const [first, second] = [sharedState('zoom', 1, { onError }), sharedState('zoom', 2)]
    const off = second.subscribe(() => {})
    await settled()
    expect([first.get(), second.get()]).toEqual([1, 2])
    realm.host.refuseEntry = (command) => (command === 'emit' ? { code: 'denied', message: 'no' } : undefined)
    first.set((before) => before + 10)
    expect([first.get(), second.get()]).toEqual([11, 11])
    await settled()
    expect([first.get(), second.get()]).toEqual([1, 2])
    expect(onError).toHaveBeenCalledTimes(1)
    off()
  })

  it('are one as long as either listens', async () => {
    const [first, second] = [sharedState('zoom', 0), sharedState('zoom', 0)]
    const off = first.subscribe(() => {})
    second.subscribe(() => {})()
    first.set(1)
    expect(second.get()).toBe(1)
    await settled()
    off()
    off()
    second.subscribe(() => {})
    first.set(2)
    expect(second.get()).toBe(2)
    expect(sharedState('zoom', 0).get()).toBe(2)
    await settled()
  })

  it('are one across copies of the package', async () => {
    const first = sharedState('zoom', 0)
    first.subscribe(() => {})
    vi.resetModules()
    const copy = await import('../../src/frameworks/shared-state.js')
    const second = copy.sharedState('zoom', 0)
    second.set(5)
    expect(first.get()).toBe(5)
    await settled()
  })

  it('keep the order in which they are set', async () => {
    const state = sharedState('zoom', 0)
    state.subscribe(() => state.set((before) => Math.min(before, 10)))
    state.set(20)
    await settled()
    expect(state.get()).toBe(10)
    expect(realm.host.commands('emit').flatMap(({ args }) => args.events)).toMatchObject(
      ['20', '10', '10'].map((payload) => ({ payload })),
    )
  })
})

describe('the newest payload after a gap', () => {
  /** The newest event, 7, is swallowed; what is kept of it is told as it would be. */
  async function swallow(retain: boolean, options?: ListenerOptions) {
    const newest = latestOf('zoom', options)
    const off = newest.subscribe(() => {})
    await settled()
    realm.host.emit('zoom', 6, undefined, true)
    await settled()
    realm.host.seq += 1
    if (retain) realm.host.retained.set('zoom', { seq: 2, event: 'zoom', payload: 7 })
    const gap = { from: 2, to: 2, count: 1, atMost: false, reason: 'queue_full' }
    realm.host.push({ ...gap, subscriptions: [1] })
    return { newest, off, gap }
  }

  it('is the retained one, with a warning', async () => {
    const { newest, off } = await swallow(true)
    await settled()
    expect(newest.get()).toBe(7)
    expect(realm.warned.mock.calls).toEqual([[expect.stringMatching(/1 event .*"zoom" .*queue_full/)]])
    off()
    await settled()
    expect(realm.host.session?.subscriptions.size).toBe(0)
  })

  it('is reported to onGap instead', async () => {
    const onGap = vi.fn()
    const { newest, gap } = await swallow(true, { onGap })
    await settled()
    expect(newest.get()).toBe(7)
    expect(onGap.mock.calls).toEqual([[gap]])
    expect(realm.warned).not.toHaveBeenCalled()
  })

  it('is the event after the gap if none is retained', async () => {
    const { newest } = await swallow(false)
    realm.host.emit('zoom', 8)
    await settled()
    expect(newest.get()).toBe(8)
    realm.host.emit('zoom', 9)
    await settled()
    expect(newest.get()).toBe(9)
    // The second subscription ends when it has nothing more to bring.
    expect(realm.host.session?.subscriptions.size).toBe(1)
  })

  it('stays without retained events', async () => {
    const { newest } = await swallow(true, { retained: false })
    await settled()
    expect(newest.get()).toBe(6)
    expect(realm.host.commands('subscribe')).toHaveLength(1)
    expect(realm.warned).toHaveBeenCalledTimes(1)
  })
})

describe('with another bus', () => {
  /** Two events on one bus, and then another one, which counts from 1. */
  async function replaceBus(subscribe: () => () => void) {
    const off = subscribe()
    await settled()
    for (const value of [6, 7]) realm.host.emit('zoom', value, undefined, true)
    await settled()
    off()
    await settled()
    realm = freshRealm()
  }

  it('the newest payload is one of that', async () => {
    const newest = latestOf('zoom')
    await replaceBus(() => newest.subscribe(() => {}))
    newest.subscribe(() => {})
    expect(newest.get()).toBeUndefined()
    await settled()
    realm.host.emit('zoom', 1)
    await settled()
    expect(newest.get()).toBe(1)
  })

  it('a payload is forgotten before anybody listens', async () => {
    const newest = latestOf('zoom')
    await replaceBus(() => newest.subscribe(() => {}))
    await emit('other')
    expect(newest.get()).toBeUndefined()
  })

  it('a state begins with its initial value', async () => {
    const onError = vi.fn()
    const state = sharedState('zoom', 0, { onError })
    await replaceBus(() => state.subscribe(() => {}))
    await emit('other')
    expect(state.get()).toBe(0)
    state.set((before) => before + 1)
    await settled()
    state.subscribe(() => {})
    expect(sharedState('zoom', 0).get()).toBe(1)
    await settled()
    realm.host.emit('zoom', 3)
    await settled()
    expect(state.get()).toBe(3)
    expect(onError).not.toHaveBeenCalled()
  })

  it('a state that was set here is not rolled back', async () => {
    const state = sharedState('zoom', 0)
    await replaceBus(() => state.subscribe(() => {}))
    const off = state.subscribe(() => {})
    state.set(1)
    await settled()
    expect(state.get()).toBe(1)
    off()
  })

  it('two states of one name are one again', async () => {
    const [first, second] = [sharedState('zoom', 0), sharedState('zoom', 0)]
    await replaceBus(() => {
      const offs = [first.subscribe(() => {}), second.subscribe(() => {})]
      return () => offs.forEach((off) => void off())
    })
    const offs = [first.subscribe(() => {}), second.subscribe(() => {})]
    first.set(1)
    expect([first.get(), second.get()]).toEqual([1, 1])
    await settled()
    expect([first.get(), second.get()]).toEqual([1, 1])
    for (const off of offs) off()
  })
})

it('reports a refused subscription once', async () => {
  realm.host.refuseEntry = () => ({ code: 'denied', message: 'no' })
  const onError = vi.fn()
  latestOf('a').subscribe(() => {})
  latestOf('a', { onError }).subscribe(() => {})
  await settled()
  await endOfTask()
  expect(realm.reported).toHaveBeenCalledTimes(1)
  expect(onError).toHaveBeenCalledTimes(1)
})

it.each(['a server', 'a browser without Tauri'])('keeps what is set on %s', async (where) => {
  const page: Record<string, unknown> = {}
  page.top = page
  vi.stubGlobal('window', where === 'a server' ? undefined : page)
  const state = sharedState('zoom', 1)
  const shown: number[] = []
  const off = state.subscribe(() => shown.push(state.get()))
  state.set(2)
  await endOfTask()
  state.set((before) => before + 1)
  await endOfTask()
  await endOfTask()
  expect(state.get()).toBe(3)
  expect(shown).toEqual([2, 3])
  off()
  // One report for the browser, however much there is, and none for the server.
  expect(realm.reported.mock.calls.length).toBe(where === 'a server' ? 0 : 1)
})
