import { expect, it } from 'vitest'
import type { Inbox } from '../../src/core/contract.js'
import { Turns } from '../../src/core/turns.js'
import type { BusEvent } from '../../src/types/event.js'
import { settled } from '../realm.js'

it('counts what a dropped event had replaced', async () => {
  const told: unknown[] = []
  const ends: (() => void)[] = []
  const begun: number[] = []
  const turns = new Turns(
    { cause: null } as Inbox,
    ({ seq }) => {
      begun.push(seq)
      return new Promise<void>((resolve) => ends.push(resolve))
    },
    (gap) => told.push(gap),
  )
  const take = (seq: number, superseded?: number) => void turns.take({ seq, superseded } as BusEvent<unknown>)
  take(1)
  take(4, 2)
  take(5)
  for (let seq = 6; seq < 6 + 1_024; seq += 1) take(seq)
  ends[0]?.()
  await settled()
  expect(begun).toEqual([1, 6])
  expect(told).toEqual([{ from: 2, to: 5, count: 4, atMost: false, reason: 'buffer_full' }])
})
