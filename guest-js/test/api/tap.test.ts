import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { tap } from '../../src/api/tap.js'
import type { TapRecord } from '../../src/types/tap.js'
import { freshRealm, settled } from '../realm.js'

let realm: ReturnType<typeof freshRealm>
beforeEach(() => {
  realm = freshRealm()
})
afterEach(() => {
  expect(realm.host.broken).toEqual([])
  vi.unstubAllGlobals()
})

const lost = (count: number): TapRecord => ({ kind: 'lost', at: 1, count })

describe('tap', () => {
  it('passes its filter on and yields lists of records', async () => {
    const records = tap({ names: ['cart:*'], kinds: ['event'], payloadBytes: 9 })
    await settled()
    const [sent] = realm.host.commands('tap')
    expect(sent).toMatchObject({
      args: { id: 1, filter: { names: ['cart:*'], kinds: ['event'], payloadBytes: 9 } },
    })
    realm.host.push({ stream: 1, parts: [[lost(1), lost(2)], [lost(3)]] })
    expect(await records.next()).toEqual({ done: false, value: [lost(1), lost(2)] })
    expect(await records.next()).toEqual({ done: false, value: [lost(3)] })
    records.stop()
    expect(await records.next()).toMatchObject({ done: true })
  })

  it('rejects with the reason why it is refused', async () => {
    realm.host.refuse = ({ command }) =>
      command === 'tap' ? { code: 'denied', message: 'taps of pages are off' } : undefined
    const records = tap()
    await expect(records.next()).rejects.toMatchObject({ code: 'denied' })
    await expect(records.result).rejects.toThrow('taps of pages are off')
  })
})
