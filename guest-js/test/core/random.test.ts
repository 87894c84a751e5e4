import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { listen } from '../../src/api/listen.js'
import type { Gap } from '../../src/types/gap.js'
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

describe('random sessions', () => {
  it('lose and repeat nothing without a gap', async () => {
    vi.useFakeTimers()
    // A linear congruential generator, so that a failure can be repeated.
    let state = 7
    const random = (below: number) => {
      state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
      return Math.floor((state / 2_147_483_648) * below)
    }
    for (let round = 0; round < 60; round += 1) {
      realm = freshRealm()
      const { host } = realm
      host.batch = 1 + random(3)
      if (round % 2 === 0) host.keepFromNow()
      const received: { seqs: number[]; gaps: Gap[] }[] = []
      const all: Promise<unknown>[] = []
      const emitted: number[] = []
      let ends = 0
      let exact = true
      for (let step = 0; step < 80; step += 1) {
        const choice = random(10)
        if (choice < 4) emitted.push(host.emit('x', null, undefined, random(4) === 0))
        else if (choice === 4) host.emit('unrelated')
        else if (choice === 5 && received.length < 6) {
          const one: (typeof received)[number] = { seqs: [], gaps: [] }
          received.push(one)
          const options = { replay: random(2) === 0, onGap: (gap: Gap) => one.gaps.push(gap) }
          all.push(listen('x', ({ seq }) => one.seqs.push(seq), options).then())
        } else if (choice === 6) host.hold = ({ command }) => command === 'pull' && random(2) === 0
        else if (choice === 7 && ends < 2) {
          ends += 1
          host.endSession()
          if (random(4) === 0 && round % 3 > 0) {
            host.keepFromNow()
            exact = false
          }
        } else if (choice === 8 && round % 3 > 0) {
          host.endStartUp()
          // Between two sessions nothing is kept then.
          if (!host.session) exact = false
        } else {
          if (random(2) === 0) host.held.reverse()
          host.release()
          await settled()
          ends = 0
        }
        for (let turn = random(12); turn > 0; turn -= 1) await Promise.resolve()
      }
      host.release()
      emitted.push(host.emit('x'))
      for (let turn = 0; turn < 5; turn += 1) await vi.advanceTimersByTimeAsync(1_000)
      await Promise.all(all)
      expect(realm.reported).not.toHaveBeenCalled()
      for (const [index, { seqs, gaps }] of received.entries()) {
        expect(seqs).toEqual([...new Set(seqs)].sort((a, b) => a - b))
        if (exact) expect(gaps).toEqual([])
        const told = (seq: number) => seqs.includes(seq) || gaps.some(({ from, to }) => from <= seq && seq <= to)
        const began = host.began.get(index + 1) ?? 0
        expect(emitted.filter((seq) => seq > began && !told(seq))).toEqual([])
      }
      expect(host.broken).toEqual([])
    }
  })
})
