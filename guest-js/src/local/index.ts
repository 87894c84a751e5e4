/**
 * A bus in the memory of a page, for an app that also runs in a plain browser.
 *
 * @module
 */

import { DISPOSE } from '../core/disposal.js'
import { EventBusError } from '../core/error.js'
import { newInbox } from '../core/inbox.js'
import { existingInbox, INBOX, isServer } from '../core/realm.js'
import type { Usable } from '../types/disposable.js'
import { LocalHost } from './host.js'
import { Tabs } from './tabs.js'

/**
 * How {@link createLocalBus} behaves.
 *
 * @example
 * ```ts
 * import { createLocalBus, type LocalBusOptions } from 'tauri-plugin-event-bus-api/local'
 *
 * const options: LocalBusOptions = { label: 'main', channel: 'my-app', retain: ['settings:*'] }
 * createLocalBus(options)
 * ```
 */
export interface LocalBusOptions {
  /** The label of this page, which is the source of what it emits; `main` by default. */
  label?: string
  /** Passes events on between the tabs of this origin that name the same channel. Without it, the page is alone. */
  channel?: string
  /** Names or patterns whose events are retained, as the app's policies say for the real bus. */
  retain?: readonly string[]
}

/**
 * What {@link createLocalBus} returns.
 *
 * @example
 * ```ts
 * import { createLocalBus, type LocalBus } from 'tauri-plugin-event-bus-api/local'
 *
 * const bus: LocalBus = createLocalBus()
 * console.log(bus.isLocal ? 'in the browser' : 'in Tauri')
 * bus.dispose()
 * ```
 */
export interface LocalBus extends Usable {
  /** Whether this page uses the bus in memory. It is `false` in a page of Tauri, which uses the real one, and on a server. */
  readonly isLocal: boolean
  /** Ends the bus, and everything that listens to it. */
  dispose(): void
}

/** The bus of this realm, by its inbox. */
const buses = new WeakMap<object, LocalBus>()

/**
 * Puts a bus in memory in the place of Tauri's, so that the web build of an app runs with the same code. Call it once, before
 * anything listens. In a page of Tauri and on a server it does nothing.
 *
 * Names, payloads, order, retained events, requests and streams within the page and jobs are as with Tauri. There are no
 * permissions, no limits and no tasks of the host, and jobs end with the page. Targets are the labels of pages that are open; the host is there and
 * has no listeners.
 *
 * @throws {EventBusError} `invalid_pattern` or `invalid_event_name` for an entry of `retain`; `unavailable` for a `channel` where the
 * browser has no `BroadcastChannel`.
 *
 * @example
 * ```ts
 * import { emit, listen } from 'tauri-plugin-event-bus-api'
 * import { createLocalBus } from 'tauri-plugin-event-bus-api/local'
 *
 * createLocalBus({ channel: 'my-app' })
 * listen('cart:updated', (event) => console.log(event.payload))
 * emit('cart:updated', { itemCount: 3 })
 * ```
 */
export function createLocalBus({ label = 'main', channel, retain = [] }: LocalBusOptions = {}): LocalBus {
  const existing = existingInbox()
  const known = existing && buses.get(existing)
  if (known) return known
  if (existing || isServer() || hasTauri()) return busOf(false, () => {})
  if (channel !== undefined && typeof BroadcastChannel !== 'function') {
    throw new EventBusError('unavailable', `there is no BroadcastChannel here for the channel "${channel}"`)
  }
  const host = new LocalHost(label, retain)
  const inbox = newInbox((command, args) => host.run(command, args))
  inbox.label = label
  Object.defineProperty(globalThis, INBOX, { value: inbox, configurable: true })
  const tabs = channel === undefined ? undefined : new Tabs(channel, host)
  let isRunning = true
  const bus = busOf(true, () => {
    if (!isRunning) return
    isRunning = false
    tabs?.close()
    host.end()
    if (existingInbox() === inbox) Reflect.deleteProperty(globalThis, INBOX)
  })
  buses.set(inbox, bus)
  return bus
}

function hasTauri(): boolean {
  return typeof window !== 'undefined' && '__TAURI_INTERNALS__' in window
}

function busOf(isLocal: boolean, dispose: () => void): LocalBus {
  return { isLocal, dispose, [DISPOSE]: dispose }
}
