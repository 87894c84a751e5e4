import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { clearRetained, emit, type Gap, listen } from '../../src/index.js'
import { createTestBus, type TestBus } from '../../src/testing/index.js'

let bus: TestBus
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'] })
  bus = createTestBus({ startingUp: true })
})
afterEach(() => {
  bus.dispose()
  vi.useRealTimers()
})

it('is a gap for a page that begins to listen', async () => {
  await emit('door', 1, { expiresMs: 500 })
  await emit('door', 2, { expiresMs: 501 })
  await emit('theme', 3, { expiresMs: 100, retain: true })
  vi.setSystemTime(Date.now() + 500)
  const gaps: Gap[] = []
  const payloads: unknown[] = []
  await listen('*', ({ payload }) => payloads.push(payload), { onGap: (gap) => gaps.push(gap) })
  await bus.settled()
  expect(payloads).toEqual([2])
  const gap = { count: 1, atMost: false, reason: 'expired' }
  expect(gaps).toEqual([
    { from: 1, to: 1, ...gap },
    { from: 3, to: 3, ...gap },
  ])
})

it('is not retained for longer', async () => {
  bus.dispose()
  bus = createTestBus()
  await emit('theme', 1, { expiresMs: 100, retain: true })
  const listened = async () => {
    const payloads: unknown[] = []
    await listen('theme', ({ payload }) => payloads.push(payload))
    await bus.settled()
    return payloads
  }
  expect(await listened()).toEqual([1])
  vi.setSystemTime(Date.now() + 100)
  expect(await listened()).toEqual([])
})

it('is not counted where it is cleared', async () => {
  await emit('theme', 1, { expiresMs: 100, retain: true })
  await emit('door', 2, { expiresMs: 101, retain: true })
  vi.setSystemTime(Date.now() + 100)
  expect(await clearRetained('*')).toBe(1)
})

it('refuses a wrong length of time', async () => {
  for (const expiresMs of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
    await expect(emit('door', 1, { expiresMs })).rejects.toMatchObject({
      code: 'invalid_argument',
      message: expect.stringContaining('expiresMs'),
    })
  }
})
