import { describe, expect, it, vi } from 'vitest'
import { nextTask } from '../../src/core/tasks.js'

describe('nextTask', () => {
  it('makes one channel for all tasks', async () => {
    const channels = vi.spyOn(globalThis, 'MessageChannel')
    const order: number[] = []
    for (let n = 0; n < 100; n += 1) void nextTask().then(() => order.push(n))
    expect(order).toEqual([])
    for (let n = 0; n < 100; n += 1) await nextTask()
    expect(order).toEqual(Array.from({ length: 100 }, (_, n) => n))
    expect(channels.mock.calls.length).toBeLessThanOrEqual(1)
  })

  it('resolves in a task of its own', async () => {
    let microtasks = 0
    const count = async () => {
      for (let n = 0; n < 1_000; n += 1) {
        await null
        microtasks += 1
      }
    }
    void count()
    await nextTask()
    expect(microtasks).toBe(1_000)
  })
})
