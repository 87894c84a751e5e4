import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Member, presence } from '../../src/index.js'
import { createTestBus, type TestBus } from '../../src/testing/index.js'
import { freshRealm, settled } from '../realm.js'

const EVENT = 'event-bus:presence:doc:7'

describe('a room', () => {
  let realm: ReturnType<typeof freshRealm>
  beforeEach(() => {
    realm = freshRealm()
  })
  afterEach(async () => {
    await settled()
    expect(realm.host.broken).toEqual([])
    vi.unstubAllGlobals()
    vi.restoreAllMocks()
  })

  const changes = () => realm.host.commands('presence').flatMap(({ args }) => args.changes)
  const snapshot = (...members: Member[]) => realm.host.emit(EVENT, { members }, { retained: true })
  const member = (label: string | null, state: unknown, key = ''): Member => ({ label, key, state })

  /** A room, and what its handlers are told. */
  function watched() {
    const told: unknown[] = []
    const room = presence('doc:7')
    for (const change of ['join', 'update', 'leave'] as const) {
      room.on(change, ({ label, state }) => told.push([change, label, state])).catch(() => {})
    }
    return { room, told }
  }

  it('is joined, changed and left', async () => {
    const room = presence('doc:7')
    await room.join({ cursor: 3 })
    await room.update({ cursor: 4 }, { key: 'b' })
    await room.leave()
    expect(changes()).toEqual([
      { room: 'doc:7', key: '', state: '{"cursor":3}' },
      { room: 'doc:7', key: 'b', state: '{"cursor":4}' },
      { room: 'doc:7', key: '', left: true },
    ])
    await settled()
    expect(realm.host.pullsInFlight).toBe(1)
    room.stop()
    await settled()
    expect(changes().slice(-1)[0]).toEqual({ room: 'doc:7', key: 'b', left: true })
  })

  it('keeps the pull in a new session, with no listener', async () => {
    const room = presence('doc:7')
    await room.join(1)
    await settled()
    realm.host.endSession()
    await settled()
    expect(realm.host.pullsInFlight).toBe(1)
    room.stop()
  })

  it('is joined again in a new session', async () => {
    const { room } = watched()
    await settled()
    await room.join(1)
    await room.join(2, { key: 'b' })
    await room.leave({ key: 'b' })
    realm.host.endSession()
    await settled()
    expect(changes().slice(3)).toEqual([{ room: 'doc:7', key: '', state: '1' }])
    room.stop()
  })

  it.each([
    ['nobody', []],
    ['the accepted one', [1]],
  ])('keeps of two refused joins: %s', async (_, accepted) => {
    const { room } = watched()
    await settled()
    for (const state of accepted) await room.join(state)
    realm.host.refuseEntry = (command) => (command === 'presence' ? { code: 'denied', message: 'no' } : undefined)
    const joins = await Promise.allSettled([room.join(2), room.join(3)])
    expect(joins.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    realm.host.refuseEntry = () => undefined
    const before = changes().length
    realm.host.endSession()
    await settled()
    expect(changes().slice(before)).toEqual(accepted.map((state) => ({ room: 'doc:7', key: '', state: `${state}` })))
    room.stop()
  })

  it('is not joined again once it was left', async () => {
    const { room } = watched()
    await settled()
    realm.host.refuseEntry = (_, { state }) => (state === '2' ? { code: 'denied', message: 'no' } : undefined)
    await Promise.allSettled([room.join(1), room.leave(), room.join(2)])
    const before = changes().length
    expect(before).toBe(3)
    realm.host.endSession()
    await settled()
    expect(changes().slice(before)).toEqual([])
    room.stop()
  })

  it('is joined again later where a rate refuses it', async () => {
    vi.useFakeTimers()
    const room = presence('doc:7')
    await room.join(1)
    await room.join(2, { key: 'b' })
    await settled()
    realm.host.refuseEntry = () => ({ code: 'rate_limited', message: 'too fast', retryAfterMs: 700 })
    realm.host.endSession()
    await settled()
    realm.host.refuseEntry = () => undefined
    await room.join(3, { key: 'b' })
    const before = changes().length
    await vi.advanceTimersByTimeAsync(699)
    expect(changes()).toHaveLength(before)
    await vi.advanceTimersByTimeAsync(1)
    await settled()
    // What it has said since stays.
    expect(changes().slice(before)).toEqual([{ room: 'doc:7', key: '', state: '1' }])
    expect(realm.reported).not.toHaveBeenCalled()
    room.stop()
    vi.useRealTimers()
  })

  it('tells of differences', async () => {
    const { room, told } = watched()
    await settled()
    snapshot(member(null, 0), member('main', 1))
    realm.host.emit(EVENT, { joined: [member('other', 2)] })
    realm.host.emit(EVENT, { updated: [member('main', 3)] })
    realm.host.emit(EVENT, { left: [{ label: 'other', key: '' }] })
    await settled()
    expect(told).toEqual([
      ['join', null, 0],
      ['join', 'main', 1],
      ['join', 'other', 2],
      ['update', 'main', 3],
      ['leave', 'other', 2],
    ])
    expect(await room.list()).toEqual([member(null, 0), member('main', 3)])
    room.stop()
  })

  it('compares a snapshot with what it knows', async () => {
    const { room, told } = watched()
    await settled()
    snapshot(member('main', 1), member('other', 1))
    await settled()
    told.length = 0
    snapshot(member('main', 1), member('third', 1))
    await settled()
    expect(told).toEqual([
      ['leave', 'other', 1],
      ['join', 'third', 1],
    ])
    room.stop()
  })

  it('subscribes anew after a gap', async () => {
    const { room, told } = watched()
    await settled()
    snapshot(member('main', 1))
    await settled()
    realm.host.push({ from: 2, to: 3, count: 2, atMost: false, reason: 'queue_full', subscriptions: [1] })
    await settled()
    expect(realm.host.commands('subscribe', 'unsubscribe').map(({ command }) => command)).toEqual([
      'subscribe',
      'unsubscribe',
      'subscribe',
    ])
    snapshot(member('other', 1))
    await settled()
    expect(told.slice(1)).toEqual([
      ['leave', 'main', 1],
      ['join', 'other', 1],
    ])
    room.stop()
  })

  it('subscribes later where a rate refuses it', async () => {
    vi.useFakeTimers()
    const { room, told } = watched()
    await settled()
    snapshot(member('other', 1))
    await settled()
    realm.host.refuseEntry = () => ({ code: 'rate_limited', message: 'too fast', retryAfterMs: 700 })
    const lost = { from: 1, to: 2, count: 2, atMost: false, reason: 'queue_full', subscriptions: [1] }
    realm.host.push(lost)
    await settled()
    realm.host.refuseEntry = () => undefined
    await vi.advanceTimersByTimeAsync(699)
    expect(realm.host.session?.subscriptions.size).toBe(0)
    await vi.advanceTimersByTimeAsync(1)
    await settled()
    expect([...(realm.host.session?.subscriptions.values() ?? [])]).toEqual([{ event: EVENT }])
    snapshot(member('other', 2))
    await settled()
    expect(told).toEqual([
      ['join', 'other', 1],
      ['update', 'other', 2],
    ])
    room.stop()
    vi.useRealTimers()
  })

  it('subscribes later whatever refuses it for a while', async () => {
    vi.useFakeTimers()
    for (const code of ['unavailable', 'too_many_subscriptions']) {
      const { room, told } = watched()
      await settled()
      snapshot(member('other', 1))
      await settled()
      const [id = 0] = [...(realm.host.session?.subscriptions.keys() ?? [])].slice(-1)
      realm.host.refuseEntry = () => ({ code, message: 'for now' })
      realm.host.push({ from: 1, to: 2, count: 2, atMost: false, reason: 'queue_full', subscriptions: [id] })
      await settled()
      expect(realm.reported).toHaveBeenCalledTimes(1)
      expect(realm.reported).toHaveBeenCalledWith(expect.objectContaining({ code }))
      await vi.advanceTimersByTimeAsync(5_000)
      realm.host.refuseEntry = () => undefined
      await vi.advanceTimersByTimeAsync(1_000)
      snapshot(member('other', 2))
      await settled()
      expect(told).toEqual([
        ['join', 'other', 1],
        ['update', 'other', 2],
      ])
      // It is told once, however often it is tried.
      expect(realm.reported).toHaveBeenCalledTimes(1)
      realm.reported.mockClear()
      room.stop()
      await settled()
    }
    vi.useRealTimers()
  })

  it('ends where the page may not know of it any more', async () => {
    const { room, told } = watched()
    await settled()
    snapshot(member('other', 1))
    await settled()
    realm.host.refuseEntry = () => ({ code: 'denied', message: 'no' })
    realm.host.push({ from: 1, to: 2, count: 2, atMost: false, reason: 'queue_full', subscriptions: [1] })
    await settled()
    expect(realm.reported).toHaveBeenCalledWith(expect.objectContaining({ code: 'denied' }))
    expect(told).toEqual([['join', 'other', 1]])
    // Another try may succeed.
    realm.host.refuseEntry = () => undefined
    const listed = room.list()
    await settled()
    snapshot(member('third', 1))
    expect(await listed).toEqual([member('third', 1)])
    room.stop()
  })

  it('leaves nobody waiting when it is stopped', async () => {
    const room = presence('doc:7')
    const list = room.list()
    const joins = room.on('join', () => {})
    await settled()
    room.stop()
    expect(await list).toEqual([])
    await joins
    expect(realm.reported).not.toHaveBeenCalled()
  })

  it('rejects an invalid name', async () => {
    const room = presence('a\ud800')
    await expect(room.list()).rejects.toMatchObject({ code: 'invalid_event_name' })
    await expect(room.on('join', () => {}).then()).rejects.toMatchObject({ code: 'invalid_event_name' })
  })

  it('rejects where the page may not know of it', async () => {
    realm.host.refuseEntry = () => ({ code: 'denied', message: 'no' })
    const room = presence('doc:7')
    await expect(room.list()).rejects.toMatchObject({ code: 'denied' })
    await expect(room.on('join', () => {}).then()).rejects.toMatchObject({ code: 'denied' })
    await expect(room.join(1)).rejects.toMatchObject({ code: 'denied' })
    realm.host.refuseEntry = () => undefined
    // Another try may succeed.
    const listed = room.list()
    await settled()
    snapshot()
    expect(await listed).toEqual([])
    room.stop()
  })

  it('carries no bytes', async () => {
    await expect(presence('doc:7').join(new Uint8Array(1))).rejects.toMatchObject({ code: 'invalid_payload' })
    await expect(presence(7 as never).join(1)).rejects.toMatchObject({ code: 'invalid_event_name' })
  })

  it('goes on after a handler that throws', async () => {
    const { room, told } = watched()
    const failure = new Error('on purpose')
    room.on('join', () => {
      throw failure
    })
    await settled()
    snapshot(member('main', 1))
    await settled()
    expect(realm.reported).toHaveBeenCalledWith(failure)
    expect(told).toHaveLength(1)
    room.stop()
  })
})

describe('the test bus', () => {
  let bus: TestBus
  beforeEach(() => {
    bus = createTestBus()
  })
  afterEach(() => bus.dispose())

  it('has rooms', async () => {
    const room = presence<number>('doc:7')
    const told: unknown[] = []
    await room.on('update', ({ state }) => told.push(state))
    await room.join(1)
    await room.update(2)
    await bus.settled()
    expect(await room.list()).toEqual([{ label: 'main', key: '', state: 2 }])
    expect(told).toEqual([2])
    await room.leave()
    await bus.settled()
    expect(await room.list()).toEqual([])
  })
})
