import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { LocalPage } from './page.js'
import { HOST, INBOX, isolated } from './page.js'

const pages: LocalPage[] = []
const open = async (options?: Parameters<LocalPage['createLocalBus']>[0]) => {
  const page = await isolated()
  pages.push(page)
  return { page, bus: page.createLocalBus(options) }
}

beforeEach(() => {
  Reflect.deleteProperty(globalThis, INBOX)
})
afterEach(() => {
  for (const page of pages.splice(0)) page.end()
  vi.useRealTimers()
})

describe('a bus in memory', () => {
  it('makes the package available without a report', async () => {
    const { page, bus } = await open()
    expect(bus.isLocal).toBe(true)
    expect(page.isAvailable()).toBe(true)
    const received = vi.fn()
    await page.listen('cart:updated', received)
    const receipt = await page.emit('cart:updated', { itemCount: 3 })
    expect(receipt).toMatchObject({ seq: 1, pages: 1, listeners: 0 })
    await vi.waitFor(() => expect(received).toHaveBeenCalledTimes(1))
    expect(received.mock.calls[0]?.[0]).toMatchObject({
      payload: { itemCount: 3 },
      source: { kind: 'webview', label: 'main' },
    })
    expect(page.reports).toEqual([])
  })

  it('is made once in a realm, and ends with dispose', async () => {
    const { page, bus } = await open()
    expect(page.createLocalBus()).toBe(bus)
    bus.dispose()
    expect(page.isAvailable()).toBe(false)
    await expect(page.emit('a')).rejects.toMatchObject({ code: 'unavailable' })
    const again = page.createLocalBus()
    expect(again).not.toBe(bus)
    expect(page.isAvailable()).toBe(true)
  })

  it('leaves Tauri and servers alone', async () => {
    const page = await isolated({ window: { __TAURI_INTERNALS__: {} } })
    expect(page.createLocalBus().isLocal).toBe(false)
    expect(page.hasInbox()).toBe(false)
    const server = await isolated({ location: undefined, window: undefined })
    expect(server.createLocalBus().isLocal).toBe(false)
    await expect(server.emit('a')).resolves.toMatchObject({ pages: 0 })
  })

  it('responds to requests of its own page', async () => {
    const { page } = await open({ label: 'shop' })
    await page.respond('sum', (numbers: number[]) => numbers[0] ?? 0)
    await expect(page.request('shop', 'sum', [7])).resolves.toBe(7)
    await expect(page.request(HOST, 'sum', [7])).rejects.toMatchObject({ code: 'no_responder' })
    await expect(page.emitTo('other', 'a')).rejects.toMatchObject({ code: 'unknown_target' })
  })

  it('waits for a responder while it starts', async () => {
    const { page } = await open()
    page.respond('confirm', () => 'yes')
    await expect(page.request('main', 'confirm')).resolves.toBe('yes')
    const early = page.request('main', 'late')
    await page.respond('late', () => 'at last')
    await expect(early).resolves.toBe('at last')
  })

  it('gives no advice about tests', async () => {
    const { page } = await open()
    const { message } = await page.emitTo('other', 'a').then(
      () => expect.fail('it was emitted'),
      (error: Error) => error,
    )
    expect(message).toBe('no webview has the label "other"; there is "main"')
  })

  it('streams within its own page', async () => {
    const { page } = await open()
    await page.respondStream<number>('count', async function* (to) {
      for (let number = 1; number <= to; number += 1) yield number
      return 'done'
    })
    const stream = page.requestStream<number, string>('main', 'count', 3)
    const parts: number[] = []
    for await (const part of stream) parts.push(part)
    expect(parts).toEqual([1, 2, 3])
    expect(await stream.result).toBe('done')
  })

  it('carries bytes and retains events', async () => {
    const { page } = await open({ retain: ['settings:*'] })
    await page.emit('settings:icon', { image: new Uint8Array([1, 2, 3]) })
    const received = vi.fn()
    await page.listen('settings:*', received)
    await vi.waitFor(() => expect(received).toHaveBeenCalledTimes(1))
    const { payload, retained } = received.mock.calls[0]?.[0] ?? {}
    expect([...payload.image]).toEqual([1, 2, 3])
    expect(retained).toBe(true)
  })

  it('ticks for jobs until they are stopped', async () => {
    const { page } = await open()
    const ticks = vi.fn()
    await page.listen('clock:tick', ticks)
    const job = await page.startJob('clock:tick', { everyMs: 1, count: 3 })
    await vi.waitFor(() => expect(ticks).toHaveBeenCalledTimes(3))
    expect(await job.info()).toBeUndefined()
    expect(ticks.mock.calls.map(([event]) => event.tick.count)).toEqual([1, 2, 3])
    const endless = await page.startJob('clock:tick', { everyMs: 1 })
    await vi.waitFor(() => expect(ticks.mock.calls.length).toBeGreaterThan(4))
    await endless.stop()
    expect(await page.listJobs()).toEqual([])
  })

  it('remembers nothing of what it has passed on', async () => {
    const { page } = await open()
    for (let i = 0; i < 100; i += 1) await page.emit('a', i)
    const late = vi.fn()
    await page.listen('a', late)
    await page.emit('a', 'last')
    await vi.waitFor(() => expect(late).toHaveBeenCalledTimes(1))
    expect(late.mock.calls[0]?.[0].payload).toBe('last')
  })
})

describe('tabs of one channel', () => {
  it('receive what the others emit', async () => {
    const one = await open({ label: 'one', channel: 'tabs-a' })
    const two = await open({ label: 'two', channel: 'tabs-a' })
    const other = await open({ label: 'other', channel: 'tabs-b' })
    const received = vi.fn()
    const apart = vi.fn()
    await two.page.listen('*', received)
    await other.page.listen('*', apart)
    await one.page.emit('note', { text: 'a', bytes: new Uint8Array([9]) })
    await vi.waitFor(() => expect(received).toHaveBeenCalledTimes(1))
    const event = received.mock.calls[0]?.[0]
    expect(event).toMatchObject({ event: 'note', source: { kind: 'webview', label: 'one' }, payload: { text: 'a' } })
    expect([...event.payload.bytes]).toEqual([9])
    expect(apart).not.toHaveBeenCalled()
  })

  it('reach each other by label until they leave', async () => {
    const one = await open({ label: 'one', channel: 'tabs-c' })
    const two = await open({ label: 'two', channel: 'tabs-c' })
    const received = vi.fn()
    const mine = vi.fn()
    await two.page.listen('direct', received)
    await one.page.listen('direct', mine)
    await vi.waitFor(() => one.page.emitTo('two', 'direct', 1))
    await vi.waitFor(() => expect(received).toHaveBeenCalled())
    expect(mine).not.toHaveBeenCalled()
    two.bus.dispose()
    await vi.waitFor(() => expect(one.page.emitTo('two', 'direct')).rejects.toMatchObject({ code: 'unknown_target' }))
  })

  it('may have one label until the last one leaves', async () => {
    const here = await open({ label: 'here', channel: 'tabs-e' })
    const first = await open({ label: 'twin', channel: 'tabs-e' })
    const second = await open({ label: 'twin', channel: 'tabs-e' })
    const other = await open({ label: 'other', channel: 'tabs-e' })
    const received = vi.fn()
    await second.page.listen('direct', received)
    await vi.waitFor(() => here.page.emitTo('twin', 'direct', 1))
    // What is emitted behind the end of the first one shows that it has been heard of.
    const heard = vi.fn()
    await here.page.listen('heard', heard)
    first.bus.dispose()
    await other.page.emit('heard')
    await vi.waitFor(() => expect(heard).toHaveBeenCalled())
    await vi.waitFor(() => here.page.emitTo('twin', 'direct', 2))
    await vi.waitFor(() => expect(received).toHaveBeenLastCalledWith(expect.objectContaining({ payload: 2 })))
    second.bus.dispose()
    await vi.waitFor(() => expect(here.page.emitTo('twin', 'direct')).rejects.toMatchObject({ code: 'unknown_target' }))
  })

  it('may send to some that a new one does not know', async () => {
    const one = await open({ label: 'one', channel: 'tabs-f' })
    const received = vi.fn()
    await one.page.listen('direct', received)
    const other = new BroadcastChannel('tauri-plugin-event-bus:tabs-f')
    const accepted = { event: 'direct', payload: 7, seq: 1, timestamp: Date.now(), retain: false, extras: {} }
    for (const to of [['gone', 'one'], 'gone']) {
      other.postMessage({ kind: 'event', label: 'other', event: { ...accepted, to } })
    }
    await vi.waitFor(() => expect(received).toHaveBeenCalled())
    other.close()
    await one.page.emitTo('other', 'direct', 1)
    expect(received).toHaveBeenCalledTimes(1)
  })

  it('give a new one what is retained, once', async () => {
    const one = await open({ label: 'one', channel: 'tabs-d', retain: ['theme'] })
    const two = await open({ label: 'two', channel: 'tabs-d', retain: ['theme'] })
    const seen = vi.fn()
    await two.page.listen('theme', seen)
    await one.page.emit('theme', 'dark')
    await one.page.emit('theme', 'light')
    await vi.waitFor(() => expect(seen).toHaveBeenCalledTimes(2))
    const three = await open({ label: 'three', channel: 'tabs-d', retain: ['theme'] })
    const late = vi.fn()
    const live = vi.fn()
    await three.page.listen('theme', live, { retained: false })
    await three.page.listen('theme', late)
    await vi.waitFor(() => expect(late).toHaveBeenCalled())
    expect(late.mock.calls.map(([event]) => [event.payload, event.retained])).toEqual([['light', true]])
    expect(live).not.toHaveBeenCalled()
    await three.page.emit('theme', 'blue')
    await vi.waitFor(() => expect(seen).toHaveBeenCalledTimes(3))
    expect(late).toHaveBeenCalledTimes(2)
    expect(live.mock.calls.map(([event]) => [event.payload, event.retained])).toEqual([['blue', false]])
  })
})
