import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Batch } from '../../src/core/batch.js'
import { listen, requestStream } from '../../src/index.js'
import { KEY, MEMBER_VERSION, type PlainError } from '../../src/members/messages.js'
import { Workers } from './member.js'

let workers: Workers
beforeEach(() => {
  workers = new Workers()
})
afterEach(() => workers.end())

type Message = Record<string, unknown>

/** Somebody who has a port and sends what he likes. */
function stranger(port: MessagePort, hello: object = {}) {
  const { port1, port2 } = new MessageChannel()
  const received: Message[] = []
  port1.onmessage = ({ data }) => received.push(data)
  port.postMessage({ [KEY]: 'hello', version: MEMBER_VERSION, id: 'stranger', ...hello }, [port2])
  let last = 0
  const find = (key: string) => received.find((message) => key in message)
  return {
    received,
    find,
    close: () => port1.close(),
    post: (message: unknown) => port1.postMessage(message),
    welcomed: () => vi.waitFor(() => expect(find('welcome') ?? find('refusal')).toBeDefined()),
    /** Sends a command, and resolves to the value or error of its reply. */
    async send(command: string, args: object): Promise<{ value?: unknown; error?: PlainError }> {
      last += 1
      const call = last
      port1.postMessage({ call, command, args: { session: 's', ...args } })
      const find = () => {
        const reply = received.find((message) => message.reply === call)
        if (!reply) throw new Error('no reply')
        return reply
      }
      return vi.waitFor(find, { interval: 1 })
    },
  }
}

async function letIn(options = {}) {
  const { port } = workers.expose(options)
  const somebody = stranger(port)
  await somebody.welcomed()
  return somebody
}

const ended = (somebody: { find(key: string): unknown }) => vi.waitFor(() => expect(somebody.find('bye')).toBeDefined())

describe('a member that sends what it likes', () => {
  it('cannot take the source of another', async () => {
    const somebody = await letIn({ name: 'x' })
    const events = [{ event: 'a', payload: '1', component: 'worker:y' }, { event: 'b' }]
    await somebody.send('emit', { events })
    expect(workers.bus.history().map(({ component }) => component)).toEqual(['worker:x/worker:y', 'worker:x'])
    somebody.close()
  })

  it('is refused entry by entry', async () => {
    const somebody = await letIn({ name: 'x', emit: ['ok'] })
    const events = [
      { event: 'ok', payload: '{' },
      { event: 'ok', to: 10n },
      { event: 7 },
      { event: 'a\ud800' },
      { event: 'no' },
      null,
      { event: 'ok', payload: '1' },
    ]
    const { value } = await somebody.send('emit', { events })
    const codes = (value as { error?: PlainError }[]).map(({ error }) => error?.code)
    expect(codes).toEqual([
      'invalid_payload',
      'invalid_argument',
      'invalid_event_name',
      'invalid_event_name',
      'denied',
      'invalid_argument',
      undefined,
    ])
    expect(workers.bus.emitted('ok')).toEqual([1])
    expect(workers.reported).not.toHaveBeenCalled()
    somebody.close()
  })

  it.each([
    ['no message', 'text'],
    ['null', null],
    ['a command without arguments', { call: 1, command: 'emit' }],
  ])('is ended by %s', async (_, message) => {
    const somebody = await letIn({ name: 'x' })
    somebody.post(message)
    await ended(somebody)
    expect(workers.reported.mock.calls[0]?.[0].message).toMatch(/worker:x was ended: it sent what is no message/)
    somebody.close()
  })

  it('is ended by two commands at once', async () => {
    const somebody = await letIn()
    const args = { session: 's', subscriptions: [{ id: 1, event: 'a' }] }
    const { __TAURI_INTERNALS__: internals } = window as unknown as { __TAURI_INTERNALS__: { invoke(): unknown } }
    vi.spyOn(internals, 'invoke').mockReturnValueOnce(new Promise(() => {}))
    somebody.post({ call: 1, command: 'subscribe', args })
    somebody.post({ call: 2, command: 'subscribe', args })
    await ended(somebody)
    expect(workers.reported).toHaveBeenCalledTimes(1)
    somebody.close()
  })

  it('gets an error for a command of no kind', async () => {
    const somebody = await letIn()
    for (const [command, args] of [
      ['constructor', {}],
      ['emit', { events: 'a' }],
      ['emit', { events: Array.from({ length: 1_025 }, () => ({ event: 'a' })) }],
      ['subscribe', {}],
      ['start_job', { job: { event: 'a', everyMs: 1_000, owner: { kind: 'host' } } }],
      ['stop_job', { id: 'other', number: 1 }],
      ['unsubscribe', { ids: 4 }],
      ['request', { id: -1, name: 'a', to: 'main' }],
    ] as const) {
      expect(await somebody.send(command, args)).toMatchObject({ error: { code: expect.any(String) } })
    }
    expect(workers.bus.history()).toEqual([])
    somebody.close()
  })

  it('cannot answer or settle for others', async () => {
    const somebody = await letIn()
    const own = await workers.start()
    await own.realm.respond('sum', () => new Promise(() => {}))
    const response = expect(workers.bus.request('main', 'sum', null, { timeoutMs: 50 })).rejects.toMatchObject({
      code: 'timeout',
    })
    const responses = ['1', `${'0'.repeat(31)}1`].map((request) => ({ request, payload: '"forged"' }))
    const { value } = await somebody.send('respond', { responses })
    expect((value as { error: PlainError }[]).map(({ error }) => error.code)).toEqual([
      'unknown_request',
      'unknown_request',
    ])
    await response
    expect(await somebody.send('settle', { outcomes: [{ seq: 1, handled: true }] })).toMatchObject({ value: [{}] })
    somebody.close()
  })

  it('has so many requests in flight', async () => {
    const somebody = await letIn()
    const { realm } = await workers.start()
    await realm.respond('slow', () => new Promise(() => {}))
    for (let id = 1; id <= 128; id += 1) {
      somebody.post({ call: -id, command: 'request', args: { id, name: 'slow', to: 'main', session: 's' } })
    }
    const one = await somebody.send('request', { id: 129, name: 'slow', to: 'main' })
    expect(one.error).toMatchObject({ code: 'queue_full' })
    somebody.close()
  })

  it('receives so many streams and tasks', async () => {
    const somebody = await letIn()
    workers.bus.registerTask('export', () => new Promise(() => {}))
    await somebody.send('start_task', { task: { name: 'export', key: 'k' } })
    for (let id = 1; id <= 128; id += 1) await somebody.send('attach_task', { id, name: 'export', key: 'k' })
    const stream = { name: 'export', to: 'main', stream: {} }
    const full = { error: { code: 'queue_full', message: expect.stringContaining('128 streams and tasks') } }
    expect(await somebody.send('attach_task', { id: 200, name: 'export', key: 'k' })).toMatchObject(full)
    expect(await somebody.send('request', { id: 201, ...stream })).toMatchObject(full)
    await somebody.send('respond', { responses: [{ stream: 1, stop: true }] })
    expect(await somebody.send('attach_task', { id: 202, name: 'export', key: 'k' })).toMatchObject({ value: null })
    somebody.close()
  })

  it('starts so many tasks', async () => {
    const somebody = await letIn()
    const ends: (() => void)[] = []
    workers.bus.registerTask('export', () => new Promise<void>((end) => ends.push(end)))
    const start = (key: number) => somebody.send('start_task', { task: { name: 'export', key: `${key}` } })
    for (let key = 1; key <= 64; key += 1) expect(await start(key)).toMatchObject({ value: { state: 'running' } })
    expect(await start(65)).toMatchObject({ error: { code: 'too_many_tasks' } })
    ends[0]?.()
    await workers.bus.settled()
    expect(await start(66)).toMatchObject({ value: { key: '66' } })
    expect(await start(67)).toMatchObject({ error: { code: 'too_many_tasks' } })
    somebody.close()
  })

  it('starts no more tasks when it comes again', async () => {
    const { port } = workers.expose()
    workers.bus.registerTask('export', () => new Promise(() => {}))
    const first = stranger(port)
    await first.welcomed()
    for (let key = 1; key <= 64; key += 1) await first.send('start_task', { task: { name: 'export', key: `${key}` } })
    const second = stranger(port, { id: 'again' })
    await second.welcomed()
    const more = await second.send('start_task', { task: { name: 'export', key: '65' } })
    expect(more).toMatchObject({ error: { code: 'too_many_tasks' } })
    first.close()
    second.close()
  })

  it('has so many patterns that take long to match', async () => {
    const somebody = await letIn()
    const subscribe = async (from: number, count: number, event: string) => {
      const subscriptions = Array.from({ length: count }, (_, place) => ({ id: from + place, event }))
      const { value } = await somebody.send('subscribe', { subscriptions })
      return (value as { error?: PlainError }[]).filter(({ error }) => error).map(({ error }) => error?.code)
    }
    expect(await subscribe(1, 128, '*:created')).toEqual([])
    expect(await subscribe(200, 2, '*:created')).toEqual(['too_many_subscriptions', 'too_many_subscriptions'])
    expect(await subscribe(300, 200, 'order:*')).toEqual([])
    await somebody.send('unsubscribe', { ids: [1] })
    expect(await subscribe(500, 2, '*:created')).toEqual(['too_many_subscriptions'])
    somebody.close()
  })

  it('awaits the outcomes of so many events', async () => {
    const somebody = await letIn()
    await listen('save', () => new Promise(() => {}), { sequential: true })
    const events = Array.from({ length: 130 }, (_, id) => ({ event: 'save', outcome: { id } }))
    const { value } = await somebody.send('emit', { events })
    const codes = (value as { error?: PlainError }[]).map(({ error }) => error?.code)
    expect(codes.filter((code) => code === 'queue_full')).toHaveLength(2)
    const wrong = [
      { event: 'save', outcome: 7 },
      { event: 'save', outcome: { id: -1 } },
      { event: 'a', will: { id: 1 } },
    ]
    const refused = (await somebody.send('emit', { events: wrong })).value as { error?: PlainError }[]
    expect(refused.map(({ error }) => error?.code)).toEqual(['invalid_argument', 'invalid_argument', 'unavailable'])
    somebody.close()
  })

  it('sends no more parts of a channel than its credit', async () => {
    const somebody = await letIn()
    let isReading = () => {}
    workers.bus.acceptChannel('upload', async (_, channel) => {
      await new Promise<void>((read) => {
        isReading = read
      })
      for await (const _ of channel);
    })
    const opened = { id: 1, name: 'upload', to: { kind: 'host' }, stream: { parts: 16 }, channel: true }
    expect(await somebody.send('request', opened)).toMatchObject({ value: { credit: { parts: 16 } } })
    const parts = Array.from({ length: 8_000 }, (_, index) => ({ stream: 1, part: index + 1, payload: '1' }))
    let refused = 0
    for (let at = 0; at < parts.length; at += 1_000) {
      const { value } = await somebody.send('respond', { responses: parts.slice(at, at + 1_000) })
      refused += (value as { error?: PlainError }[]).filter(({ error }) => error?.code === 'queue_full').length
    }
    expect(refused).toBeGreaterThan(0)
    isReading()
    somebody.close()
  })

  it('sends no more parts of a stream than its credit', async () => {
    const somebody = await letIn()
    await somebody.send('set_responders', { responders: [{ name: 'count', on: true, stream: true }] })
    const stream = requestStream('main', 'count', null, { credit: { parts: 4 } })
    stream.result.catch(() => {})
    const request = await vi.waitFor(() => {
      const items = somebody.received.flatMap(({ batch }) => (batch as Batch | undefined)?.items ?? [])
      const found = items.find((item) => 'request' in item) as { request: string } | undefined
      if (!found) throw new Error('no request')
      return found.request
    })
    const responses = Array.from({ length: 1_000 }, () => ({ request, part: 999, payload: '1' }))
    for (let round = 0; round < 4; round += 1) somebody.post({ busy: 1, responses })
    const codes = await vi.waitFor(() => {
      const refused = somebody.received.flatMap(({ refused }) => (refused as PlainError[] | undefined) ?? [])
      expect(refused.length).toBeGreaterThanOrEqual(3_984)
      return refused.map(({ code }) => code)
    })
    expect(codes.filter((code) => code !== 'queue_full').length).toBeLessThanOrEqual(16)
    somebody.close()
  })

  it('is refused what no host takes', async () => {
    const somebody = await letIn()
    const long = 'x'.repeat(1_025)
    const fields = Object.fromEntries(Array.from({ length: 65 }, (_, place) => [`field${place}`, 1]))
    const events = [
      { event: 'a', component: long },
      { event: 'a', to: [long] },
      { event: 'a', causes: [long] },
      { event: 'a', ...fields },
      { event: 'a', payload: `"${long}"` },
    ]
    const { value } = await somebody.send('emit', { events })
    const codes = (value as { error?: PlainError }[]).map(({ error }) => error?.code)
    expect(codes).toEqual([...Array(4).fill('invalid_argument'), undefined])
    expect(await somebody.send('cancel_task', { name: 'a', key: long })).toMatchObject({
      error: { code: 'invalid_argument', message: expect.stringContaining('1025 characters') },
    })
    somebody.close()
  })

  it('keeps what it has without a session', async () => {
    const somebody = await letIn()
    await somebody.send('subscribe', { subscriptions: [{ id: 1, event: 'a' }] })
    expect(await somebody.send('presence', { session: undefined, changes: [] })).toMatchObject({
      error: { code: 'invalid_argument' },
    })
    expect(workers.bus.listeners('a')).toBe(1)
    somebody.close()
  })

  it('fails its caller with a response that is no JSON', async () => {
    const somebody = await letIn()
    await somebody.send('set_responders', { responders: [{ name: 'broken', on: true }] })
    const failed = expect(workers.bus.request('main', 'broken')).rejects.toMatchObject({ code: 'responder_failed' })
    const request = await vi.waitFor(() => {
      const item = (somebody.find('batch') as { batch: { items: { request: string }[] } } | undefined)?.batch.items[0]
      if (!item) throw new Error('no request')
      return item.request
    })
    await somebody.send('respond', { responses: [{ request, payload: '{"a":' }] })
    await failed
    somebody.close()
  })
})

describe('a hello', () => {
  it('of another version is refused by number', async () => {
    const { port } = workers.expose({ name: 'old' })
    const somebody = stranger(port, { version: 99 })
    await somebody.welcomed()
    expect(somebody.find('refusal')).toMatchObject({ refusal: expect.stringMatching(/99.*version 2/) })
    expect(workers.reported).toHaveBeenCalledTimes(1)
    somebody.close()
  })

  it('that comes twice lets in one', async () => {
    const { port } = workers.expose()
    const first = stranger(port)
    const second = stranger(port)
    await first.welcomed()
    expect(await first.send('emit', { events: [{ event: 'a' }] })).toMatchObject({ value: [{ seq: 1 }] })
    expect(second.received).toEqual([])
    first.close()
    second.close()
  })

  it('of another realm ends the one before', async () => {
    const { port } = workers.expose()
    const first = stranger(port)
    await first.welcomed()
    await first.send('subscribe', { subscriptions: [{ id: 1, event: 'a' }] })
    expect(workers.bus.listeners('a')).toBe(1)
    const second = stranger(port, { id: 'another' })
    await second.welcomed()
    await ended(first)
    await vi.waitFor(() => expect(workers.bus.listeners('a')).toBe(0))
    first.close()
    second.close()
  })

  it('is heard so often only', async () => {
    const { port } = workers.expose()
    const all = Array.from({ length: 20 }, (_, place) => stranger(port, { id: `realm ${place}` }))
    await vi.waitFor(() => expect(all.filter(({ find }) => find('welcome'))).toHaveLength(16))
    const last = all[15]
    expect(await last?.send('emit', { events: [{ event: 'a' }] })).toMatchObject({ value: [{ seq: 1 }] })
    expect(all.slice(16).some(({ received }) => received.length > 0)).toBe(false)
    for (const { close } of all) close()
  })
})

describe('the end of a worker', () => {
  it('ends all that it had', async () => {
    const { realm, exposed } = await workers.start({ name: 'brief' })
    await realm.listen('a', vi.fn())
    await realm.respond('wait', () => new Promise(() => {}))
    await realm.startJob('tick', { everyMs: 1_000, id: 'clock' })
    const response = workers.bus.request('main', 'wait')
    await workers.bus.settled()
    exposed.stop()
    await expect(response).rejects.toMatchObject({ code: 'responder_failed' })
    await vi.waitFor(() => {
      expect(workers.bus.listeners()).toBe(0)
      expect(workers.bus.responders()).toBe(0)
    })
    const { listJobs } = await import('../../src/index.js')
    await vi.waitFor(async () => expect(await listJobs()).toEqual([]))
    await expect(realm.emit('a')).rejects.toMatchObject({ code: 'unavailable' })
    expect(realm.reports).toEqual([])
    expect(workers.reported).not.toHaveBeenCalled()
  })

  it('follows its signal; it can come again', async () => {
    const controller = new AbortController()
    const { realm, port } = await workers.start({ name: 'again', signal: controller.signal })
    const received = vi.fn()
    await realm.listen('a', received)
    controller.abort()
    await vi.waitFor(() => expect(workers.bus.listeners()).toBe(0))
    // The page that exposes the worker again invites it over the same port.
    const { expose } = await import('../../src/worker.js')
    const exposed = expose(workers.pagePort(port), { name: 'again' })
    await exposed.connected
    await vi.waitFor(() => expect(workers.bus.listeners('a')).toBe(1))
    workers.bus.emit('a', 1)
    await vi.waitFor(() => expect(received).toHaveBeenCalledTimes(1))
    exposed.stop()
  })

  it('gives back what it has not handled', async () => {
    const { realm, exposed } = await workers.start()
    let finish: (() => void) | undefined
    const handled = vi.fn(() => new Promise<void>((resolve) => (finish = resolve)))
    await realm.listen('link', handled)
    workers.bus.emit('link', 1, { until: 'consumed' })
    await vi.waitFor(() => expect(handled).toHaveBeenCalledTimes(1))
    exposed.stop()
    await workers.bus.settled()
    finish?.()
    const again = vi.fn()
    await listen('link', again)
    await vi.waitFor(() => expect(again).toHaveBeenCalledTimes(1))
  })

  it('does not give back what it has handled', async () => {
    const { realm } = await workers.start()
    const handled = vi.fn()
    await realm.listen('link', handled)
    workers.bus.emit('link', 1, { until: 'consumed' })
    await vi.waitFor(() => expect(handled).toHaveBeenCalledTimes(1))
    await vi.waitFor(async () => {
      const again = vi.fn()
      await listen('link', again)
      await workers.bus.settled()
      expect(again).not.toHaveBeenCalled()
    })
  })
})
