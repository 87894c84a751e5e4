import { expect, test } from 'vitest'
import { Fifo } from '../../src/core/fifo.js'

test('a queue gives what it got in the same order', () => {
  const queue = new Fifo<number>()
  const expected: number[] = []
  let next = 0
  // Phases that fill it and phases that drain it, so that it moves what is left, and runs empty.
  for (let step = 0; step < 20_000; step += 1) {
    const fills = Math.floor(step / 700) % 2 === 0
    if ((step * 7) % 10 < (fills ? 8 : 2)) {
      queue.push(next)
      expected.push(next)
      next += 1
    } else {
      expect(queue.shift()).toBe(expected.shift())
    }
    expect(queue.length).toBe(expected.length)
  }
  expect(queue.take()).toEqual(expected)
  expect(queue.length).toBe(0)
  expect(queue.shift()).toBeUndefined()
})

test('a queue keeps nothing that was taken', () => {
  const queue = new Fifo<object>()
  for (let i = 0; i < 10; i += 1) queue.push({ i })
  queue.shift()
  expect(JSON.stringify(queue)).not.toContain('"i":0')
})
