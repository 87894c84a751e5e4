import { newInbox } from '../core/inbox.js'
import { TEST_BUS } from '../core/page.js'
import { INBOX } from '../core/realm.js'
import { isQuoted } from '../core/replies.js'
import type { TestHost } from './host.js'
import { argumentsOf } from './payload.js'

type Invoke = (command: string, args?: Record<string, unknown>, options?: unknown) => Promise<unknown>

interface Internals {
  invoke?: Invoke
  metadata?: unknown
  [TEST_BUS]?: true
}

/** Puts a host behind the package's real transport, so that all of the package runs. Returns what restores everything. */
export function install(host: TestHost): () => void {
  const realm = globalThis as Record<PropertyKey, unknown>
  const page = (realm.window ?? {}) as Record<PropertyKey, unknown>
  const before = page.__TAURI_INTERNALS__ as Internals | undefined
  if (before?.[TEST_BUS]) {
    throw new Error('there is a test bus already: dispose of it at the end of each test, or declare it with `using`')
  }
  const label = host.label
  const internals: Internals = {
    metadata: { currentWindow: { label }, currentWebview: { windowLabel: label, label } },
    ...before,
    invoke: invokeOf(host, before?.invoke),
    [TEST_BUS]: true,
  }
  const restored = [
    replace(realm, 'window', page),
    replace(page, '__TAURI_INTERNALS__', internals),
    // The guards of a page in an app are not for tests, which may run in a frame.
    replace(realm, INBOX, newInbox()),
  ]
  let isRunning = true
  return () => {
    if (!isRunning) return
    isRunning = false
    host.leave()
    for (const restore of restored.reverse()) restore()
  }
}

function invokeOf(host: TestHost, otherwise: Invoke | undefined): Invoke {
  const prefix = 'plugin:event-bus|'
  return async (command, args = {}, options) => {
    // Only JSON crosses the boundary.
    if (command.startsWith(prefix)) {
      const reply = await host.handle(command.slice(prefix.length), argumentsOf(args))
      return isQuoted(reply) ? [JSON.stringify(reply)] : reply
    }
    if (otherwise) return otherwise(command, args, options)
    throw `Command ${command} not found: the test bus has only the commands of the event bus. Call mockIPC of @tauri-apps/api/mocks before createTestBus for others`
  }
}

function replace(owner: Record<PropertyKey, unknown>, key: PropertyKey, value: unknown): () => void {
  const before = Object.getOwnPropertyDescriptor(owner, key)
  if (value !== undefined && owner[key] === value) return () => {}
  if (value === undefined) Reflect.deleteProperty(owner, key)
  else Object.defineProperty(owner, key, { value, configurable: true, writable: true })
  return () => {
    if (before) Object.defineProperty(owner, key, before)
    else Reflect.deleteProperty(owner, key)
  }
}
