import { expect, test } from 'vitest'
import { Intake } from '../src/intake.js'
import { Store } from '../src/model/store.js'
import { event, names } from './records.js'

const text = (...records: readonly object[]) => records.map((record) => `${JSON.stringify(record)}\n`).join('')

test('records are read in their order, out of several texts', () => {
  const [intake, store] = [new Intake(), new Store()]
  for (const own of [text(event('a'), event('b')), '', text(event('c'))]) intake.add(own)
  intake.take(store, 1)
  expect(names(store.entries)).toEqual(['a', 'b', 'c'])
  expect(intake.isEmpty).toBe(true)
})

test('what there is no time for is read the next time', () => {
  const [intake, store] = [new Intake(), new Store()]
  const records = Array.from({ length: 100 }, (_, index) => event(`n${index}`))
  intake.add(text(...records))
  let now = 0
  const clock = () => {
    now += 1
    return now
  }
  intake.take(store, 2, clock)
  expect(store.entries.length).toBe(32)
  expect(intake.isEmpty).toBe(false)
  intake.take(store, 0, clock)
  expect(store.entries.length).toBe(48)
  intake.take(store, 100, clock)
  expect(names(store.entries)).toEqual(records.map((_, index) => `n${index}`))
  expect(intake.isEmpty).toBe(true)
})
