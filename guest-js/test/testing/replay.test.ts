import { afterEach, describe, expect, it, vi } from 'vitest'
import { emit, emitTo, HOST, listen, request, respond } from '../../src/index.js'
import { createTestBus, type TestBus } from '../../src/testing/index.js'

const host = { kind: 'host' }
const main = { kind: 'webview', label: 'main' }
const settings = { kind: 'webview', label: 'settings' }

let seq = 0
const event = (name: string, source: object, payload: unknown, more: object = {}) => {
  seq += 1
  return { at: seq, kind: 'event', seq, name, source, payload, routes: [], ...more }
}

function recording(...records: object[]): string {
  const head = { format: 'tauri-plugin-event-bus', version: 1, startedAt: 0 }
  return [head, ...records].map((line) => `${JSON.stringify(line)}\n`).join('')
}

let bus: TestBus<object, object>
afterEach(() => bus.dispose())
const begin = (...records: object[]) => {
  bus = createTestBus<object, object>({ replay: recording(...records) })
}

/** The code under test: keeps the total of what is added. */
async function keepTotal(price = 4): Promise<void> {
  let total = 0
  await listen<number>('added', async ({ payload }) => {
    total += price * payload
    await emit('total', { total })
  })
}

describe('a replay', () => {
  const records = [
    event('added', host, 1),
    event('total', main, { total: 4 }),
    event('added', settings, 2),
    event('total', main, { total: 12 }),
  ]

  it('finds no difference in code that does the same', async () => {
    begin(...records)
    await keepTotal()
    const { played, emitted, differences } = await bus.replay()
    expect(differences).toEqual([])
    expect(played).toBe(2)
    expect(emitted.map(({ payload }) => payload)).toEqual([{ total: 4 }, { total: 12 }])
    expect(bus.history('added').map(({ source }) => source)).toEqual([host, settings])
  })

  it('tells what has changed, is missing and is new', async () => {
    begin(...records)
    await keepTotal(5)
    const { differences } = await bus.replay()
    expect(differences.map(({ kind, name }) => [kind, name])).toEqual([
      ['changed', 'total'],
      ['changed', 'total'],
    ])
    expect(differences[0]).toMatchObject({
      of: 'event',
      recorded: { payload: { total: 4 } },
      emitted: { payload: { total: 5 } },
    })
  })

  it('tells one missing event, and not all behind it', async () => {
    begin(event('go', host, 0), event('step', main, 1), event('step', main, 2), event('step', main, 3))
    await listen('go', async () => {
      await emit('step', 1)
      await emit('step', 3)
      await emit('other', 4)
    })
    const { differences } = await bus.replay()
    expect(
      differences.map(({ kind, name, recorded, emitted }) => [kind, name, recorded?.payload, emitted?.payload]),
    ).toEqual([
      ['missing', 'step', 2, undefined],
      ['new', 'other', undefined, 4],
    ])
  })

  it('plays the chosen sources only', async () => {
    begin(...records)
    await keepTotal()
    const { played, differences } = await bus.replay({ sources: ['settings'] })
    expect(played).toBe(1)
    expect(differences).toHaveLength(2)
    await expect(bus.replay({ sources: [HOST, 'main'] })).rejects.toMatchObject({ code: 'invalid_argument' })
  })

  it('compares targets', async () => {
    begin(event('ping', host, null), event('pong', main, null, { to: 'settings' }))
    await listen('ping', () => emitTo(HOST, 'pong'))
    const { differences } = await bus.replay()
    expect(differences[0]).toMatchObject({ kind: 'changed', recorded: { to: 'settings' }, emitted: { to: HOST } })
  })

  it.each([
    ['a label', 'settings'],
    ['an endpoint', settings],
    ['a list', ['settings']],
    ['a target of Tauri', { kind: 'Webview', label: 'settings' }],
  ])('takes each spelling for the same: %s', async (_, to) => {
    begin(event('ping', settings, null), event('pong', main, 1, { to: 'settings' }))
    await listen('ping', () => emitTo(to as 'settings', 'pong', 1))
    expect((await bus.replay()).differences).toEqual([])
  })

  it('compares targets of other nodes', async () => {
    const to = { kind: 'Node', node: 'shop' }
    begin(event('ping', host, null), event('pong', main, 1, { to }))
    await listen('ping', () => emitTo(HOST, 'pong', 1))
    expect((await bus.replay()).differences).toMatchObject([{ kind: 'changed', recorded: { to } }])
  })

  it('compares no ticks', async () => {
    const tick = { job: 'j', count: 1, scheduledAt: 5, missed: 0 }
    begin(event('clock', main, 1, { tick }), event('clock', main, 1, { tick: { ...tick, count: 2 } }))
    const { differences, emitted } = await bus.replay()
    expect(differences).toEqual([])
    expect(emitted).toEqual([])
  })

  it('passes ticks, causes and bytes on', async () => {
    const tick = { job: 'j', count: 3, scheduledAt: 5, missed: 0 }
    const bytes = [['AP8=', 'a', 0]]
    begin(event('photo', host, { a: [null] }, { bytes, tick, component: 'Camera', causes: ['click'] }))
    const handler = vi.fn()
    await listen('photo', handler)
    await bus.replay()
    expect(handler.mock.calls[0]?.[0]).toMatchObject({
      payload: { a: [Uint8Array.of(0, 255)] },
      tick,
      component: 'Camera',
      causes: ['click'],
    })
  })

  it('takes what was redacted for the same', async () => {
    const hidden = { payload: { name: 'ada', token: '[redacted]' }, redacted: true }
    begin(event('go', host, 0), event('user', main, null, hidden))
    await listen('go', () => emit('user', { name: 'ada', token: 'secret' }))
    expect((await bus.replay()).differences).toEqual([])
  })

  it('responds as the recording did', async () => {
    const asked = { at: 1, kind: 'request', request: '1', name: 'price', source: main, receiver: host, payload: 'tea' }
    const got = { at: 2, kind: 'response', request: '1', name: 'price', source: host, receiver: main, payload: 4 }
    begin(event('added', host, 'tea'), asked, got, event('total', main, 4))
    await listen<string>('added', async ({ payload }) => emit('total', await request<number>(HOST, 'price', payload)))
    expect((await bus.replay()).differences).toEqual([])
  })

  const priceOf = (request: string) =>
    ({ at: 1, kind: 'request', request, name: 'price', source: main, receiver: host, payload: request }) as const
  const priced = (request: string, more: object) =>
    ({ at: 2, kind: 'response', request, name: 'price', source: host, receiver: main, ...more }) as const

  it('shifts no response', async () => {
    const told: unknown[] = []
    begin(event('go', host, 0), priceOf('1'), priceOf('2'), priced('2', { payload: 7 }), {
      at: 3,
      kind: 'lost',
      count: 3,
    })
    await listen('go', async () => {
      for (const n of [1, 2]) told.push(await request(HOST, 'price', n).catch(({ message }: Error) => message))
    })
    const { lost } = await bus.replay()
    expect(lost).toBe(3)
    expect(told).toEqual([expect.stringContaining('has no response'), 7])
  })

  it('responds with the recorded code', async () => {
    const told: unknown[] = []
    begin(event('go', host, 0), priceOf('1'), priced('1', { error: { code: 'timeout', message: 'late' } }))
    await listen('go', async () => {
      told.push(await request(HOST, 'price', 1).catch(({ code, message }) => [code, message]))
    })
    await bus.replay()
    expect(told).toEqual([['timeout', 'late']])
  })

  it('finds a failure where a response was cut', async () => {
    const asked = { at: 1, kind: 'request', request: '1', name: 'sum', source: host, receiver: main, payload: 1 }
    const cut = { bytes: 9_000, start: '[1,' }
    const got = { at: 2, kind: 'response', request: '1', name: 'sum', source: main, receiver: host, cut }
    begin(asked, got)
    const off = await respond('sum', () => {
      throw new Error('no')
    })
    expect((await bus.replay()).differences).toMatchObject([{ kind: 'changed', of: 'response' }])
    off()
    await respond('sum', () => 5)
    expect((await bus.replay()).differences).toEqual([])
  })

  it('sends requests, and compares the responses', async () => {
    const asked = { at: 1, kind: 'request', request: '1', name: 'sum', source: host, receiver: main, payload: [1, 2] }
    const got = { at: 2, kind: 'response', request: '1', name: 'sum', source: main, receiver: host, payload: 3 }
    begin(asked, got)
    const off = await respond<number[]>('sum', (numbers) => numbers.length)
    expect((await bus.replay()).differences).toMatchObject([
      { kind: 'changed', of: 'response', recorded: { payload: { payload: 3 } }, emitted: { payload: { payload: 2 } } },
    ])
    off()
    await respond<number[]>('sum', (numbers) => numbers.reduce((sum, one) => sum + one))
    expect((await bus.replay()).differences).toEqual([])
  })

  it('refuses a payload that was cut, and no recording', async () => {
    const { payload: _, ...cut } = event('long', host, null)
    begin({ ...cut, cut: { bytes: 90_000, start: '[1,' } })
    await expect(bus.replay()).rejects.toThrow('has 90000 bytes of "long" cut')
    bus.dispose()
    bus = createTestBus<object, object>()
    await expect(bus.replay()).rejects.toThrow('createTestBus({ replay })')
  })
})
