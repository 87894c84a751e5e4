import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import * as frameEntry from '../../src/frame.js'
import type * as api from '../../src/index.js'
import { KEY, MEMBER_VERSION } from '../../src/members/messages.js'
import { inRealm } from '../bundle.js'
import { Workers } from './member.js'

const PAGE = 'tauri://localhost'
const CHAT = 'https://chat.example'

/** A window as far as messages between windows go: what is posted for another origin is dropped. */
class FakeWindow extends EventTarget {
  constructor(readonly origin: string) {
    super()
  }

  /** Posts as `source`, from its origin. */
  postFrom(source: FakeWindow, data: unknown, target: string, transfer: MessagePort[]): void {
    if (target !== '*' && target !== this.origin) return
    const event = Object.assign(new Event('message'), { data, origin: source.origin, source, ports: transfer })
    setTimeout(() => this.dispatchEvent(event), 0)
  }
}

let workers: Workers
let page: FakeWindow
beforeEach(() => {
  workers = new Workers()
  page = new FakeWindow(PAGE)
  vi.stubGlobal('addEventListener', page.addEventListener.bind(page))
  vi.stubGlobal('removeEventListener', page.removeEventListener.bind(page))
  vi.stubGlobal('origin', PAGE)
})
afterEach(async () => {
  await workers.end()
})

type FrameRealm = typeof api & typeof frameEntry

/** An iframe, and the document in it. */
function iframe() {
  const element = { contentWindow: undefined as FakeWindow | undefined, isConnected: true }
  return {
    element: element as unknown as HTMLIFrameElement,
    remove: () => Object.assign(element, { isConnected: false }),
    /** Loads a document of this origin, which is embedded in a page as well. */
    async load(origin: string, { ancestors = true } = {}) {
      const own = new FakeWindow(origin)
      element.contentWindow = own
      const parent = {
        postMessage: (data: unknown, target: string, transfer: MessagePort[]) =>
          page.postFrom(own, data, target, transfer),
      }
      const location = { origin, ...(ancestors && { ancestorOrigins: [PAGE] }) }
      const { exports } = await inRealm<FrameRealm>(`export * from './index.js'\nexport * from './frame.js'`, {
        window: { parent },
        origin,
        location,
        addEventListener: own.addEventListener.bind(own),
        removeEventListener: own.removeEventListener.bind(own),
        reportError: () => {},
      })
      return { realm: exports, window: own }
    },
  }
}

const events = () => workers.bus.history().map(({ event, component }) => [event, component])

describe('a frame', () => {
  it('does what its page names, under its own source', async () => {
    const { element, load } = iframe()
    const exposed = frameEntry.expose(element, { origin: CHAT, name: 'chat', listen: ['chat:*'], emit: ['chat:sent'] })
    const { realm } = await load(CHAT)
    await expect(realm.connect({ origin: PAGE })).resolves.toEqual({ name: 'frame:chat', label: 'main' })
    const received = vi.fn()
    await realm.listen('chat:*', received)
    await realm.emit('chat:sent', 'hello')
    workers.bus.emit('cart', 1)
    await vi.waitFor(() => expect(received).toHaveBeenCalledTimes(1))
    expect(events()).toEqual([
      ['chat:sent', 'frame:chat'],
      ['cart', undefined],
    ])
    const error = await realm.emit('cart').catch((reason) => reason)
    expect(error).toMatchObject({ code: 'denied', message: expect.stringContaining('frame:chat may not emit "cart"') })
    expect(error.message).not.toContain('chat:sent')
    exposed.stop()
  })

  it('may do nothing without lists', async () => {
    const { element, load } = iframe()
    const exposed = frameEntry.expose(element, { origin: CHAT })
    const { realm } = await load(CHAT)
    await realm.connect({ origin: PAGE })
    const denied = { code: 'denied' }
    await expect(realm.listen('a', vi.fn()).then()).rejects.toMatchObject(denied)
    await expect(realm.emit('a')).rejects.toMatchObject(denied)
    await expect(realm.request('main', 'a')).rejects.toMatchObject(denied)
    await expect(realm.respond('a', () => 1).then()).rejects.toMatchObject(denied)
    await expect(realm.startJob('a', { everyMs: 1_000 })).rejects.toMatchObject(denied)
    await expect(realm.catalog()).rejects.toMatchObject(denied)
    await expect(realm.clearRetained('*')).rejects.toMatchObject(denied)
    await expect(realm.listJobs()).resolves.toEqual([])
    expect(workers.bus.history()).toEqual([])
    exposed.stop()
  })

  it('connects when its page comes later, or again', async () => {
    const { element, load } = iframe()
    const { realm } = await load(CHAT)
    const connected = realm.connect({ origin: PAGE })
    const received = vi.fn()
    const listening = realm.listen('a', received)
    await new Promise((resolve) => setTimeout(resolve, 5))
    const options = { origin: CHAT, name: 'late', listen: ['a'] }
    const first = frameEntry.expose(element, options)
    await connected
    await listening
    first.stop()
    await vi.waitFor(() => expect(workers.bus.listeners()).toBe(0))
    const second = frameEntry.expose(element, options)
    await second.connected
    await vi.waitFor(() => expect(workers.bus.listeners('a')).toBe(1))
    workers.bus.emit('a', 1)
    await vi.waitFor(() => expect(received).toHaveBeenCalledTimes(1))
    second.stop()
  })

  it('has a limit for what it sends', async () => {
    const { element, load } = iframe()
    const exposed = frameEntry.expose(element, { origin: CHAT, emit: ['a'], maxPerSecond: 5 })
    const { realm } = await load(CHAT)
    await realm.connect({ origin: PAGE })
    const sent = await Promise.allSettled(Array.from({ length: 50 }, (_, i) => realm.emit('a', i)))
    const refused = sent.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []))
    expect(sent.length - refused.length).toBeGreaterThanOrEqual(10)
    expect(refused.length).toBeGreaterThan(30)
    expect(refused[0]).toMatchObject({ code: 'rate_limited', retryAfterMs: expect.any(Number) })
    exposed.stop()
  })

  it('has the limit for what it only looks at, too', async () => {
    const { element, load } = iframe()
    const exposed = frameEntry.expose(element, { origin: CHAT, task: ['a'], maxPerSecond: 5 })
    const { realm } = await load(CHAT)
    await realm.connect({ origin: PAGE })
    const looks: (() => Promise<unknown>)[] = [
      () => realm.listTasks(),
      () => realm.listJobs(),
      () => realm.attachTask('a', 'k').cancel(),
    ]
    for (const look of looks) {
      const looked = await Promise.allSettled(Array.from({ length: 20 }, look))
      const codes = looked.map((one) => (one.status === 'rejected' ? one.reason.code : 'listed'))
      expect(codes.filter((code) => code === 'rate_limited').length).toBeGreaterThan(5)
    }
    exposed.stop()
  })

  it('has the limit for bytes of requests, too', async () => {
    const { element, load } = iframe()
    const exposed = frameEntry.expose(element, { origin: CHAT, request: ['a'] })
    const { realm } = await load(CHAT)
    await realm.connect({ origin: PAGE })
    workers.bus.respond('a', () => null)
    const big = new Uint8Array(1_572_864)
    await expect(realm.request({ kind: 'host' }, 'a', big)).resolves.toBeNull()
    await expect(realm.request({ kind: 'host' }, 'a', big)).rejects.toMatchObject({ code: 'rate_limited' })
    exposed.stop()
  })

  it('is reached over its port only', async () => {
    const { element, load } = iframe()
    const exposed = frameEntry.expose(element, { origin: CHAT, name: 'far' })
    const { window: own } = await load(CHAT)
    const { port1, port2 } = new MessageChannel()
    const got = vi.fn()
    port1.onmessage = ({ data }) => got(data)
    page.postFrom(own, { [KEY]: 'hello', version: MEMBER_VERSION, id: 'x', link: 1 }, PAGE, [port2])
    await vi.waitFor(() => expect(got).toHaveBeenCalledWith({ welcome: { name: 'frame:far', label: 'main' } }))
    port1.close()
    exposed.stop()
  })

  it('ends when it leaves, and when it is removed', async () => {
    const { element, load, remove } = iframe()
    const exposed = frameEntry.expose(element, { origin: CHAT, listen: ['a'] })
    const first = await load(CHAT)
    await first.realm.connect({ origin: PAGE })
    await first.realm.listen('a', vi.fn())
    first.window.dispatchEvent(Object.assign(new Event('pagehide'), { persisted: false }))
    await vi.waitFor(() => expect(workers.bus.listeners()).toBe(0))
    const second = await load(CHAT)
    await second.realm.connect({ origin: PAGE })
    await second.realm.listen('a', vi.fn())
    remove()
    workers.bus.emit('a', 1)
    await vi.waitFor(() => expect(workers.bus.listeners()).toBe(0))
    exposed.stop()
  })
})

describe('a page', () => {
  it('lets in its frame and its origins only', async () => {
    const { element, load } = iframe()
    const exposed = frameEntry.expose(element, { origin: [CHAT, 'null'], emit: ['a'] })
    const connected = vi.fn()
    void exposed.connected.then(connected)
    const wrong = await load('https://evil.example')
    void wrong.realm.connect({ origin: PAGE }).catch(() => {})
    // Its document has gone: another is in the frame.
    const old = await load(CHAT)
    await load(CHAT)
    void old.realm.connect({ origin: PAGE }).catch(() => {})
    void wrong.realm.emit('a', 'wrong').catch(() => {})
    void old.realm.emit('a', 'old').catch(() => {})
    const sandboxed = await load('null')
    await sandboxed.realm.connect({ origin: PAGE })
    await sandboxed.realm.emit('a', 'right')
    expect(connected).toHaveBeenCalledTimes(1)
    expect(workers.bus.emitted('a')).toEqual(['right'])
    exposed.stop()
  })

  it('needs an origin that is one', () => {
    const { element } = iframe()
    const invalid = expect.objectContaining({ code: 'invalid_argument' })
    for (const origin of [
      '*',
      '',
      'https://a.example/',
      'a.example',
      [],
      undefined as never,
      ['https://a.example', 7 as never],
    ]) {
      expect(() => frameEntry.expose(element, { origin })).toThrow(invalid)
    }
    expect(() => frameEntry.expose(element, { origin: CHAT, maxPerSecond: 0 })).toThrow(invalid)
    frameEntry.expose(element, { origin: CHAT, signal: AbortSignal.abort(), name: 'gone' })
    frameEntry.expose(element, { origin: CHAT, name: 'gone' }).stop()
  })
})

describe('connect of a frame', () => {
  it('trusts the origins that it names', async () => {
    const { element, load } = iframe()
    const exposed = frameEntry.expose(element, { origin: CHAT })
    const told = await load(CHAT)
    await expect(told.realm.connect()).rejects.toMatchObject({
      code: 'denied',
      message: expect.stringMatching(/tauri:\/\/localhost.*https:\/\/chat\.example/),
    })
    // Where the browser does not tell the origin, it delivers nothing.
    const untold = await load(CHAT, { ancestors: false })
    const connected = vi.fn()
    void untold.realm.connect().then(connected)
    const both = await load(CHAT, { ancestors: false })
    await both.realm.connect({ origin: ['http://tauri.localhost', PAGE] })
    expect(connected).not.toHaveBeenCalled()
    exposed.stop()
  })

  it('needs a page around it, and an origin', async () => {
    const { load } = iframe()
    const { realm } = await load('null')
    await expect(realm.connect()).rejects.toMatchObject({ code: 'invalid_argument' })
    await expect(realm.connect({ origin: '*' })).rejects.toMatchObject({ code: 'invalid_argument' })
    const window = { parent: undefined as unknown }
    window.parent = window
    const { exports: top } = await inRealm<FrameRealm>(`export * from './index.js'\nexport * from './frame.js'`, {
      window,
    })
    await expect(top.connect({ origin: PAGE })).rejects.toMatchObject({ code: 'invalid_argument' })
    expect(top.isAvailable()).toBe(false)
  })
})
