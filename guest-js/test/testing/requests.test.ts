import { afterEach, beforeEach, describe, expect, expectTypeOf, it, vi } from 'vitest'
import { EventBusError, emit, HOST, listen, request, respond } from '../../src/index.js'
import { createTestBus, type TestBus } from '../../src/testing/index.js'

interface AppEvents {
  saved: { id: number }
}

interface AppRequests {
  confirm: { request: { title: string }; response: boolean }
  // biome-ignore lint/suspicious/noConfusingVoidType: As apps write it.
  version: { request: void; response: string }
}

let bus: TestBus<AppEvents, AppRequests>
const reported = vi.fn()
beforeEach(() => {
  bus = createTestBus<AppEvents, AppRequests>()
  vi.stubGlobal('reportError', reported)
})
afterEach(() => {
  bus.dispose()
  vi.useRealTimers()
  vi.unstubAllGlobals()
  expect(reported).not.toHaveBeenCalled()
})

const failed = (response: PromiseLike<unknown>) =>
  Promise.resolve(response).then(
    () => expect.fail('there was a response'),
    (error: EventBusError) => error,
  )

/** A responder that responds when the test says so. */
function slow() {
  const incoming: { signal: AbortSignal; resolve: (response: unknown) => void }[] = []
  const responder = vi.fn(
    (_: unknown, { signal }: { signal: AbortSignal }) =>
      new Promise<never>((resolve) => incoming.push({ signal, resolve: resolve as (response: unknown) => void })),
  )
  return { incoming, responder }
}

describe('requests to the code under test', () => {
  it('come from the host', async () => {
    const responder = vi.fn(async ({ title }: { title: string }) => title === 'Delete?')
    const off = await respond<{ title: string }>('confirm', responder)
    expect(bus.responders('confirm')).toBe(1)
    const payload = { title: 'Delete?' }
    const response = bus.request('main', 'confirm', payload)
    expectTypeOf(response).toEqualTypeOf<Promise<boolean>>()
    expect(await response).toBe(true)
    const [given, context] = responder.mock.calls[0] as unknown as [unknown, object]
    expect(given).toEqual(payload)
    expect(given).not.toBe(payload)
    expect(context).toMatchObject({ name: 'confirm', caller: { kind: 'host' }, causes: [] })
    off()
    await bus.settled()
    expect(bus.responders()).toBe(0)
    expect(await failed(bus.request('main', 'confirm', payload))).toMatchObject({ code: 'no_responder' })
  })

  it('come from another page, with its label', async () => {
    const settings = bus.page('settings')
    await respond('who', (_, { caller }) => caller)
    expect(await settings.request('main', 'who')).toEqual({ kind: 'webview', label: 'settings' })
  })

  it('come after the events before', async () => {
    const order: string[] = []
    await listen('a', () => order.push('event'))
    await respond('q', () => order.push('request'))
    bus.emit('a')
    await bus.request('main', 'q')
    expect(order).toEqual(['event', 'request'])
    expect(bus.history().map(({ event }) => event)).toEqual(['a'])
  })

  it('fail with the error of the responder', async () => {
    await respond('q', () => {
      throw new TypeError('no')
    })
    const error = await failed(bus.request('main', 'q'))
    expect(error).toBeInstanceOf(EventBusError)
    expect(error).toMatchObject({ code: 'responder_failed', cause: { name: 'TypeError', message: 'no' } })
    expect(error.message).toBe('the responder of "q" in "main" failed: TypeError: no')
  })

  it('fail where JSON cannot express the response', async () => {
    await respond('q', () => Number.NaN)
    const error = await failed(bus.request('main', 'q'))
    expect(error).toMatchObject({ code: 'responder_failed', message: expect.stringContaining('NaN') })
    expect(reported.mock.calls).toEqual([[expect.objectContaining({ code: 'invalid_payload' })]])
    reported.mockClear()
  })

  it('fail with a response beyond 16 MiB', async () => {
    const most = 16 * 1024 * 1024 - 2
    await respond<number>('q', (length) => 'x'.repeat(length))
    expect(await bus.request('main', 'q', most)).toHaveLength(most)
    expect(await failed(bus.request('main', 'q', most + 1))).toMatchObject({ code: 'payload_too_large' })
    await bus.settled()
    expect(reported.mock.calls).toEqual([[expect.objectContaining({ code: 'payload_too_large' })]])
    reported.mockClear()
  })

  it('time out and are cancelled', async () => {
    vi.useFakeTimers()
    const { incoming, responder } = slow()
    await respond('q', responder)
    const late = failed(bus.request('main', 'q'))
    const soon = failed(bus.request('main', 'q', null, { timeoutMs: 10 }))
    const ended = new AbortController()
    const given = failed(bus.request('main', 'q', null, { signal: ended.signal }))
    await bus.settled()
    expect(responder).toHaveBeenCalledTimes(3)
    ended.abort('enough')
    expect(await given).toMatchObject({ code: 'cancelled', cause: 'enough' })
    await vi.advanceTimersByTimeAsync(10)
    expect(await soon).toMatchObject({ code: 'timeout', message: '"q" got no response within 10 ms' })
    await vi.advanceTimersByTimeAsync(29_989)
    await bus.settled()
    expect(incoming.map(({ signal }) => signal.reason?.code)).toEqual([undefined, 'timeout', 'cancelled'])
    await vi.advanceTimersByTimeAsync(1)
    expect(await late).toMatchObject({ code: 'timeout' })
    await bus.settled()
    expect(incoming[0]?.signal.aborted).toBe(true)
    // What comes too late does no harm.
    incoming[0]?.resolve(1)
    await bus.settled()
    expect(vi.getTimerCount()).toBe(0)
  })

  it('are withdrawn when cancelled early', async () => {
    const ended = new AbortController()
    const responder = vi.fn()
    await listen('a', () => {})
    await respond('q', responder)
    await respond('r', () => 1)
    bus.emit('a')
    // The page is at the event while these wait behind it.
    const given = failed(bus.request('main', 'q', null, { signal: ended.signal }))
    const behind = bus.request('main', 'r')
    ended.abort()
    expect(await given).toMatchObject({ code: 'cancelled' })
    expect(await behind).toBe(1)
    expect(await bus.request('main', 'r')).toBe(1)
    expect(responder).not.toHaveBeenCalled()
  })

  it('wait 3 seconds for a starting page', async () => {
    bus.dispose()
    vi.useFakeTimers()
    bus = createTestBus({ startingUp: true })
    const early = bus.request('main', 'version')
    const never = failed(bus.request('main', 'q'))
    await vi.advanceTimersByTimeAsync(2_999)
    await respond('version', () => '1.0')
    expect(await early).toBe('1.0')
    await vi.advanceTimersByTimeAsync(1)
    expect(await never).toMatchObject({ code: 'no_responder' })
    expect(vi.getTimerCount()).toBe(0)
  })

  it('are cancelled when their page is closed', async () => {
    const settings = bus.page('settings')
    const { incoming, responder } = slow()
    await respond('q', responder)
    const response = failed(settings.request('main', 'q'))
    await bus.settled()
    settings.close()
    await bus.settled()
    expect(incoming[0]?.signal.reason).toMatchObject({ code: 'cancelled' })
    expect(await response).toMatchObject({ code: 'cancelled' })
  })

  it('are page_gone when the bus is disposed of', async () => {
    await respond('q', slow().responder)
    const response = bus.request('main', 'q')
    void bus.request('main', 'q')
    await bus.settled()
    bus.dispose()
    expect(await failed(response)).toMatchObject({ code: 'page_gone' })
  })
})

describe('requests of the code under test', () => {
  it('reach the host', async () => {
    const off = bus.respond('sum', (numbers, { caller }) => {
      expect(caller).toEqual({ kind: 'webview', label: 'main' })
      return (numbers as number[]).reduce((sum, number) => sum + number, 0)
    })
    expect(await request<number>(HOST, 'sum', [1, 2, 3])).toBe(6)
    off()
    const error = await failed(request(HOST, 'sum', [1]))
    expect(error).toMatchObject({ code: 'no_responder', message: expect.stringContaining('the host has no responder') })
    bus.respond('confirm', ({ title }) => title === 'x')
    // @ts-expect-error The response is another one.
    const second = () => bus.respond('confirm', () => 'yes')
    expect(second).toThrow(expect.objectContaining({ code: 'duplicate_responder' }))
    // @ts-expect-error The payload is missing.
    expect(await failed(bus.request('main', 'confirm'))).toMatchObject({ code: 'no_responder' })
  })

  it('reach the page of the label "host" by a string', async () => {
    bus.respond('q', () => 'of the host')
    expect(await failed(request('host', 'q'))).toMatchObject({ code: 'unknown_target' })
    expect(await failed(bus.request('host', 'q'))).toMatchObject({ code: 'unknown_target' })
    bus.page('host').respond('q', () => 'of a page')
    expect(await request('host', 'q')).toBe('of a page')
    expect(await request({ kind: 'webview', label: 'host' }, 'q')).toBe('of a page')
    expect(await request({ kind: 'App' }, 'q')).toBe('of the host')
  })

  it('reach another page', async () => {
    const settings = bus.page('settings')
    settings.respond('field', async (name) => `${name} of settings`)
    bus.respond('field', () => 'of Rust')
    expect(await request('settings', 'field', 'name')).toBe('name of settings')
    expect(await request(HOST, 'field')).toBe('of Rust')
    expect(await bus.request('settings', 'field', 1)).toBe('1 of settings')
    expect(await settings.request(HOST, 'field')).toBe('of Rust')
    expect(await bus.request(HOST, 'field')).toBe('of Rust')
  })

  it('fail with the error of the test as cause', async () => {
    bus.respond('q', () => Promise.reject(new RangeError('too many')))
    const error = await failed(request(HOST, 'q'))
    expect(error.code).toBe('responder_failed')
    expect(error.message).toBe('the responder of "q" in the host failed: RangeError: too many')
    expect(error.cause).toMatchObject({ name: 'RangeError', message: 'too many' })
  })

  it('time out and abort the responder', async () => {
    vi.useFakeTimers()
    const { incoming, responder } = slow()
    bus.respond('q', responder)
    const response = failed(request(HOST, 'q', null, { timeoutMs: 500 }))
    await vi.advanceTimersByTimeAsync(499)
    expect(incoming[0]?.signal.aborted).toBe(false)
    await vi.advanceTimersByTimeAsync(1)
    expect(await response).toMatchObject({ code: 'timeout' })
    expect(incoming[0]?.signal.reason).toMatchObject({ code: 'timeout' })
    expect(vi.getTimerCount()).toBe(0)
  })

  it('are cancelled by their signal', async () => {
    const { incoming, responder } = slow()
    bus.respond('q', responder)
    const ended = new AbortController()
    const response = failed(request(HOST, 'q', null, { signal: ended.signal }))
    await bus.settled()
    ended.abort()
    expect(await response).toMatchObject({ code: 'cancelled' })
    await bus.settled()
    expect(incoming[0]?.signal.reason).toMatchObject({ code: 'cancelled' })
  })

  it('are page_gone when the page is closed', async () => {
    const settings = bus.page('settings')
    settings.respond('q', slow().responder)
    const response = failed(request('settings', 'q'))
    await bus.settled()
    settings.close()
    settings.close()
    const gone = { code: 'page_gone', message: expect.stringContaining('"settings" was closed') }
    expect(await response).toMatchObject(gone)
    expect(await failed(request('settings', 'q'))).toMatchObject({ code: 'unknown_target' })
    expect(() => settings.emit('a')).toThrow('closed')
    expect((await failed(settings.request('main', 'q'))).message).toContain('closed')
    bus.page('settings').respond('q', () => 'again')
    expect(await request('settings', 'q')).toBe('again')
  })

  it('receive nothing of a closed page', async () => {
    const settings = bus.page('settings')
    const { incoming, responder } = slow()
    const off = settings.respond('q', responder)
    const gone = failed(request('settings', 'q'))
    await bus.settled()
    const unsent = failed(request('settings', 'q'))
    settings.close()
    await Promise.all([gone, unsent])
    expect(incoming[0]?.signal.aborted).toBe(true)
    bus.page('settings').respond('q', () => 'next')
    incoming[0]?.resolve('late')
    off()
    await bus.settled()
    expect(responder).toHaveBeenCalledTimes(1)
    expect(await request('settings', 'q')).toBe('next')
  })

  it.each([0, 0.5, 86_400_001, Number.NaN])('refuse the timeout %s as the host does', async (timeoutMs) => {
    bus.respond('q', () => 1)
    const wrong = { code: 'invalid_argument', message: expect.stringContaining('at least 1 and at most 86400000') }
    expect(await failed(bus.request(HOST, 'q', null, { timeoutMs }))).toMatchObject(wrong)
    if (!Number.isNaN(timeoutMs)) expect(await failed(request(HOST, 'q', null, { timeoutMs }))).toMatchObject(wrong)
    expect(await request(HOST, 'q', null, { timeoutMs: 86_400_000 })).toBe(1)
    expect(await request(HOST, 'q', null, { timeoutMs: 1_000 })).toBe(1)
  })

  it('have one recipient', async () => {
    bus.page('settings')
    for (const target of ['sett*', ['main', 'settings'], { kind: 'Any' }, [], ''] as const) {
      expect(await failed(request(target, 'q'))).toMatchObject({ code: 'invalid_argument' })
    }
    expect(await failed(request('nobody', 'q'))).toMatchObject({ code: 'unknown_target' })
    expect(await failed(request('settings', 'event-bus:q'))).toMatchObject({ code: 'reserved_event_name' })
    expect(await failed(request('settings', 'a b'))).toMatchObject({ code: 'invalid_event_name' })
    expect(await failed(bus.request('main', 'q', 1n))).toMatchObject({ code: 'invalid_payload' })
  })

  it('are refused on demand', async () => {
    bus.respond('q', () => 1)
    const allow = bus.refuse('q', { command: 'request' })
    expect(await failed(request(HOST, 'q'))).toMatchObject({ code: 'denied' })
    await respond('q', () => 2)
    allow()
    expect(await request(HOST, 'q')).toBe(1)
    bus.refuse('r', { command: 'respond', code: 'queue_full' })
    expect(await failed(respond('r', () => 1))).toMatchObject({ code: 'queue_full' })
    expect(() => bus.respond('r', () => 1)).toThrow(expect.objectContaining({ code: 'queue_full' }))
    bus.refuse('s')
    expect(await failed(respond('s', () => 1))).toMatchObject({ code: 'denied' })
  })
})

describe('what a request causes', () => {
  it('carries its chain through pages and the host', async () => {
    const settings = bus.page('settings')
    await respond('q', async (_, { emit: emitAfter }) => {
      await emit('in:main')
      await emitAfter('after:main')
    })
    bus.respond('r', async (_, context) => {
      bus.emit('in:rust')
      await bus.request('main', 'q', null, { causes: [...context.causes, 'r'] })
      await context.emit('after:rust')
    })
    settings.respond('s', (_, { emit: emitAfter }) => {
      settings.emit('in:settings')
      void emitAfter('after:settings')
      return settings.request(HOST, 'r')
    })
    await listen('a', () => request('settings', 's'))
    bus.emit('a')
    await bus.settled()
    expect(bus.history().map(({ event, source, causes }) => [event, source.kind, causes])).toEqual([
      ['a', 'host', undefined],
      ['in:settings', 'webview', ['a', 's']],
      ['after:settings', 'webview', ['a', 's']],
      ['in:rust', 'host', ['a', 's', 'r']],
      ['in:main', 'webview', ['a', 's', 'r', 'q']],
      ['after:main', 'webview', ['a', 's', 'r', 'q']],
      ['after:rust', 'host', ['a', 's', 'r']],
    ])
  })

  it('have a limit', async () => {
    bus.respond('loop', () => bus.request(HOST, 'loop'))
    const error = await failed(request(HOST, 'loop'))
    expect(error.message).toContain('"loop" has more than 16 causes')
    const causes = Array.from({ length: 16 }, () => 'x')
    expect(await failed(bus.request('main', 'none', null, { causes }))).toMatchObject({ code: 'no_responder' })
    const longer = { causes: [...causes, 'x'] }
    expect(await failed(bus.request('main', 'none', null, longer))).toMatchObject({ code: 'event_loop' })
  })

  it('reaches all listeners of the test', async () => {
    const received = vi.fn()
    bus.listen('a', received)
    bus.respond('q', () => bus.emit('a').listeners)
    expect(await request(HOST, 'q')).toBe(1)
    expect(received).toHaveBeenCalledTimes(1)
  })
})
