import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { emit } from '../../src/api/emit.js'
import { listen } from '../../src/api/listen.js'
import { request, respond } from '../../src/api/request.js'
import type { EventBusError } from '../../src/core/error.js'
import { existingInbox } from '../../src/core/realm.js'
import { HOST } from '../../src/types/endpoint.js'
import type { Target } from '../../src/types/target.js'
import { type Held, STALE } from '../fake-host.js'
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

const responses = () => realm.host.responses
const failed = (promise: Promise<unknown>) =>
  promise.then(
    () => expect.fail('there was a response'),
    (error: EventBusError) => error,
  )

describe('request', () => {
  const pending = () => realm.host.requests

  it('sends a request and returns the response', async () => {
    const response = request<boolean>('main', 'confirm', { title: 'x' }, { timeoutMs: 500 })
    await settled()
    expect(pending()[0]?.args).toMatchObject({
      id: 1,
      name: 'confirm',
      to: 'main',
      payload: '{"title":"x"}',
      timeoutMs: 500,
    })
    pending()[0]?.resolve(true)
    expect(await response).toBe(true)
  })

  it('reaches Rust by HOST, and a label by a string', async () => {
    const targets: Target[] = [HOST, { kind: 'App' }, 'host', { kind: 'Webview', label: 'host' }]
    for (const to of targets) request(to, 'sum').catch(() => {})
    await settled()
    expect(pending().map(({ args }) => args.to)).toEqual(targets)
  })

  it('neither delays commands nor waits for them', async () => {
    realm.host.hold = ({ command }) => command === 'emit'
    const emitted = emit('x')
    const responses = [request('main', 'a'), request('main', 'b')]
    await settled()
    expect(pending().map(({ args }) => args.id)).toEqual([1, 2])
    pending()[1]?.resolve('b')
    expect(await responses[1]).toBe('b')
    realm.host.release()
    await emitted
    pending()[0]?.resolve('a')
    expect(await responses[0]).toBe('a')
  })

  it("rejects with the responder's error as cause", async () => {
    const response = request('main', 'a')
    await settled()
    const failure = { name: 'TypeError', message: 'no' }
    pending()[0]?.reject({ code: 'responder_failed', message: 'failed', failure })
    const error = await failed(response)
    expect(error.code).toBe('responder_failed')
    expect(error.cause).toMatchObject(failure)
    expect((error.cause as Error).stack).toBe('TypeError: no')
  })

  it('is cancelled by its signal', async () => {
    const ended = new AbortController()
    const response = request('main', 'a', null, { signal: ended.signal })
    await settled()
    ended.abort('enough')
    expect(await failed(response)).toMatchObject({ code: 'cancelled', cause: 'enough' })
    expect(realm.host.commands('cancel_request')[0]?.args.ids).toEqual([1])
    expect(await failed(request('main', 'a', null, { signal: ended.signal }))).toMatchObject({ code: 'cancelled' })
    expect(pending().length).toBe(1)
  })

  it('is cancelled before it opens a session', async () => {
    realm.host.hold = ({ command }) => command === 'request' || command === 'cancel_request'
    const ended = new AbortController()
    const response = failed(request('main', 'a', null, { signal: ended.signal }))
    await settled()
    ended.abort()
    expect(await response).toMatchObject({ code: 'cancelled' })
    const [sent, cancel] = realm.host.held.splice(0)
    realm.host.hold = () => false
    realm.host.replyNow(cancel)
    realm.host.replyNow(sent)
    const end = vi.spyOn(pending()[0] as Held, 'reject')
    await settled()
    expect(end.mock.calls).toMatchObject([[{ code: 'cancelled' }]])
    expect(realm.host.commands('cancel_request').map(({ args }) => args.ids)).toEqual([[1], [1]])
  })

  it('is sent again in a new session', async () => {
    await emit('x')
    realm.host.endSilently()
    const response = request('main', 'a')
    await settled()
    expect(pending().length).toBe(1)
    expect(new Set(realm.host.commands('request').map(({ args }) => args.session)).size).toBe(2)
    pending()[0]?.resolve(1)
    expect(await response).toBe(1)
  })

  it.each([
    ['response', (held: Held) => held.resolve(1)],
    ['error', (held: Held) => held.reject({ code: 'no_responder', message: 'no' })],
  ])('shows by its %s that the session works', async (_, settle) => {
    await emit('x')
    for (let round = 0; round < 3; round += 1) {
      realm.host.endSilently()
      const response = request('main', 'a').catch(() => {})
      await settled()
      settle(pending()[round] as Held)
      await response
    }
    realm.host.endSilently()
    await emit('y')
    const sent = realm.host.commands('emit').flatMap(({ args }) => args.events as { event: string }[])
    expect(sent.map(({ event }) => event)).toEqual(['x', 'y', 'y'])
  })

  it('is cancelled while its session is renewed', async () => {
    await emit('x')
    realm.host.endSilently()
    realm.host.hold = ({ command }) => command === 'emit'
    const emitted = emit('y')
    await settled()
    const ended = new AbortController()
    const response = failed(request('main', 'a', null, { signal: ended.signal }))
    await settled()
    ended.abort()
    expect(await response).toMatchObject({ code: 'cancelled' })
    realm.host.release()
    await emitted
    await settled()
    expect(realm.host.commands('request').length).toBe(1)
    expect(pending()).toEqual([])
  })

  it('rejects when every session is stale', async () => {
    realm.host.refuse = ({ command }) => (command === 'request' ? STALE : undefined)
    expect(await failed(request('main', 'a'))).toMatchObject({ code: 'stale_session' })
    expect(realm.host.commands('request').length).toBe(4)
  })

  it('names the missing permission', async () => {
    realm.host.refuse = ({ command }) => (command === 'request' ? 'event-bus.request not allowed' : undefined)
    const error = await failed(request('main', 'a'))
    expect(error).toMatchObject({ code: 'denied', message: expect.stringContaining('"event-bus:request"') })
  })

  it('refuses invalid names and payloads', async () => {
    expect(await failed(request('main', 'a', Number.NaN))).toMatchObject({ code: 'invalid_payload' })
    expect(await failed(request('main', 'tauri://x'))).toMatchObject({ code: 'reserved_event_name' })
  })

  it.each([Number.POSITIVE_INFINITY, Number.NaN, '5' as unknown as number])(
    'refuses the timeout %s',
    async (timeoutMs) => {
      const error = await failed(request('main', 'a', null, { timeoutMs }))
      expect(error).toMatchObject({
        code: 'invalid_argument',
        message: expect.stringContaining(`not the ${typeof timeoutMs} ${timeoutMs}`),
      })
      expect(error.message).toContain('from 1 to 86,400,000')
      expect(pending()).toEqual([])
    },
  )
})

describe('chains', () => {
  it('continue through a request and its responder', async () => {
    await respond('q', async (_, { causes, emit: emitAfter }) => {
      void emit('at-once', causes)
      await null
      void emit('unknown')
      await emitAfter('later')
      return 1
    })
    realm.host.push({ request: '1', name: 'q', source: 0, payload: null, causes: ['click'] })
    await settled()
    const emitted = realm.host.commands('emit').flatMap(({ args }) => args.events as Record<string, unknown>[])
    expect(emitted).toEqual([
      { event: 'at-once', payload: '["click"]', causes: ['click', 'q'] },
      { event: 'unknown' },
      { event: 'later', causes: ['click', 'q'] },
    ])
  })

  it('begin with the event of a handler', async () => {
    await listen('click', () => {
      void request('other', 'q').catch(() => {})
    })
    realm.host.emit('click')
    await settled()
    void request('other', 'r').catch(() => {})
    await settled()
    expect(realm.host.commands('request').map(({ args }) => args.causes)).toEqual([['click'], undefined])
  })
})

describe('a page', () => {
  it('keeps nothing of ten thousand requests', async () => {
    let response: (payload: number) => unknown = () => null
    await respond<number>('q', (payload) => response(payload))
    type Kept = Record<string, { size?: number; length?: number }>
    const inbox = existingInbox() as unknown as {
      channel: Kept & { requests: Kept }
      carrier: Record<string, object[]>
    }
    response = (payload) => {
      if (payload % 4 === 1) throw new Error('no')
      return payload % 4 === 3 ? new Promise(() => {}) : payload
    }
    for (let round = 0; round < 100; round += 1) {
      const controllers = Array.from({ length: 100 }, () => new AbortController())
      const incoming: Promise<unknown>[] = []
      for (const [n, { signal }] of controllers.entries()) {
        realm.host.request(`${round}-${n}`, 'q', n)
        incoming.push(request('other', 'r', n, { signal }).catch(() => {}))
      }
      await settled()
      for (let n = 3; n < 100; n += 4) realm.host.push({ ended: `${round}-${n}`, code: 'timeout' })
      const waiting = realm.host.requests.splice(0)
      expect(waiting).toHaveLength(100)
      for (const [n, held] of waiting.entries()) if (n % 2 === 0) held.resolve(n)
      await settled()
      for (const controller of controllers) controller.abort()
      await Promise.all(incoming)
      await vi.waitFor(() => expect(responses().length).toBe(75 * (round + 1)), { interval: 1 })
    }
    await settled()
    const { running, requests } = inbox.channel
    const { waiting, kept } = inbox.carrier
    expect([running?.size, (requests as Kept).waiting?.size]).toEqual([0, 0])
    expect([waiting, kept]).toEqual([[], []])
  }, 20_000)
})
