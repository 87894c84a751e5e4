import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { emit } from '../src/api/emit.js'
import { listen } from '../src/api/listen.js'
import { request, respond } from '../src/api/request.js'
import type { EventBusError } from '../src/core/error.js'
import { existingInbox } from '../src/core/realm.js'
import { HOST } from '../src/types/endpoint.js'
import type { RequestContext } from '../src/types/request.js'
import type { Target } from '../src/types/target.js'
import { batchOf } from './batches.js'
import { type Held, STALE } from './fake-host.js'
import { endOfTask, freshRealm, settled } from './realm.js'

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
    () => expect.fail('it was answered'),
    (error: EventBusError) => error,
  )

describe('respond', () => {
  it('responds without calling listeners of the name', async () => {
    const heard = vi.fn()
    await listen('confirm', heard)
    const contexts: RequestContext[] = []
    await respond('confirm', (question, context) => {
      contexts.push(context)
      return { asked: question }
    })
    realm.host.request('a1', 'confirm', { title: 'x' }, 'other')
    await settled()
    expect(responses()).toEqual([{ request: 'a1', payload: '{"asked":{"title":"x"}}' }])
    expect(contexts[0]).toMatchObject({ name: 'confirm', caller: { kind: 'webview', label: 'other' } })
    expect(heard).not.toHaveBeenCalled()
  })

  it('pulls without subscriptions until it ends', async () => {
    const off = await respond('a', () => 1)
    expect(realm.host.pullsInFlight).toBe(1)
    realm.host.request('1', 'a')
    await settled()
    off()
    await settled()
    realm.host.session?.pull?.resolve({ items: [], heads: [], first: 0, more: false })
    await settled()
    expect(realm.host.pullsInFlight).toBe(0)
    expect(realm.host.session?.responders.size).toBe(0)
  })

  it('responds to a batch within pulls', async () => {
    await respond('a', async (question) => question)
    realm.host.hold = ({ command }) => command === 'pull'
    for (let i = 0; i < 64; i += 1) realm.host.request(`${i}`, 'a', i)
    realm.host.release()
    await settled()
    expect(responses().map(({ payload }) => payload)).toEqual(Array.from({ length: 64 }, (_, i) => `${i}`))
    // The pull that was parked brings the first, and the next one all others; their answers go with the pulls that follow.
    const carried = realm.host.commands('pull').flatMap(({ args }) => (args.responses as unknown[] | undefined) ?? [])
    expect(carried.length).toBe(64)
    expect(realm.host.commands('respond')).toEqual([])
  })

  it('sends the stack of an error only on demand', async () => {
    class Odd extends TypeError {
      override name = 'Odd'
    }
    const fail = () => {
      throw new Odd('no')
    }
    await respond('bare', fail)
    await respond('stacked', async () => fail(), { stack: true })
    await respond('text', () => Promise.reject('just text'))
    for (const name of ['bare', 'stacked', 'text']) realm.host.request(name, name)
    await settled()
    const failure = { name: 'Odd', message: 'no' }
    expect(responses()).toEqual(
      expect.arrayContaining([
        { request: 'bare', failure },
        { request: 'stacked', failure: { ...failure, stack: expect.stringContaining('requests.test') } },
        { request: 'text', failure: { name: 'Error', message: 'just text' } },
      ]),
    )
  })

  it('goes on after an unreadable value was thrown', async () => {
    const revoked = () => {
      const { proxy, revoke } = Proxy.revocable({}, {})
      revoke()
      return proxy
    }
    const unreadable = {
      get message() {
        throw new Error('no')
      },
    }
    const heard = vi.fn()
    await listen('e', heard)
    await respond('proxy', () => {
      throw revoked()
    })
    await respond('later', async () => {
      throw unreadable
    })
    await respond('text', () => {
      throw Object.assign(() => {}, { toString: () => JSON.parse('') })
    })
    for (const name of ['proxy', 'later', 'text']) realm.host.request(name, name)
    await settled()
    realm.host.emit('e')
    await settled()
    const failure = { name: 'Error', message: 'the responder threw a value that cannot be read' }
    expect(responses().sort((a, b) => String(a.request).localeCompare(String(b.request)))).toEqual([
      { request: 'later', failure },
      { request: 'proxy', failure },
      { request: 'text', failure },
    ])
    expect(heard).toHaveBeenCalledTimes(1)
    expect(existingInbox()?.cause).toBeNull()
  })

  it('declines a request that came too late', async () => {
    await listen('*', () => {})
    const off = await respond('gone', () => 1)
    off()
    await settled()
    realm.host.request('1', 'gone')
    await settled()
    expect(responses()).toEqual([{ request: '1', declined: true }])
  })

  it('refuses a second responder of a name', async () => {
    await respond('confirm', function askUser() {
      return true
    })
    const error = await failed(respond('confirm', () => false))
    expect(error).toMatchObject({ code: 'duplicate_responder', message: expect.stringContaining('"askUser"') })
    realm.host.request('1', 'confirm')
    await settled()
    expect(responses()).toEqual([{ request: '1', payload: 'true' }])
  })

  it('ends at once and frees its name', async () => {
    const off = respond('a', () => 1)
    off()
    off()
    await off
    expect(realm.host.commands('set_responders')).toEqual([])
    const second = await respond('a', () => 2)
    second()
    await respond('a', () => 3)
    realm.host.request('1', 'a')
    await settled()
    expect(responses()).toEqual([{ request: '1', payload: '3' }])
  })

  it('ends with its signal', async () => {
    const ended = new AbortController()
    await respond('a', () => 1, { signal: ended.signal })
    ended.abort()
    await settled()
    expect(realm.host.session?.responders.size).toBe(0)
    await respond('b', () => 1, { signal: ended.signal })
    expect(realm.host.session?.responders.size).toBe(0)
  })

  it('rejects, or reports, when the host refuses', async () => {
    realm.host.refuseEntry = (command) => (command === 'set_responders' ? { code: 'denied', message: 'no' } : undefined)
    expect(await failed(respond('a', () => 1))).toMatchObject({ code: 'denied' })
    respond('b', () => 1)
    await endOfTask()
    await endOfTask()
    expect(realm.reported).toHaveBeenCalledTimes(1)
  })

  it('ends, also at the host, when pulling is denied', async () => {
    realm.host.refuse = ({ command }) => (command === 'pull' ? 'event-bus.pull not allowed' : undefined)
    await respond('a', () => 1)
    await settled()
    expect(realm.reported.mock.calls[0]?.[0]).toMatchObject({ code: 'denied' })
    expect([...(realm.host.session?.responders ?? [])]).toEqual([])
  })

  it('aborts the signal when the caller is gone', async () => {
    let signal: AbortSignal | undefined
    let finish = (_: unknown) => {}
    await respond('slow', (_, context) => {
      signal = context.signal
      return new Promise((resolve) => {
        finish = resolve
      })
    })
    realm.host.request('1', 'slow')
    await settled()
    realm.host.push({ ended: '1', code: 'timeout' })
    await settled()
    expect(signal?.aborted).toBe(true)
    expect(signal?.reason).toMatchObject({ code: 'timeout' })
    finish(1)
    await settled()
    expect(responses()).toEqual([])
  })

  it('aborts even after the last responder ended', async () => {
    const signals: AbortSignal[] = []
    let finish = (_: unknown) => {}
    const answerOnce = async () => {
      const off = await respond('a', (_, { signal }) => {
        off()
        signals.push(signal)
        return new Promise((resolve) => {
          finish = resolve
        })
      })
    }
    await answerOnce()
    realm.host.request('1', 'a')
    await settled()
    expect(realm.host.session?.responders.size).toBe(0)
    // The pull that was held has its answer after 20 seconds, and another one takes its place.
    realm.host.session?.pull?.resolve(batchOf([]))
    await settled()
    expect(realm.host.pullsInFlight).toBe(1)
    realm.host.push({ ended: '1', code: 'cancelled' })
    await settled()
    expect(signals[0]?.reason).toMatchObject({ code: 'cancelled' })
    expect(realm.host.pullsInFlight).toBe(0)

    await answerOnce()
    realm.host.request('2', 'a')
    await settled()
    finish('once')
    await settled()
    expect(responses()).toEqual([{ request: '2', payload: '"once"' }])
    expect(realm.host.pullsInFlight).toBe(0)
  })

  it('reports a response that JSON cannot express', async () => {
    await respond('a', () => () => {})
    realm.host.request('1', 'a')
    await settled()
    expect(responses()).toMatchObject([{ request: '1', failure: { message: expect.stringContaining('JSON') } }])
    expect(realm.reported.mock.calls[0]?.[0]).toMatchObject({ code: 'invalid_payload' })
  })

  it('reports a response that the host refuses', async () => {
    realm.host.refuseEntry = (command) =>
      command === 'respond' ? { code: 'unknown_request', message: 'no' } : undefined
    await respond('a', () => 1)
    realm.host.request('1', 'a')
    await settled()
    expect(realm.reported.mock.calls[0]?.[0]).toMatchObject({ code: 'unknown_request' })
  })

  it('sends late and long responses by themselves', async () => {
    let finish = (_: unknown) => {}
    await respond(
      'slow',
      () =>
        new Promise((resolve) => {
          finish = resolve
        }),
    )
    await respond('long', () => 'x'.repeat(70_000))
    realm.host.request('1', 'slow')
    await settled()
    finish('late')
    await settled()
    realm.host.request('2', 'long')
    await settled()
    expect(
      realm.host.commands('respond').map(({ args }) => (args.responses as { request: string }[])[0]?.request),
    ).toEqual(['1', '2'])
  })

  it('resends the responses of a failed pull', async () => {
    vi.useFakeTimers()
    await respond('a', () => 1)
    let failures = 0
    realm.host.refuse = ({ args }) =>
      args.responses && args.ack && failures++ === 0 ? { code: 'unavailable', message: 'lost' } : undefined
    realm.host.request('1', 'a')
    await vi.advanceTimersByTimeAsync(1_000)
    await settled()
    vi.useRealTimers()
    expect(responses()).toEqual([{ request: '1', payload: '1' }])
    expect(realm.host.commands('respond').length).toBe(1)
  })

  it('goes on in a new session', async () => {
    const signals: AbortSignal[] = []
    await respond('a', (_, { signal }) => {
      signals.push(signal)
      return signals.length === 1 ? new Promise(() => {}) : 'again'
    })
    realm.host.request('1', 'a')
    await settled()
    realm.host.endSession()
    await settled()
    expect(signals[0]?.aborted).toBe(true)
    expect([...(realm.host.session?.responders ?? [])]).toEqual(['a'])
    realm.host.request('2', 'a')
    await settled()
    expect(responses()).toEqual([{ request: '2', payload: '"again"' }])
  })

  it('waits when its renewal is rate limited', async () => {
    vi.useFakeTimers()
    const offGone = await respond('gone', () => 1)
    await respond('a', () => 2)
    const tooFast = { code: 'rate_limited', message: 'too fast', retryAfterMs: 40 }
    realm.host.refuseEntry = (command) => (command === 'set_responders' ? tooFast : undefined)
    realm.host.endSession()
    await settled()
    expect([...(realm.host.session?.responders ?? [])]).toEqual([])
    offGone()
    await settled()
    realm.host.refuseEntry = () => undefined
    await vi.advanceTimersByTimeAsync(39)
    expect([...(realm.host.session?.responders ?? [])]).toEqual([])
    await vi.advanceTimersByTimeAsync(1)
    await settled()
    expect([...(realm.host.session?.responders ?? [])]).toEqual(['a'])
    realm.host.request('1', 'a')
    await settled()
    vi.useRealTimers()
    expect(responses()).toEqual([{ request: '1', payload: '2' }])
    expect(realm.reported).not.toHaveBeenCalled()
  })

  it('is not renewed twice', async () => {
    vi.useFakeTimers()
    await respond('a', () => 1)
    let refusals = 0
    const tooFast = { code: 'rate_limited', message: 'too fast', retryAfterMs: 40 }
    realm.host.refuseEntry = (command) => (command === 'set_responders' && refusals++ === 0 ? tooFast : undefined)
    realm.host.endSession()
    await settled()
    realm.host.endSession()
    await emit('x')
    expect([...(realm.host.session?.responders ?? [])]).toEqual(['a'])
    const sent = realm.host.commands('set_responders').length
    await vi.advanceTimersByTimeAsync(40)
    await settled()
    vi.useRealTimers()
    expect(realm.host.commands('set_responders').length).toBe(sent)
    expect(realm.reported).not.toHaveBeenCalled()
  })
})

describe('request', () => {
  const asked = () => realm.host.requests

  it('sends a request and returns the response', async () => {
    const answer = request<boolean>('main', 'confirm', { title: 'x' }, { timeoutMs: 500 })
    await settled()
    expect(asked()[0]?.args).toMatchObject({
      id: 1,
      name: 'confirm',
      to: 'main',
      payload: '{"title":"x"}',
      timeoutMs: 500,
    })
    asked()[0]?.resolve(true)
    expect(await answer).toBe(true)
  })

  it('reaches Rust by HOST, and a label by a string', async () => {
    const targets: Target[] = [HOST, { kind: 'App' }, 'host', { kind: 'Webview', label: 'host' }]
    for (const to of targets) request(to, 'sum').catch(() => {})
    await settled()
    expect(asked().map(({ args }) => args.to)).toEqual(targets)
  })

  it('neither delays commands nor waits for them', async () => {
    realm.host.hold = ({ command }) => command === 'emit'
    const emitted = emit('x')
    const answers = [request('main', 'a'), request('main', 'b')]
    await settled()
    expect(asked().map(({ args }) => args.id)).toEqual([1, 2])
    asked()[1]?.resolve('b')
    expect(await answers[1]).toBe('b')
    realm.host.release()
    await emitted
    asked()[0]?.resolve('a')
    expect(await answers[0]).toBe('a')
  })

  it("rejects with the responder's error as cause", async () => {
    const answer = request('main', 'a')
    await settled()
    const failure = { name: 'TypeError', message: 'no' }
    asked()[0]?.reject({ code: 'responder_failed', message: 'failed', failure })
    const error = await failed(answer)
    expect(error.code).toBe('responder_failed')
    expect(error.cause).toMatchObject(failure)
    expect((error.cause as Error).stack).toBe('TypeError: no')
  })

  it('is cancelled by its signal', async () => {
    const ended = new AbortController()
    const answer = request('main', 'a', null, { signal: ended.signal })
    await settled()
    ended.abort('enough')
    expect(await failed(answer)).toMatchObject({ code: 'cancelled', cause: 'enough' })
    expect(realm.host.commands('cancel_request')[0]?.args.ids).toEqual([1])
    expect(await failed(request('main', 'a', null, { signal: ended.signal }))).toMatchObject({ code: 'cancelled' })
    expect(asked().length).toBe(1)
  })

  it('is cancelled before it opens a session', async () => {
    realm.host.hold = ({ command }) => command === 'request' || command === 'cancel_request'
    const ended = new AbortController()
    const answer = failed(request('main', 'a', null, { signal: ended.signal }))
    await settled()
    ended.abort()
    expect(await answer).toMatchObject({ code: 'cancelled' })
    const [question, cancel] = realm.host.held.splice(0)
    realm.host.hold = () => false
    realm.host.answerNow(cancel)
    realm.host.answerNow(question)
    const end = vi.spyOn(asked()[0] as Held, 'reject')
    await settled()
    expect(end.mock.calls).toMatchObject([[{ code: 'cancelled' }]])
    expect(realm.host.commands('cancel_request').map(({ args }) => args.ids)).toEqual([[1], [1]])
  })

  it('is sent again in a new session', async () => {
    await emit('x')
    realm.host.endSilently()
    const answer = request('main', 'a')
    await settled()
    expect(asked().length).toBe(1)
    expect(new Set(realm.host.commands('request').map(({ args }) => args.session)).size).toBe(2)
    asked()[0]?.resolve(1)
    expect(await answer).toBe(1)
  })

  it.each([
    ['answer', (held: Held) => held.resolve(1)],
    ['error', (held: Held) => held.reject({ code: 'no_responder', message: 'no' })],
  ])('shows by its %s that the session works', async (_, settle) => {
    await emit('x')
    for (let round = 0; round < 3; round += 1) {
      realm.host.endSilently()
      const answer = request('main', 'a').catch(() => {})
      await settled()
      settle(asked()[round] as Held)
      await answer
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
    const answer = failed(request('main', 'a', null, { signal: ended.signal }))
    await settled()
    ended.abort()
    expect(await answer).toMatchObject({ code: 'cancelled' })
    realm.host.release()
    await emitted
    await settled()
    expect(realm.host.commands('request').length).toBe(1)
    expect(asked()).toEqual([])
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
      expect(asked()).toEqual([])
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
    let answer: (question: number) => unknown = () => null
    await respond<number>('q', (question) => answer(question))
    type Kept = Record<string, { size?: number; length?: number }>
    const inbox = existingInbox() as unknown as { channel: Kept & { requests: Kept } }
    answer = (question) => {
      if (question % 4 === 1) throw new Error('no')
      return question % 4 === 3 ? new Promise(() => {}) : question
    }
    for (let round = 0; round < 100; round += 1) {
      const controllers = Array.from({ length: 100 }, () => new AbortController())
      const asked: Promise<unknown>[] = []
      for (const [n, { signal }] of controllers.entries()) {
        realm.host.request(`${round}-${n}`, 'q', n)
        asked.push(request('other', 'r', n, { signal }).catch(() => {}))
      }
      await settled()
      for (let n = 3; n < 100; n += 4) realm.host.push({ ended: `${round}-${n}`, code: 'timeout' })
      const waiting = realm.host.requests.splice(0)
      expect(waiting).toHaveLength(100)
      for (const [n, held] of waiting.entries()) if (n % 2 === 0) held.resolve(n)
      await settled()
      for (const controller of controllers) controller.abort()
      await Promise.all(asked)
      await vi.waitFor(() => expect(responses().length).toBe(75 * (round + 1)))
    }
    await settled()
    const { running, outgoing, requests } = inbox.channel
    expect([running?.size, outgoing?.length, (requests as Kept).waiting?.size]).toEqual([0, 0, 0])
  })
})
