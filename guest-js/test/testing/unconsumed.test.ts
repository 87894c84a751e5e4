import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type BusEvent, emit, HOST, listen } from '../../src/index.js'
import { createTestBus, type TestBus } from '../../src/testing/index.js'

let bus: TestBus
const reported = vi.fn()
beforeEach(() => {
  vi.stubGlobal('reportError', reported)
  bus = createTestBus()
})
afterEach(() => {
  bus.dispose()
  vi.useRealTimers()
  vi.unstubAllGlobals()
  reported.mockClear()
})

const consumed = { until: 'consumed' } as const
const seen: [payload: unknown, replayed: boolean, redelivered?: boolean][] = []
const payloads = () => seen.map(([payload]) => payload)
const note = ({ payload, replayed, redelivered }: BusEvent<unknown>) => seen.push([payload, replayed, redelivered])
const fail = (event: BusEvent<unknown>) => {
  note(event)
  throw new Error('not handled')
}
beforeEach(() => {
  seen.length = 0
})

/** Listens as the code under test until everything is handled. */
async function listenOnce(handler: (event: BusEvent<unknown>) => unknown): Promise<void> {
  const off = await listen('link', handler)
  await bus.settled()
  off()
}

describe('an event that is kept until it is consumed', () => {
  it('is marked when it comes again', async () => {
    await emit('link', 1, consumed)
    await listenOnce(fail)
    await listenOnce(fail)
    await emit('link', 2, consumed)
    await listenOnce(note)
    expect(seen).toEqual([
      [1, true, undefined],
      [1, true, true],
      [1, true, true],
      [2, true, undefined],
    ])
  })

  it('comes as often as it may', async () => {
    await emit('link', 'default', consumed)
    await emit('link', 'twice', { ...consumed, maxDeliveries: 2 })
    for (let round = 0; round < 7; round += 1) await listenOnce(fail)
    expect(payloads().sort()).toEqual([...Array(5).fill('default'), ...Array(2).fill('twice')])
  })

  it('counts those that were there as one', async () => {
    const offs = [await listen('link', fail), bus.listen('link', fail), bus.page('settings').listen('link', fail)]
    await emit('link', 1, { ...consumed, maxDeliveries: 2 })
    await bus.settled()
    for (const off of offs) off()
    expect(seen).toEqual(Array(3).fill([1, false, undefined]))
    bus.listen('link', fail)()
    await listenOnce(note)
    expect(seen.slice(3)).toEqual([[1, true, true]])
  })

  it('counts those that begin together as one', async () => {
    await emit('link', 1, { ...consumed, maxDeliveries: 1 })
    await emit('link', 2, { ...consumed, maxDeliveries: 2 })
    const offs = await Promise.all([listen('link', fail), listen('*', fail)])
    await bus.settled()
    for (const off of offs) off()
    expect(seen.sort()).toEqual([...Array(2).fill([1, true, undefined]), ...Array(2).fill([2, true, undefined])])
    await listenOnce(note)
    expect(seen.slice(4)).toEqual([[2, true, true]])
  })

  it.each([0, -1, Number.NaN])('is delivered at least once, not %s times', async (maxDeliveries) => {
    const refused = expect.objectContaining({
      code: 'invalid_argument',
      message: expect.stringContaining('maxDeliver'),
    })
    await expect(emit('link', 1, { ...consumed, maxDeliveries })).rejects.toEqual(refused)
    expect(() => bus.emit('link', 1, { ...consumed, maxDeliveries })).toThrow(refused)
    bus.listen('a', ({ emit }) => emit('link', 1, { ...consumed, maxDeliveries }))
    bus.emit('a')
    await bus.settled()
    expect(reported.mock.calls).toEqual([[refused]])
  })

  it('is not replaced by a newer one', async () => {
    await listen('link', note, { latest: true })
    for (const payload of [1, 2, 3]) void emit('link', payload, consumed)
    for (const payload of [4, 5, 6]) void emit('link', payload)
    await bus.settled()
    expect(payloads()).toEqual([1, 2, 3, 6])
  })

  it('is consumed by a handler of a played page', async () => {
    const settings = bus.page('settings')
    let finish: (value: unknown) => void = () => {}
    const off = settings.listen('link', (event) => {
      note(event)
      return new Promise((resolve) => {
        finish = resolve
      })
    })
    await emit('link', 1, consumed)
    await listenOnce(fail)
    finish(null)
    await bus.settled()
    off()
    settings.listen('link', note)
    await listenOnce(note)
    expect(seen).toEqual([
      [1, false, undefined],
      [1, true, true],
    ])
    await emit('link', 2, consumed)
    await listenOnce(note)
    expect(seen.slice(2)).toEqual([[2, false, undefined]])
  })

  it('is not consumed by a page without a handler', async () => {
    const settings = bus.page('settings')
    await emit('link', 1, consumed)
    expect(settings.received('link')).toEqual([1])
    expect(bus.page('editor').received('link')).toEqual([])
    await listenOnce(note)
    expect(seen).toEqual([[1, true, undefined]])
  })

  it('reaches the host and pages that begin to listen', async () => {
    await emit('link', 1, consumed)
    bus.listen('link', () => Promise.reject(new Error('not handled')))()
    await bus.settled()
    bus.listenAny('link', note)()
    expect(seen).toEqual([[1, true, true]])
    bus.listen('link', note)()
    expect(seen).toHaveLength(1)
    bus.emitTo(HOST, 'link', 2, consumed)
    bus.page('settings').listen('link', note)
    expect(seen).toHaveLength(1)
    bus.listen('link', note)
    expect(seen.slice(1)).toEqual([[2, true, undefined]])
    bus.emitTo('settings', 'note', 3, consumed)
    bus.page('settings').listen('note', note)
    bus.page('settings').listen('note', note)
    expect(seen.slice(2)).toEqual([[3, true, undefined]])
  })

  it('comes no more once it has expired', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    await emit('link', 1, { ...consumed, expiresMs: 500 })
    vi.setSystemTime(Date.now() + 500)
    bus.listen('link', note)
    await listenOnce(note)
    expect(seen).toEqual([])
  })
})
