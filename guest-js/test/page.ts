import { expect, type Mock, vi } from 'vitest'
import { createTestBus, type TestBus } from '../src/testing/index.js'

/** A bus in memory, and what of the code under test a page would report or send. */
export interface Watched {
  readonly bus: TestBus
  readonly reported: Mock
  /** The commands that were sent since the last look, without pulls. */
  commands(): string[]
  /** Ends the test: nothing may listen any more. */
  end(): Promise<void>
}

/** Puts a watched bus around a test of a framework. */
export function watchedBus(): Watched {
  const bus = createTestBus()
  const reported = vi.fn()
  vi.stubGlobal('reportError', reported)
  const internals = (window as unknown as { __TAURI_INTERNALS__: { invoke(...args: unknown[]): unknown } })
    .__TAURI_INTERNALS__
  const invoked = vi.spyOn(internals, 'invoke')
  return {
    bus,
    reported,
    commands() {
      const names = invoked.mock.calls.map(([command]) => String(command).replace('plugin:event-bus|', ''))
      invoked.mockClear()
      return names.filter((name) => name !== 'pull')
    },
    async end() {
      await bus.settled()
      expect(bus.listeners()).toBe(0)
      bus.dispose()
      vi.unstubAllGlobals()
      vi.restoreAllMocks()
    },
  }
}
