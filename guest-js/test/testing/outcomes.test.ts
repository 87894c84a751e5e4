import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { emitHandled, HOST, listen } from '../../src/index.js'
import { createTestBus, type TestBus } from '../../src/testing/index.js'

let bus: TestBus
const reported = vi.fn()
beforeEach(() => {
  vi.stubGlobal('reportError', reported)
  bus = createTestBus()
})
afterEach(() => {
  bus.dispose()
  vi.useRealTimers()
  vi.unstubAllGlobals()
  reported.mockClear()
})

it('tells what the code under test makes of it', async () => {
  await listen('closing', async () => {}, { sequential: true })
  expect(await bus.emitHandled('closing', 1)).toEqual({
    receipt: { seq: 1, pages: 1, listeners: 0 },
    pages: [{ page: 'main', outcome: 'handled' }],
  })
  await listen('closing', () => {
    throw new TypeError('no')
  })
  const { pages } = await bus.emitHandled('closing', 1)
  expect(pages).toEqual([{ page: 'main', outcome: 'failed', name: 'TypeError', message: 'no' }])
  expect(reported).toHaveBeenCalledOnce()
})

it('tells the code under test of others', async () => {
  const editor = bus.page('editor')
  editor.listen('closing', () => {
    throw new RangeError('disk full')
  })
  bus.page('settings')
  bus.listen('closing', () => {})
  expect(await emitHandled('closing')).toEqual({
    receipt: { seq: expect.any(Number), pages: 2, listeners: 1 },
    pages: [
      { page: 'editor', outcome: 'failed', name: 'RangeError', message: 'disk full' },
      { page: 'settings', outcome: 'handled' },
    ],
    listeners: { outcome: 'handled' },
  })
  bus.listen('closing', () => {
    throw new Error('panicked')
  })
  const failed = { outcome: 'failed', name: 'panic', message: 'panicked' }
  expect(await emitHandled('closing', undefined, { to: HOST })).toMatchObject({ pages: [], listeners: failed })
})

it('has no entries for an event that nobody receives', async () => {
  expect(await emitHandled('closing')).toEqual({ receipt: { seq: 1, pages: 0, listeners: 0 }, pages: [] })
})

it('ends with the timeout', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  await listen('closing', () => new Promise(() => {}), { sequential: true })
  const handled = bus.emitHandled('closing', 1, { timeoutMs: 500 })
  await vi.advanceTimersByTimeAsync(499)
  await vi.advanceTimersByTimeAsync(1)
  expect(await handled).toMatchObject({ pages: [{ page: 'main', outcome: 'timeout' }] })
})

it('is dropped where a newer event takes the place', async () => {
  const off = listen('progress', () => {}, { latest: true })
  await off
  const handled = [1, 2, 3].map((payload) => bus.emitHandled('progress', payload))
  const outcomes = (await Promise.all(handled)).map(({ pages }) => pages[0]?.outcome)
  // The page fetches the first one at once.
  expect(outcomes).toEqual(['handled', 'dropped', 'handled'])
  const last = bus.emitHandled('progress', 4)
  off()
  expect(await last).toMatchObject({ pages: [{ outcome: 'dropped' }] })
})

it.each([0, -1, 86_400_001, Number.NaN])('refuses a timeout of %s', async (timeoutMs) => {
  await expect(bus.emitHandled('closing', 1, { timeoutMs })).rejects.toMatchObject({ code: 'invalid_argument' })
})
