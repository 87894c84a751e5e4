import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { listen } from '../../src/index.js'
import { createTestBus, type TestBus } from '../../src/testing/index.js'

interface AppEvents {
  'cart:updated': { itemCount: number }
  // biome-ignore lint/suspicious/noConfusingVoidType: As apps write it.
  'app:ready': void
}

let bus: TestBus<AppEvents>
const reported = vi.fn()
beforeEach(() => {
  bus = createTestBus<AppEvents>()
  vi.stubGlobal('reportError', reported)
})
afterEach(() => {
  bus.dispose()
  vi.unstubAllGlobals()
  expect(reported).not.toHaveBeenCalled()
})

describe('patterns', () => {
  it.each([
    ['cart:updated', 'cart:updated2', false],
    ['*', 'a:b/c', true],
    ['*', 'event-bus:job-stopped', false],
    ['cart:*', 'cart:a/b:c', true],
    ['cart:*', 'carts:a', false],
    ['*:done', 'a/b:done:x', false],
    ['a*c', 'ac', true],
    ['ab*bc', 'abc', false],
    ['a.*', 'ab:', false],
    ['a?', 'ab', true],
    ['a?', 'a', false],
    ['a[bc]', 'ac', true],
    ['a[!bc]', 'ac', false],
    ['a[0-9]', 'a7', true],
    ['a[]b]', 'ab', true],
    ['a[!]b]', 'ab', false],
    ['a[!]b]', 'ac', true],
    ['a[!!]', 'ab', true],
    ['*ä*:*', 'größe:ä:b', true],
  ])('%s matches %s: %s', async (pattern, name, expected) => {
    await listen(pattern, () => {})
    expect(bus.listeners(name)).toBe(expected ? 1 : 0)
  })

  it.each([
    ['a**', 'invalid_pattern'],
    ['a[', 'invalid_pattern'],
    ['a[9-0]', 'invalid_pattern'],
    ['a[]', 'invalid_pattern'],
    ['a[!]', 'invalid_pattern'],
    ['a[!', 'invalid_pattern'],
    ['a b*', 'invalid_pattern'],
    [`${'n'.repeat(255)}*`, 'invalid_pattern'],
    ['', 'invalid_event_name'],
  ])('refuses %s', async (pattern, code) => {
    await expect(listen(pattern, () => {}).then()).rejects.toMatchObject({ code })
  })
})
