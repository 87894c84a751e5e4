import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { isAvailable } from '../../src/api/available.js'
import { emit } from '../../src/api/emit.js'
import { listen } from '../../src/api/listen.js'
import { INBOX } from '../../src/core/realm.js'
import { freshRealm, settled } from '../realm.js'

let realm: ReturnType<typeof freshRealm>
beforeEach(() => {
  realm = freshRealm()
})
afterEach(() => {
  expect(realm.host.broken).toEqual([])
  vi.useRealTimers()
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})

describe('the inbox of a realm', () => {
  it('is made at its first use and shared', async () => {
    expect(INBOX in globalThis).toBe(false)
    await listen('a', vi.fn())
    vi.resetModules()
    const copy = await import('../../src/index.js')
    const handler = vi.fn()
    await copy.listen('a', handler)
    realm.host.emit('a')
    await settled()
    expect(handler).toHaveBeenCalledTimes(1)
    expect(realm.host.opened).toBe(1)
    realm.host.refuseEntry = () => ({ code: 'denied', message: 'no' })
    const refused = await copy.listen('b', handler).catch((error) => error)
    expect(refused).toBeInstanceOf(copy.EventBusError)
  })

  it('of another version is refused by number', async () => {
    Object.defineProperty(globalThis, INBOX, { value: { version: 8 }, configurable: true })
    await expect(emit('a')).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(/8.*version 7/),
    })
  })

  it('is denied to frames', async () => {
    ;(window as unknown as Record<string, unknown>).top = {}
    await expect(listen('a', vi.fn()).then()).rejects.toMatchObject({ code: 'denied' })
    await expect(emit('a')).rejects.toMatchObject({ code: 'denied' })
    expect(isAvailable()).toBe(false)
    expect(realm.host.sent).toEqual([])
  })

  it('opens sessions with 32 hexadecimal digits', async () => {
    await emit('a')
    expect(realm.host.session?.id).toMatch(/^[0-9a-f]{32}$/)
  })
})
