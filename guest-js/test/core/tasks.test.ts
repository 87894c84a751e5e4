import { afterEach, describe, expect, it, vi } from 'vitest'
import { nextTask } from '../../src/core/tasks.js'

afterEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
})

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

/** An element whose toggling queues one event, as browsers do. */
class Details extends EventTarget {
  private isOpen = false
  private isQueued = false

  get open(): boolean {
    return this.isOpen
  }

  set open(value: boolean) {
    this.isOpen = value
    if (this.isQueued) return
    this.isQueued = true
    setImmediate(() => {
      this.isQueued = false
      this.dispatchEvent(new Event('toggle'))
    })
  }
}

describe('nextTaskOfDocument', () => {
  it('waits for the event of one element', async () => {
    const createElement = vi.fn(() => new Details())
    vi.stubGlobal('document', { createElement })
    vi.resetModules()
    const { nextTaskOfDocument } = await import('../../src/core/tasks.js')
    const channels = vi.spyOn(globalThis, 'MessageChannel')
    const order: string[] = []
    const both = [0, 1].map((n) => nextTaskOfDocument().then(() => order.push(`task ${n}`)))
    for (let n = 0; n < 100; n += 1) await null
    expect(order).toEqual([])
    await Promise.all(both)
    for (let n = 0; n < 100; n += 1) await nextTaskOfDocument()
    expect(order).toEqual(['task 0', 'task 1'])
    expect(createElement).toHaveBeenCalledExactlyOnceWith('details')
    expect(channels).not.toHaveBeenCalled()
  })

  it('takes a message where there is no document', async () => {
    vi.resetModules()
    const { nextTaskOfDocument } = await import('../../src/core/tasks.js')
    const channels = vi.spyOn(globalThis, 'MessageChannel')
    await nextTaskOfDocument()
    expect(channels).toHaveBeenCalledOnce()
  })
})
