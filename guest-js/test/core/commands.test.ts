import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { emit, emitTo } from '../../src/api/emit.js'
import { listen } from '../../src/api/listen.js'
import { EventBusError, toEventBusError } from '../../src/core/error.js'
import { type Endpoint, HOST } from '../../src/types/endpoint.js'
import { freshRealm, settled } from '../realm.js'

let realm: ReturnType<typeof freshRealm>
beforeEach(() => {
  realm = freshRealm()
})
afterEach(() => {
  expect(realm.host.broken).toEqual([])
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})

const kinds = () => realm.host.commands().map(({ command }) => command)
const numbers = () => realm.host.commands().map(({ args }) => args.n)

describe('the queue', () => {
  it('merges neighbors of a kind and keeps the order', async () => {
    listen('a', vi.fn())
    listen('b', vi.fn())
    await Promise.all([emit('a'), emit('b'), emitTo('main', 'c'), emit('d')])
    expect(kinds()).toEqual(['subscribe', 'emit', 'emit_to', 'emit'])
    expect(numbers()).toEqual([1, 2, 3, 4])
  })

  it('gathers while a command is in flight', async () => {
    realm.host.hold = ({ args }) => args.n === 1
    const all = [emit('a')]
    await settled()
    all.push(emit('b'))
    await settled()
    all.push(emit('c'))
    await settled()
    expect(realm.host.sent.length).toBe(1)
    realm.host.release()
    await Promise.all(all)
    expect(realm.host.sent.map(({ args }) => (args.events as unknown[]).length)).toEqual([1, 2])
  })

  it('rejects one rate-limited entry with its wait', async () => {
    const tooFast = { code: 'rate_limited', message: 'try again in 40 ms', retryAfterMs: 40 }
    realm.host.refuseEntry = (_, { event }) => (event === 'b' ? tooFast : null)
    const [a, b, c] = await Promise.allSettled([emit('a'), emit('b'), emit('c')])
    expect([a?.status, c?.status]).toEqual(['fulfilled', 'fulfilled'])
    expect(b).toMatchObject({ reason: { name: 'EventBusError', ...tooFast } })
    expect(toEventBusError({ code: 'denied', message: 'no' }).retryAfterMs).toBeUndefined()
  })

  it('bounds a command to 1,024 entries', async () => {
    await Promise.all(Array.from({ length: 2_050 }, () => emit('a')))
    expect(realm.host.sent.map(({ args }) => (args.events as unknown[]).length)).toEqual([1_024, 1_024, 2])
  })

  it('bounds a command to 1,048,576 characters', async () => {
    const half = 'x'.repeat(500_000)
    await Promise.all([emit('a', half), emit('b', half), emit('c', half), emit('d', half.repeat(3)), emit('e', 1)])
    const batches = realm.host.sent.map(({ args }) => (args.events as { event: string }[]).map(({ event }) => event))
    expect(batches).toEqual([['a', 'b'], ['c'], ['d'], ['e']])
  })

  it('writes maps as Tauri does', async () => {
    await emit('a', { map: new Map([['x', 1]]) })
    expect(realm.host.commands()[0]).toHaveProperty('args.events.0.payload', '{"map":{"x":1}}')
  })

  it('writes sets as arrays', async () => {
    await Promise.all([
      emit('sets', new Set([1, new Set(['a']), new Map([['x', new Set()]])])),
      emit('rest', { at: new Date(0), none: undefined, run: () => {}, list: [null] }),
    ])
    const sent = realm.host.commands().flatMap(({ args }) => args.events as { payload: string }[])
    expect(sent.map(({ payload }) => payload)).toEqual([
      '[1,["a"],{"x":[]}]',
      '{"at":"1970-01-01T00:00:00.000Z","list":[null]}',
    ])
  })

  it('names the missing permission', () => {
    const denied = 'Command plugin:event-bus|x not allowed by ACL'
    expect(toEventBusError(denied, 'start_job').message).toContain('"event-bus:jobs"')
    expect(toEventBusError(denied, 'pull').message).toContain('"event-bus:listen"')
    expect(toEventBusError(denied, 'emit_to').message).toContain('"event-bus:allow-emit-to"')
    expect(toEventBusError(denied).message).toContain('"event-bus:default"')
    // Before Tauri's own text, which may be long.
    expect(toEventBusError(denied, 'catalog').message).toBe(
      `this page may not use the command "catalog": add "event-bus:allow-catalog" to a capability whose "windows" name its window (${denied})`,
    )
    const everywhere = toEventBusError('event-bus.emit explicitly denied on origin local', 'emit').message
    expect(everywhere).toContain('every window')
    expect(everywhere).not.toContain('add ')
  })

  it('reuses a number only after a bare string', async () => {
    realm.host.refuse = () => 'Command plugin:event-bus|emit not allowed by ACL'
    await expect(emit('a')).rejects.toMatchObject({ code: 'denied', message: expect.stringContaining('allow-emit') })
    realm.host.refuse = () => undefined
    await emit('a')
    realm.host.refuse = () => ({ code: 'payload_too_large', message: 'too large' })
    await expect(emit('a')).rejects.toMatchObject({ code: 'payload_too_large' })
    realm.host.refuse = () => undefined
    await emit('a')
    expect(numbers()).toEqual([1, 1, 2, 3])
  })

  it('resends each entry alone after a parser error', async () => {
    realm.host.refuse = ({ args }) =>
      JSON.stringify(args).includes('odd') ? 'invalid args `events` for command `emit`: no' : undefined
    const results = await Promise.allSettled([emit('a'), emit('odd'), emit('b')])
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  })

  it('opens a new session after an unknown outcome', async () => {
    await listen('a', vi.fn())
    await settled()
    const { invoke } = realm.host
    const page = window as unknown as { __TAURI_INTERNALS__: { invoke: typeof invoke } }
    page.__TAURI_INTERNALS__.invoke = async (name, args) => {
      const answer = await invoke(name, args)
      if (name.endsWith('emit') && realm.host.opened === 1) throw new TypeError('unreadable')
      return answer
    }
    const [first, second] = await Promise.allSettled([emit('first'), emitTo('main', 'second')])
    expect(first).toMatchObject({ status: 'rejected', reason: { code: 'unavailable' } })
    expect(second).toMatchObject({ status: 'fulfilled', value: { seq: 2 } })
    expect(kinds()).toEqual(['subscribe', 'emit', 'subscribe', 'emit_to'])
    expect(numbers()).toEqual([1, 2, 1, 2])
  })

  it('subscribes again after an unknown outcome', async () => {
    const handler = vi.fn()
    await listen('a', handler)
    await settled()
    let failures = 2
    realm.host.refuse = ({ command }) => {
      if (command === 'subscribe' && failures-- > 0) return new TypeError('unreadable')
    }
    realm.host.endSession()
    await settled()
    realm.host.emit('a')
    await settled()
    expect(handler).toHaveBeenCalledTimes(1)
    expect(realm.reported).not.toHaveBeenCalled()
  })

  it('gives up after too many unknown outcomes', async () => {
    await listen('a', vi.fn())
    await settled()
    realm.host.refuse = ({ command }) => (command === 'subscribe' ? new TypeError('unreadable') : undefined)
    realm.host.endSession()
    await settled()
    expect(realm.host.commands('subscribe').length).toBe(4)
    expect(realm.reported).toHaveBeenCalledTimes(1)
  })

  it('rejects when a reply has too few results', async () => {
    realm.host.hold = () => true
    const both = Promise.allSettled([emit('a'), emit('b')])
    await settled()
    realm.host.held[0]?.resolve([{ seq: 1, pages: 0, listeners: 0 }])
    expect((await both).map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
  })
})

describe('payloads', () => {
  const events = () => realm.host.sent.flatMap(({ args }) => args.events as Record<string, unknown>[])

  it('are written as JSON at the call', async () => {
    const cart = { count: 1 }
    const sent = emit('a', cart)
    cart.count = 2
    await sent
    expect(events()).toEqual([{ event: 'a', payload: '{"count":1}' }])
  })

  it('may be absent, while null is a payload', async () => {
    await Promise.all([emit('a'), emit('b', null)])
    expect(events()).toEqual([{ event: 'a' }, { event: 'b', payload: 'null' }])
  })

  it('are refused alone where JSON cannot express them', async () => {
    const cycle: Record<string, unknown> = {}
    cycle.self = cycle
    const results = await Promise.allSettled([
      emit('ok'),
      emit('big', 1n),
      emit('cycle', cycle),
      emit('fn', () => {}),
      emit('nan', { deep: [{ x: Number.NaN }] }),
      emit('infinite', Number.NEGATIVE_INFINITY),
    ])
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', ...Array(5).fill('rejected')])
    for (const [index, name] of [
      [1, 'big'],
      [2, 'cycle'],
      [3, 'fn'],
      [4, 'nan'],
      [5, 'infinite'],
    ] as const) {
      const { reason } = results[index] as PromiseRejectedResult
      expect(reason).toMatchObject({ code: 'invalid_payload', message: expect.stringContaining(`"${name}"`) })
    }
    expect(events()).toEqual([{ event: 'ok' }])
  })

  const shared = { ok: 1 }
  it.each([
    ['whole', Number.NaN, 'NaN would'],
    ['in an object', { x: Number.NaN }, 'NaN at `x` would'],
    [
      'behind others',
      { a: { b: [1] }, items: [shared, shared, { price: -1 / 0 }] },
      '-Infinity at `items[2].price` would',
    ],
    ['first of two', [{ x: [Number.NaN] }, Number.NaN], 'NaN at `[0].x[0]` would'],
    ['in a map and a set', new Map([['s', new Set([[1, Number.NaN]])]]), '`s[0][1]`'],
    ['under a key that is empty', { '': { x: Number.NaN } }, 'NaN at `.x` would'],
    ['out of toJSON', { cart: { toJSON: () => ({ sum: Number.NaN }) } }, 'NaN at `cart.sum` would'],
  ])('are refused with the path of a lost number: %s', async (_, payload, text) => {
    await expect(emit('a', payload)).rejects.toMatchObject({
      code: 'invalid_payload',
      message: expect.stringContaining(text),
    })
    expect(realm.host.sent).toEqual([])
  })

  it('are sent with the option retain', async () => {
    const kept = { retain: true }
    await Promise.all([
      emit('a', 1, kept),
      emit('b', undefined, kept),
      emit('c', 1, { retain: false }),
      emit('d', 1, {}),
      emitTo('main', 'e', 1, kept),
      emitTo('main', 'f', undefined, kept),
    ])
    expect(events()).toEqual([
      { event: 'a', payload: '1', retain: true },
      { event: 'b', retain: true },
      { event: 'c', payload: '1', retain: false },
      { event: 'd', payload: '1' },
      { event: 'e', payload: '1', to: 'main', retain: true },
      { event: 'f', to: 'main', retain: true },
    ])
  })

  it('are refused one by one when a queue is full', async () => {
    const refusal = { code: 'queue_full', message: 'the queue of the page in "main" is full' }
    realm.host.refuseEntry = (_, entry) => (entry.event === 'full' ? refusal : undefined)
    const [full, other] = await Promise.allSettled([emit('full'), emit('other')])
    expect(full).toMatchObject({ status: 'rejected', reason: refusal })
    expect((full as PromiseRejectedResult).reason).toBeInstanceOf(EventBusError)
    expect(other.status).toBe('fulfilled')
  })

  it('are sent with a copy of the target', async () => {
    const to = ['main']
    const sent = emitTo(to, 'a')
    to.push('other')
    await sent
    expect(events()).toEqual([{ event: 'a', to: ['main'] }])
  })

  it('are sent with a deep copy of the target', async () => {
    const endpoint: Endpoint = { kind: 'webview', label: 'main' }
    const sent = emitTo([endpoint, HOST], 'a')
    endpoint.label = 'other'
    await sent
    expect(events()).toEqual([{ event: 'a', to: [{ kind: 'webview', label: 'main' }, { kind: 'host' }] }])
    expect(Object.isFrozen(HOST)).toBe(true)
  })

  it('for everyone are broadcast', async () => {
    await emitTo({ kind: 'Any' }, 'a', 1, { retain: true })
    expect(kinds()).toEqual(['emit'])
    expect(events()).toEqual([{ event: 'a', payload: '1', retain: true }])
  })

  it('of reserved names are refused in the page', async () => {
    await expect(emit('tauri://resize')).rejects.toMatchObject({
      code: 'reserved_event_name',
      message: expect.stringContaining('@tauri-apps/api/event'),
    })
    expect(realm.host.sent).toEqual([])
  })
})

describe('bare strings', () => {
  it.each([
    ['Command plugin:event-bus|emit not allowed by ACL', 'denied'],
    ['event-bus.emit not allowed. Permissions associated with this command: event-bus:allow-emit', 'denied'],
    ['event-bus.emit explicitly denied on origin local', 'denied'],
    ['plugin event-bus not found', 'unavailable'],
    ['event-bus.emit not allowed. Plugin not found', 'unavailable'],
    ['Command emit not found', 'unavailable'],
    ['invalid args `events` for command `emit`: "not allowed" is no event', 'invalid_argument'],
    ['something else', 'invalid_argument'],
  ])('%s is %s', (text, code) => {
    expect(toEventBusError(text, 'emit')).toMatchObject({ code, message: expect.stringContaining(text) })
  })
})
