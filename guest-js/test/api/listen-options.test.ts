import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { emit, listen } from '../../src/index.js'
import { createTestBus, type TestBus } from '../../src/testing/index.js'
import { freshRealm, settled } from '../realm.js'

describe('a sequential listener', () => {
  let bus: TestBus
  const reported = vi.fn()
  beforeEach(() => {
    bus = createTestBus()
    vi.stubGlobal('reportError', reported)
  })
  afterEach(() => {
    bus.dispose()
    vi.unstubAllGlobals()
    reported.mockClear()
  })

  /** A handler that notes when it begins, and ends as the test says. */
  function slow() {
    const begun: unknown[] = []
    const ends: ((error?: Error) => void)[] = []
    const handler = ({ payload }: { payload: unknown }) => {
      begun.push(payload)
      return new Promise<void>((resolve, reject) => ends.push((error) => (error ? reject(error) : resolve())))
    }
    return { begun, ends, handler }
  }

  it('waits for the promise of the event before', async () => {
    const { begun, ends, handler } = slow()
    const other: unknown[] = []
    await listen('a', handler, { sequential: true })
    await listen('a', ({ payload }) => other.push(payload))
    for (const payload of [1, 2, 3]) await emit('a', payload)
    await bus.settled()
    expect([begun, other]).toEqual([[1], [1, 2, 3]])
    ends[0]?.()
    await settled()
    expect(begun).toEqual([1, 2])
    // A failure is reported once, and the next event has its turn.
    ends[1]?.(new Error('no'))
    await settled()
    expect(begun).toEqual([1, 2, 3])
    expect(reported).toHaveBeenCalledOnce()
  })

  it('gets nothing once it has ended', async () => {
    const { begun, ends, handler } = slow()
    const off = listen('a', handler, { sequential: true })
    await off
    await emit('a', 1)
    await emit('a', 2)
    await bus.settled()
    off()
    ends[0]?.()
    await settled()
    expect(begun).toEqual([1])
  })

  it('causes what its handlers emit, each in its turn', async () => {
    const ends: (() => void)[] = []
    const sequential = { sequential: true }
    await listen(
      '[ab]',
      ({ event }) => {
        emit(`after-${event}`)
        return new Promise<void>((resolve) => ends.push(resolve))
      },
      sequential,
    )
    const causes: unknown[] = []
    await listen('after-*', (event) => causes.push([event.event, event.causes]))
    await emit('a')
    await emit('b')
    await bus.settled()
    ends[0]?.()
    await settled()
    await bus.settled()
    expect(causes).toEqual([
      ['after-a', ['a']],
      ['after-b', ['b']],
    ])
    await emit('c')
    expect(bus.history('c')[0]).toMatchObject({ hops: 0 })
  })

  it('settles an event once its turn is over', async () => {
    const { ends, handler } = slow()
    const listened = await listen('link', handler, { sequential: true })
    await emit('link', 1, { until: 'consumed' })
    await emit('link', 2, { until: 'consumed' })
    await emit('link', 3, { until: 'consumed' })
    await bus.settled()
    ends[0]?.()
    await settled()
    listened()
    // Its handler has run, unlike that of the third one.
    ends[1]?.()
    await settled()
    const again: unknown[] = []
    await listen('link', ({ payload }) => again.push(payload))
    await bus.settled()
    expect(again).toEqual([3])
  })

  it('drops the oldest that wait, and tells it', async () => {
    const { begun, ends, handler } = slow()
    const told: unknown[] = []
    await listen('a', handler, {
      sequential: true,
      onGap: ({ count, reason }) => told.push([begun.length, count, reason]),
    })
    for (let payload = 0; payload < 1_027; payload += 1) await emit('a', payload)
    await bus.settled()
    expect(told).toEqual([])
    ends[0]?.()
    await settled()
    expect(begun).toEqual([0, 3])
    expect(told).toEqual([[1, 2, 'buffer_full']])
  })

  it('lets the page have its turn', async () => {
    let time = 0
    vi.spyOn(performance, 'now').mockImplementation(() => time)
    let end: (() => void) | undefined
    const begun: unknown[] = []
    const handler = ({ payload }: { payload: unknown }) => {
      begun.push(payload)
      time += 3
      return payload === 0 ? new Promise<void>((resolve) => (end = resolve)) : undefined
    }
    await listen('a', handler, { sequential: true })
    for (let payload = 0; payload < 20; payload += 1) await emit('a', payload)
    await bus.settled()
    end?.()
    for (let i = 0; i < 500; i += 1) await null
    expect(begun.length).toBeLessThan(5)
    await vi.waitFor(() => expect(begun).toHaveLength(20))
    vi.restoreAllMocks()
  })
})

describe('a listener for the newest event', () => {
  it('says so to the host', async () => {
    const realm = freshRealm()
    listen('a', vi.fn(), { latest: true })
    listen('b', vi.fn())
    await settled()
    const [command] = realm.host.commands('subscribe')
    const sent = command?.args.subscriptions as { latest?: boolean }[]
    expect(sent.map(({ latest }) => latest)).toEqual([true, undefined])
    vi.unstubAllGlobals()
  })

  it('gets the newest of each name of the test bus', async () => {
    const bus = createTestBus({ startingUp: true })
    for (const payload of [1, 2]) await emit('a', payload)
    await emit('b', 3)
    const seen: unknown[] = []
    await listen('*', ({ event, payload, superseded }) => seen.push([event, payload, superseded]), { latest: true })
    await bus.settled()
    expect(seen).toEqual([
      ['a', 2, 1],
      ['b', 3, undefined],
    ])
    bus.dispose()
  })
})
