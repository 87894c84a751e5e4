import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type * as Package from '../../src/index.js'
import { createTestBus } from '../../src/testing/index.js'
import { endOfTask, freshRealm } from '../realm.js'

/** A fresh copy of the package, which has reported nothing yet. */
let api: typeof Package
let reported: ReturnType<typeof vi.fn>
let warned: ReturnType<typeof vi.fn>
const rejected = vi.fn()
const { process } = globalThis as unknown as {
  process: Record<'on' | 'off', (event: string, handler: unknown) => void>
}
beforeEach(async () => {
  vi.resetModules()
  api = await import('../../src/index.js')
  ;({ reported, warned } = freshRealm())
  rejected.mockClear()
  process.on('unhandledRejection', rejected)
})
afterEach(async () => {
  await endOfTask()
  process.off('unhandledRejection', rejected)
  expect(rejected).not.toHaveBeenCalled()
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})

/** Takes Tauri away. */
function leaveTauri(): void {
  const page: Record<string, unknown> = {}
  page.top = page
  vi.stubGlobal('window', page)
}

describe('in a webview of Tauri', () => {
  it('the bus is available, without asking the host', async () => {
    const { host } = freshRealm()
    expect(api.isAvailable()).toBe(true)
    await endOfTask()
    expect(host.sent).toEqual([])
  })
})

describe('on a server', () => {
  beforeEach(() => {
    vi.stubGlobal('window', undefined)
  })

  it('nothing is available', () => {
    expect(api.isAvailable()).toBe(false)
  })

  it('there are no jobs', async () => {
    await expect(api.getJob('clock')).rejects.toMatchObject({ code: 'unavailable' })
  })

  it('a subscription is settled and does nothing', async () => {
    const handler = vi.fn()
    const off = api.listen('a', handler)
    api.on('a', handler)
    api.once('a', handler)
    api.respond('q', handler)
    await expect(off).resolves.toBeTypeOf('function')
    off()
    off.stop()
    expect(handler).not.toHaveBeenCalled()
  })

  it('an event has no receivers', async () => {
    api.emit('a', 1)
    const receipt = { seq: 0, pages: 0, listeners: 0 }
    expect(await api.emit('a', 1)).toEqual(receipt)
    expect(await api.emitTo('main', 'a', 1)).toEqual(receipt)
    await expect(api.emit('a', 1n)).rejects.toMatchObject({ code: 'invalid_payload' })
  })

  it('a stream ends', async () => {
    for await (const _ of api.events('a')) throw new Error('it has an event')
  })

  it('what needs a reply is refused', async () => {
    const unavailable = { code: 'unavailable', message: expect.stringContaining('server') }
    await expect(api.waitFor('a')).rejects.toMatchObject(unavailable)
    await expect(api.request('main', 'q')).rejects.toMatchObject(unavailable)
    await expect(api.startJob('a', { everyMs: 10 })).rejects.toMatchObject(unavailable)
    await expect(api.inspect()).rejects.toMatchObject(unavailable)
  })

  it('nothing is reported', async () => {
    api.listen('a', vi.fn())
    await endOfTask()
    expect(reported).not.toHaveBeenCalled()
    expect(warned).not.toHaveBeenCalled()
  })

  it('a test bus works', async () => {
    using bus = createTestBus()
    const handler = vi.fn()
    await api.listen('a', handler)
    bus.emit('a')
    await bus.settled()
    expect(handler).toHaveBeenCalledTimes(1)
    expect(api.isAvailable()).toBe(true)
  })
})

describe('in a worker', () => {
  it('calls are refused', async () => {
    vi.stubGlobal('window', undefined)
    vi.stubGlobal('location', { href: 'http://localhost/worker.js' })
    const refused = { code: 'unavailable', message: expect.stringContaining('worker') }
    await expect(api.emit('a')).rejects.toMatchObject(refused)
    await expect(api.listen('a', vi.fn()).then()).rejects.toMatchObject(refused)
    expect(api.isAvailable()).toBe(false)
  })
})

describe.each(['in a browser without Tauri', 'in a frame of such a browser'])('%s', (where) => {
  beforeEach(() => {
    leaveTauri()
    if (where.includes('frame')) Object.assign(window, { top: {} })
  })
  const missing = { code: 'unavailable', message: expect.stringMatching(/no Tauri here.*isAvailable\(\)/) }

  it('one report stands for all', async () => {
    api.listen('a', vi.fn())
    api.listen('b', vi.fn())
    api.emit('c')
    api.emitTo('main', 'd')
    await endOfTask()
    api.listen('e', vi.fn())
    api.emit('f')
    await endOfTask()
    expect(reported.mock.calls).toEqual([[expect.objectContaining(missing)]])
  })

  it('who awaits is told each time', async () => {
    for (let time = 0; time < 2; time += 1) {
      await expect(api.listen('a', vi.fn()).then()).rejects.toMatchObject(missing)
      await expect(api.emit('a')).rejects.toMatchObject(missing)
      await expect(api.request('main', 'q')).rejects.toMatchObject(missing)
      await expect(api.waitFor('a')).rejects.toMatchObject(missing)
    }
    expect(api.isAvailable()).toBe(false)
  })

  it('other mistakes are reported still', async () => {
    api.listen('a', vi.fn())
    api.listen(7 as never, vi.fn())
    await endOfTask()
    await endOfTask()
    expect(reported.mock.calls.map(([{ code }]) => code).sort()).toEqual(['invalid_event_name', 'unavailable'])
  })
})

describe('in a frame', () => {
  it('a test bus works, and the bus of an app does not', async () => {
    const top = {}
    Object.assign(window, { top })
    {
      using bus = createTestBus()
      const handler = vi.fn()
      await api.listen('a', handler)
      expect(await api.emit('a', 1)).toMatchObject({ seq: 1 })
      await bus.settled()
      expect(handler).toHaveBeenCalledTimes(1)
      expect(api.isAvailable()).toBe(true)
      expect(window.top).toBe(top)
    }
    await expect(api.emit('a')).rejects.toMatchObject({ code: 'denied' })
    expect(api.isAvailable()).toBe(false)
  })
})
