import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { openChannel } from '../../src/api/open-channel.js'
import type { EventBusError } from '../../src/core/error.js'
import { freshRealm, settled } from '../realm.js'

let realm: ReturnType<typeof freshRealm>
beforeEach(() => {
  realm = freshRealm()
})
afterEach(() => {
  expect(realm.host.broken).toEqual([])
  expect(realm.reported.mock.calls).toEqual([])
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})

const HOST = { kind: 'host' } as const
const push = (item: object) => realm.host.push(item as never)
const responses = () => realm.host.responses
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'nothing failed',
    ({ code }: EventBusError) => code,
  )
/** Lets tasks of the page pass, and all that follows. */
async function tasks(): Promise<void> {
  for (let task = 0; task < 6; task += 1) {
    await settled()
    await new Promise((resolve) => setTimeout(resolve, 0))
  }
}

describe('openChannel', () => {
  it('sends and takes parts', async () => {
    const channel = openChannel<string, number>(HOST, 'echo', { size: 1 }, { credit: { parts: 4 } })
    const sent = channel.send(1)
    await settled()
    const [request] = realm.host.commands('request')
    expect(request?.args).toMatchObject({ id: 1, name: 'echo', channel: true, stream: { parts: 4 } })
    await sent
    await channel.send(2)
    push({ stream: 1, parts: ['a'] })
    push({ stream: 1, parts: ['b'], due: true })
    push({ stream: 1, response: null })
    const taken: string[] = []
    for await (const part of channel) taken.push(part)
    expect(taken).toEqual(['a', 'b'])
    expect(await channel.closed).toEqual({ code: 'completed' })
    expect(responses().slice(0, 2)).toEqual([
      { stream: 1, part: 1, payload: '1' },
      { stream: 1, part: 2, payload: '2' },
    ])
    expect(await codeOf(channel.send(3))).toBe('cancelled')
    await tasks()
    expect(realm.host.pullsInFlight).toBe(0)
  })

  it('waits for the host before it sends', async () => {
    realm.host.hold = ({ command }) => command === 'request'
    const channel = openChannel<null, number>(HOST, 'echo')
    const sent = vi.fn()
    channel.send(1).then(sent)
    await tasks()
    expect(sent).not.toHaveBeenCalled()
    expect(responses()).toEqual([])
    realm.host.release()
    await tasks()
    expect(sent).toHaveBeenCalled()
    channel.stop()
    await tasks()
    expect(responses()).toEqual([
      { stream: 1, part: 1, payload: '1' },
      { stream: 1, stop: true },
    ])
  })

  it('waits for credit, and keeps the order', async () => {
    const channel = openChannel<null, number>(HOST, 'echo', null, { credit: { parts: 2 } })
    const sent: number[] = []
    for (let part = 1; part <= 5; part += 1) channel.send(part).then(() => sent.push(part))
    channel.close()
    expect(await codeOf(channel.send(6))).toBe('cancelled')
    await tasks()
    expect(sent).toEqual([1, 2])
    push({ stream: 1, credit: 1 })
    await tasks()
    expect(sent).toEqual([1, 2, 3])
    push({ stream: 1, credit: 3 })
    await tasks()
    expect(sent).toEqual([1, 2, 3, 4, 5])
    expect(responses().slice(4)).toEqual([
      { stream: 1, part: 5, payload: '5' },
      { stream: 1, closed: true, after: 5 },
    ])
    push({ stream: 1, response: null })
    expect(await channel.closed).toEqual({ code: 'completed' })
  })

  it('goes on sending once the host sends no more', async () => {
    const channel = openChannel<number, number>(HOST, 'echo')
    await tasks()
    const loop = (async () => {
      const taken: number[] = []
      for await (const part of channel) taken.push(part)
      return taken
    })()
    push({ stream: 1, parts: [1, 2] })
    push({ stream: 1, closed: true })
    expect(await loop).toEqual([1, 2])
    await channel.send(3)
    await tasks()
    expect(responses()).toEqual([{ stream: 1, part: 1, payload: '3' }])
    push({ stream: 1, response: null })
    expect(await channel.closed).toEqual({ code: 'completed' })
  })

  it('sends no more once the host reads no more', async () => {
    const channel = openChannel<number, number>(HOST, 'echo', null, { credit: { parts: 1 } })
    await channel.send(1)
    const waiting = codeOf(channel.send(2))
    await tasks()
    push({ stream: 1, unread: true })
    expect(await waiting).toBe('cancelled')
    push({ stream: 1, parts: [7] })
    push({ stream: 1, response: null })
    const taken: number[] = []
    for await (const part of channel) taken.push(part)
    expect(taken).toEqual([7])
  })

  it('says why it has ended', async () => {
    const failed = openChannel<number, number>(HOST, 'echo', null, { credit: { parts: 1 } })
    await failed.send(1)
    const waiting = codeOf(failed.send(2))
    await tasks()
    push({ stream: 1, parts: [1] })
    push({ stream: 1, error: { code: 'responder_failed', message: 'it failed' } })
    const taken: unknown[] = []
    const loop = async () => {
      for await (const part of failed) taken.push(part)
    }
    expect(await codeOf(loop())).toBe('responder_failed')
    expect(taken).toEqual([1])
    expect(await failed.closed).toEqual({ code: 'responder_failed', message: 'it failed' })
    expect(await waiting).toBe('cancelled')

    const stopped = openChannel(HOST, 'echo')
    stopped.stop()
    expect(await stopped.closed).toMatchObject({ code: 'cancelled' })
    for await (const _ of stopped) expect.fail('it has no parts')

    const controller = new AbortController()
    const aborted = openChannel(HOST, 'echo', null, { signal: controller.signal })
    controller.abort()
    expect(await aborted.closed).toMatchObject({ code: 'cancelled' })
    expect(await codeOf(openChannel(HOST, 'echo', null, { signal: controller.signal }).send(1))).toBe('cancelled')
    await tasks()
  })

  it('ends with its loop', async () => {
    const channel = openChannel<number, number>(HOST, 'echo')
    await tasks()
    push({ stream: 1, parts: [1, 2, 3] })
    for await (const part of channel) if (part === 2) break
    expect(await channel.closed).toMatchObject({ code: 'cancelled' })
    await tasks()
    expect(responses()).toEqual([{ stream: 1, stop: true }])
  })

  it('tells what refuses it', async () => {
    realm.host.refuse = ({ command }) =>
      command === 'request' ? { code: 'no_responder', message: 'there is none' } : undefined
    const channel = openChannel(HOST, 'nothing')
    const sent = codeOf(channel.send(1))
    expect(await channel.closed).toEqual({ code: 'no_responder', message: 'there is none' })
    expect(await sent).toBe('cancelled')
    expect(await openChannel(HOST, 5 as never).closed).toMatchObject({ code: 'invalid_event_name' })
    expect(await codeOf(openChannel(HOST, 'x').send(1n as never))).toBe('invalid_payload')
    expect(responses()).toEqual([])
  })

  it('ends with what the host has refused of it', async () => {
    realm.host.refuseEntry = (command, entry) =>
      command === 'respond' && entry.part === 2 ? { code: 'payload_too_large', message: 'too large' } : undefined
    const channel = openChannel<number, number>(HOST, 'echo')
    await channel.send(1)
    await channel.send(2)
    expect(await channel.closed).toEqual({ code: 'payload_too_large', message: 'too large' })
    await tasks()
  })

  it('carries bytes', async () => {
    const channel = openChannel<Uint8Array, Uint8Array>(HOST, 'echo')
    await channel.send(new Uint8Array([1, 2, 3]))
    await tasks()
    const [sent] = realm.host.commands('respond')
    expect(JSON.stringify(sent?.args.responses)).toContain('"part":1')
    channel.stop()
  })

  it('ends with the session', async () => {
    const channel = openChannel<number, number>(HOST, 'echo', null, { credit: { parts: 1 } })
    await channel.send(1)
    const waiting = codeOf(channel.send(2))
    await tasks()
    realm.host.endSession()
    await tasks()
    expect(await channel.closed).toMatchObject({ code: 'unavailable' })
    expect(await waiting).toBe('cancelled')
    // The next one has a session of its own.
    const next = openChannel<number, number>(HOST, 'echo')
    await next.send(1)
    next.stop()
    await tasks()
  })

  it('ends with its handle, unless its end is awaited', async () => {
    const registered: [object, { isObserved: boolean }][] = []
    vi.stubGlobal(
      'FinalizationRegistry',
      class {
        register(handle: object, stream: { isObserved: boolean }) {
          registered.push([handle, stream])
        }
      },
    )
    const channel = openChannel(HOST, 'echo')
    const [, stream] = registered[0] as [object, { isObserved: boolean }]
    expect(stream.isObserved).toBe(false)
    void channel.closed
    expect(stream.isObserved).toBe(true)
    channel.stop()
    await tasks()
  })
})
