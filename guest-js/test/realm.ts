import { vi } from 'vitest'
import { INBOX } from '../src/core/realm.js'
import { FakeHost } from './fake-host.js'

/** Puts a fresh realm around a test: a window with a fake host, no inbox, and watched reports. */
export function freshRealm(): { host: FakeHost; reported: ReturnType<typeof vi.fn>; warned: ReturnType<typeof vi.fn> } {
  const host = new FakeHost()
  const reported = vi.fn()
  const warned = vi.fn()
  Reflect.deleteProperty(globalThis, INBOX)
  // Under a DOM the window is the one that there is.
  const page = (typeof window === 'undefined' ? {} : window) as unknown as Record<string, unknown>
  Object.assign(page, {
    __TAURI_INTERNALS__: { invoke: host.invoke, metadata: { currentWebview: { label: 'main' } } },
  })
  if (typeof window === 'undefined') {
    page.top = page
    vi.stubGlobal('window', page)
  }
  vi.stubGlobal('reportError', reported)
  vi.spyOn(console, 'warn').mockImplementation(warned)
  return { host, reported, warned }
}

/** Lets everything run that waits for nothing but microtasks. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 60; turn += 1) await Promise.resolve()
}

/** Lets the task end, as unhandled rejections are judged by it. */
export function endOfTask(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0))
}
