import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { component, emit, HOST, listen, request, respond, setTraceContext } from '../../src/index.js'
import { createTestBus, type TestBus } from '../../src/testing/index.js'

const FIRST = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
const SECOND = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00'

let bus: TestBus
const reported = vi.fn()
beforeEach(() => {
  bus = createTestBus()
  reported.mockReset()
  vi.stubGlobal('reportError', reported)
})
afterEach(() => {
  setTraceContext()
  bus.dispose()
  vi.unstubAllGlobals()
})

const tracesOf = (name: string) => bus.history(name).map((event) => event.traceparent)

describe('a trace', () => {
  it('goes from event to event', async () => {
    const seen: unknown[] = []
    await listen('a', (event) => {
      seen.push(event.traceparent)
      void emit('b')
    })
    bus.listen('b', () => bus.emit('c'))
    bus.listen('c', async (event) => {
      await Promise.resolve()
      await event.emit('d')
    })
    await listen('d', async (event) => {
      await Promise.resolve()
      await event.emit('e')
      await emit('f')
    })
    bus.emit('a', undefined, { traceparent: FIRST })
    await bus.settled()
    expect(seen).toEqual([FIRST])
    for (const name of ['b', 'c', 'd', 'e']) expect(tracesOf(name)).toEqual([FIRST])
    expect(tracesOf('f'), 'after an await it is not known').toEqual([undefined])
    expect(reported).not.toHaveBeenCalled()
  })

  it('goes through requests, both ways', async () => {
    bus.respond('outer', async (_, context) => {
      expect(context.traceparent).toBe(FIRST)
      await context.emit('from-host')
      return bus.request('main', 'inner', null, { traceparent: context.traceparent as string })
    })
    await respond('inner', async (_, { traceparent, emit: emitCaused }) => {
      await Promise.resolve()
      await emitCaused('from-page')
      return traceparent
    })
    expect(await request(HOST, 'outer', null, { traceparent: FIRST })).toBe(FIRST)
    expect([...tracesOf('from-host'), ...tracesOf('from-page')]).toEqual([FIRST, FIRST])
  })

  it('is that of the option, the page or the cause', async () => {
    let current: string | undefined
    setTraceContext(() => current)
    await listen('cause', () => {
      void emit('of-cause')
      current = SECOND
      void emit('of-page')
      void component('Cart').emit('of-option', undefined, { traceparent: FIRST })
      current = undefined
    })
    bus.emit('cause', undefined, { traceparent: FIRST })
    await bus.settled()
    expect(tracesOf('of-cause')).toEqual([FIRST])
    expect(tracesOf('of-page')).toEqual([SECOND])
    expect(tracesOf('of-option')).toEqual([FIRST])
    setTraceContext()
    current = SECOND
    await emit('without')
    expect(tracesOf('without')).toEqual([undefined])
    expect(reported).not.toHaveBeenCalled()
  })

  it.each([
    '',
    '00',
    `ff${FIRST.slice(2)}`,
    FIRST.toUpperCase(),
    `${FIRST}-x`,
    `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`,
    `00-4bf92f3577b34da6a3ce929d0e0e4736-${'0'.repeat(16)}-01`,
    '\ud800',
    7,
  ])('has a shape, unlike %j', async (wrong) => {
    const traceparent = wrong as string
    const refused = expect.objectContaining({
      code: 'invalid_argument',
      message: expect.stringContaining('expected <version>-<trace>-<parent>-<flags>'),
    })
    await expect(emit('a', undefined, { traceparent })).rejects.toEqual(refused)
    await expect(request(HOST, 'a', undefined, { traceparent })).rejects.toEqual(refused)
    expect(() => bus.emit('a', undefined, { traceparent })).toThrow(refused)
    expect(bus.history('a')).toEqual([])
  })

  it('that the page gets wrong loses no event', async () => {
    setTraceContext(() => 'nope')
    await emit('a')
    setTraceContext(() => {
      throw new Error('no trace today')
    })
    await emit('a')
    expect(tracesOf('a')).toEqual([undefined, undefined])
    expect(reported.mock.calls.map(([error]) => error.message)).toEqual([
      expect.stringContaining('invalid traceparent "nope"'),
      'no trace today',
    ])
  })
})
