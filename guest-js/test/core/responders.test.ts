import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { emit } from '../../src/api/emit.js'
import { listen } from '../../src/api/listen.js'
import { respond } from '../../src/api/request.js'
import type { EventBusError } from '../../src/core/error.js'
import { existingInbox } from '../../src/core/realm.js'
import type { RequestContext } from '../../src/types/request.js'
import { batchOf } from '../batches.js'
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

const responses = () => realm.host.responses
const failed = (promise: Promise<unknown>) =>
  promise.then(
    () => expect.fail('there was a response'),
    (error: EventBusError) => error,
  )

describe('respond', () => {
  it('responds without calling listeners of the name', async () => {
    const received = vi.fn()
    await listen('confirm', received)
    const contexts: RequestContext[] = []
    await respond('confirm', (payload, context) => {
      contexts.push(context)
      return { got: payload }
    })
    realm.host.request('a1', 'confirm', { title: 'x' }, 'other')
    await settled()
    expect(responses()).toEqual([{ request: 'a1', payload: '{"got":{"title":"x"}}' }])
    expect(contexts[0]).toMatchObject({ name: 'confirm', caller: { kind: 'webview', label: 'other' } })
    expect(received).not.toHaveBeenCalled()
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
    await respond('a', async (payload) => payload)
    realm.host.hold = ({ command }) => command === 'pull'
    for (let i = 0; i < 64; i += 1) realm.host.request(`${i}`, 'a', i)
    realm.host.release()
    await settled()
    expect(responses().map(({ payload }) => payload)).toEqual(Array.from({ length: 64 }, (_, i) => `${i}`))
    // The pull that was parked brings the first, and the next one all others; their responses go with the pulls that follow.
    const carried = realm.host.commands('pull').flatMap(({ args }) => (args.carried as unknown[] | undefined) ?? [])
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
        { request: 'stacked', failure: { ...failure, stack: expect.stringContaining('responders.test') } },
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
    const received = vi.fn()
    await listen('e', received)
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
    const failure = { name: 'Error', message: 'it threw a value that cannot be read' }
    expect(responses().sort((a, b) => String(a.request).localeCompare(String(b.request)))).toEqual([
      { request: 'later', failure },
      { request: 'proxy', failure },
      { request: 'text', failure },
    ])
    expect(received).toHaveBeenCalledTimes(1)
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
    const respondOnce = async () => {
      const off = await respond('a', (_, { signal }) => {
        off()
        signals.push(signal)
        return new Promise((resolve) => {
          finish = resolve
        })
      })
    }
    await respondOnce()
    realm.host.request('1', 'a')
    await settled()
    expect(realm.host.session?.responders.size).toBe(0)
    // The pull that was held has its response after 20 seconds, and another one takes its place.
    realm.host.session?.pull?.resolve(batchOf([]))
    await settled()
    expect(realm.host.pullsInFlight).toBe(1)
    realm.host.push({ ended: '1', code: 'cancelled' })
    await settled()
    expect(signals[0]?.reason).toMatchObject({ code: 'cancelled' })
    expect(realm.host.pullsInFlight).toBe(0)

    await respondOnce()
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
      command === 'respond' ? { code: 'invalid_payload', message: 'no' } : undefined
    await respond('a', () => 1)
    realm.host.request('1', 'a')
    await settled()
    expect(realm.reported.mock.calls[0]?.[0]).toMatchObject({ code: 'invalid_payload' })
  })

  it.each(['with a pull', 'alone'])('reports none that comes too late, sent %s', async (way) => {
    realm.host.refuseEntry = (command) =>
      command === 'respond' ? { code: 'unknown_request', message: 'its caller has gone' } : undefined
    await respond('a', async () => {
      if (way === 'alone') await endOfTask()
      return 1
    })
    for (let id = 0; id < 30; id += 1) realm.host.request(String(id), 'a')
    await settled()
    await endOfTask()
    await settled()
    expect(realm.host.commands('respond').length > 0).toBe(way === 'alone')
    expect(realm.reported).not.toHaveBeenCalled()
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
      args.carried && args.ack && failures++ === 0 ? { code: 'unavailable', message: 'lost' } : undefined
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
