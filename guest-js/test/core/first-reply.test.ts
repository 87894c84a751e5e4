import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { FIRST_REPLY_MS, resetFirstReply } from '../../src/core/first-reply.js'
import { emit, listen, request } from '../../src/index.js'
import type { FakeHost } from '../fake-host.js'
import { freshRealm, settled } from '../realm.js'

vi.hoisted(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))

interface Page {
  __TAURI_INTERNALS__: { invoke: unknown; __TAURI_PATTERN__?: { pattern: string } }
  __TAURI_EVENT_BUS_INTERNALS__?: { compatible: null }
}

let host: FakeHost
let page: Page
let logged: ReturnType<typeof vi.spyOn>

beforeEach(() => {
  ;({ host } = freshRealm())
  resetFirstReply()
  vi.clearAllTimers()
  page = window as unknown as Page
  // As Tauri defines it.
  Object.defineProperty(page.__TAURI_INTERNALS__, 'invoke', { value: host.invoke, writable: false })
  page.__TAURI_EVENT_BUS_INTERNALS__ = { compatible: null }
  logged = vi.spyOn(console, 'error').mockImplementation(() => {})
  host.hold = () => true
})

afterEach(() => {
  logged.mockRestore()
  vi.unstubAllGlobals()
})

/** What is logged of a command that has had no reply for so long. */
async function loggedAfter(ms: number): Promise<string> {
  await settled()
  vi.advanceTimersByTime(ms)
  return logged.mock.calls.map(String).join('\n')
}

describe('a first command without a reply', () => {
  it('is an error after five seconds, once', async () => {
    listen('a', vi.fn())
    listen('b', vi.fn())
    expect(await loggedAfter(FIRST_REPLY_MS - 1)).toBe('')
    expect(await loggedAfter(1)).toMatch(/"subscribe".* has no reply after 5 seconds/)
    await loggedAfter(60_000)
    expect(logged).toHaveBeenCalledTimes(1)
  })

  it('names the isolation pattern', async () => {
    page.__TAURI_INTERNALS__.__TAURI_PATTERN__ = { pattern: 'isolation' }
    listen('a', vi.fn())
    const text = await loggedAfter(FIRST_REPLY_MS)
    expect(text).toMatch(/isolation pattern.*cmd begins with "plugin:event-bus\|"/)
    expect(text).not.toContain('register the plugin')
  })

  it('names a plugin that may be missing', async () => {
    Reflect.deleteProperty(page, '__TAURI_EVENT_BUS_INTERNALS__')
    page.__TAURI_INTERNALS__.__TAURI_PATTERN__ = { pattern: 'isolation' }
    emit('a')
    expect(await loggedAfter(FIRST_REPLY_MS)).toMatch(/"emit".*register the plugin before the window is made/)
  })

  it('names what the content security policy blocks', async () => {
    const document = new EventTarget()
    vi.stubGlobal('document', document)
    listen('a', vi.fn())
    await settled()
    for (const blockedURI of ['https://example.com/', 'ipc://localhost']) {
      document.dispatchEvent(
        Object.assign(new Event('securitypolicyviolation'), { blockedURI, effectiveDirective: 'connect-src' }),
      )
    }
    const text = await loggedAfter(FIRST_REPLY_MS)
    expect(text).toContain('connect-src blocks ipc://localhost')
    expect(text).not.toContain('example.com')
  })

  it('names mocked IPC', async () => {
    Object.defineProperty(page.__TAURI_INTERNALS__, 'invoke', { value: host.invoke, writable: true })
    listen('a', vi.fn())
    expect(await loggedAfter(FIRST_REPLY_MS)).toContain('createTestBus')
  })

  it('says what it is not where nothing can be told', async () => {
    listen('a', vi.fn())
    expect(await loggedAfter(FIRST_REPLY_MS)).toMatch(
      /Neither the content security policy nor a capability.*main thread/,
    )
  })
})

describe('nothing is logged', () => {
  it('of a command that has a reply', async () => {
    listen('a', vi.fn())
    await settled()
    host.release()
    await settled()
    // Later commands are not watched.
    host.hold = () => true
    listen('b', vi.fn())
    expect(await loggedAfter(60_000)).toBe('')
  })

  it('of a command that is refused', async () => {
    host.hold = () => false
    host.refuse = () => 'event-bus.subscribe not allowed'
    await expect(Promise.resolve(listen('a', vi.fn()))).rejects.toMatchObject({ code: 'denied' })
    expect(await loggedAfter(60_000)).toBe('')
  })

  it('of a request, whose response may take long', async () => {
    void request('other', 'q', 1, { timeoutMs: 100_000 })
    expect(await loggedAfter(60_000)).toBe('')
  })
})
