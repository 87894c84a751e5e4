/**
 * A bus in memory for an app's own tests, without Tauri.
 *
 * @module
 */

/// <reference lib="esnext.disposable" preserve="true" />

import { DISPOSE } from './disposal.js'
import type { EmitOptions, Receipt } from './emit.js'
import type { ErrorCode } from './error.js'
import { type BusEvent, type Gap, type GapReason, payloadJson } from './event.js'
import type { EventMap } from './event-map.js'
import { globOf, hasWildcard } from './glob.js'
import { nextTask } from './inbox.js'
import { INBOX } from './realm.js'
import type { Target } from './target.js'
import { type Accepted, type Emitted, hearingOf, TestHost } from './test-host.js'

/** How often {@link TestBus.settled} looks whether the app has come to rest. */
const MOST_ROUNDS = 10_000

/** A name among the events of an app, or any other one. */
type NameIn<Events> = (keyof Events & string) | (string & Record<never, never>)

// biome-ignore lint/suspicious/noConfusingVoidType: Apps write void, which undefined does not cover.
type Nothing = undefined | null | void

type PayloadIn<Events, Name> = Name extends keyof Events
  ? [Events[Name]] extends [Nothing]
    ? null
    : Events[Name]
  : unknown

type ArgumentsIn<Events, Name> = Name extends keyof Events
  ? undefined extends Events[Name]
    ? [payload?: Events[Name]]
    : [Events[Name]] extends [Nothing]
      ? [payload?: Events[Name]]
      : [payload: Events[Name]]
  : [payload?: unknown]

/**
 * How a {@link TestBus} begins.
 *
 * @example
 * ```ts
 * import { createTestBus, type TestBusOptions } from 'tauri-plugin-event-bus-api/testing'
 *
 * const options: TestBusOptions = { label: 'settings', retain: ['theme:*'] }
 * const bus = createTestBus(options)
 * bus.dispose()
 * ```
 */
export interface TestBusOptions {
  /** The label of the webview that the code under test runs in; `main` by default. */
  label?: string
  /** The names and glob patterns that the app retains by its policy, without `retain` in each `emit`. */
  retain?: readonly string[]
  /**
   * Whether the page is starting, so that a new subscription receives what came before it, too (`replayed`). By default
   * it gets retained events alone, as in a page that has been there for a while.
   */
  startingUp?: boolean
}

/**
 * How the test emits: besides the options of `emit`, what receivers learn of where an event comes from.
 *
 * @example
 * ```ts
 * import { createTestBus, type TestEmitOptions } from 'tauri-plugin-event-bus-api/testing'
 *
 * const fromCart: TestEmitOptions = { component: 'ShoppingCart', causes: ['order:placed'] }
 * const bus = createTestBus()
 * bus.emit('cart:emptied', undefined, fromCart)
 * bus.dispose()
 * ```
 */
export interface TestEmitOptions extends EmitOptions {
  /** The component that emits it. */
  component?: string
  /** The names of what caused it, oldest first; within {@link TestBus.listen}, what is listened to by default. */
  causes?: readonly string[]
}

/**
 * What was emitted, by whomever.
 *
 * @example
 * ```ts
 * import { createTestBus, type EmittedEvent } from 'tauri-plugin-event-bus-api/testing'
 *
 * const bus = createTestBus()
 * const last: EmittedEvent | undefined = bus.history('cart:*').at(-1)
 * console.log(last?.source.kind, last?.to, last?.retain)
 * ```
 */
export interface EmittedEvent<Payload = unknown>
  extends Pick<BusEvent<Payload>, 'event' | 'payload' | 'seq' | 'source' | 'component' | 'causes' | 'hops'> {
  /** Whom it was for, as it was given; `undefined` for everyone. */
  to: Target | undefined
  /** Whether it is kept for later subscriptions. */
  retain: boolean
}

/**
 * Another page of the app, played by the test.
 *
 * @example
 * ```ts
 * import { createTestBus, type TestPage } from 'tauri-plugin-event-bus-api/testing'
 *
 * const bus = createTestBus()
 * const settings: TestPage = bus.page('settings')
 * settings.emit('theme:changed', { dark: true })
 * console.log(settings.received('cart:*'))
 * ```
 */
export interface TestPage<Events extends object = EventMap> {
  /** The label of its webview. */
  readonly label: string
  /** Emits to everyone, as this page. */
  emit<Name extends NameIn<Events>>(
    event: Name,
    ...payload: [...ArgumentsIn<Events, Name>, options?: TestEmitOptions]
  ): Receipt
  /** Emits to some webviews alone, as this page. */
  emitTo<Name extends NameIn<Events>>(
    target: Target,
    event: Name,
    ...payload: [...ArgumentsIn<Events, Name>, options?: TestEmitOptions]
  ): Receipt
  /** The payloads of that name, or glob pattern, that were for this page since it was made, retained ones included. */
  received<Name extends NameIn<Events>>(event: Name): PayloadIn<Events, Name>[]
}

/**
 * A bus in memory. The code under test uses the package as always; the test emits as Rust does, plays other pages, and
 * looks at what was emitted.
 *
 * @example
 * ```ts
 * import { emit, listen } from 'tauri-plugin-event-bus-api'
 * import { createTestBus, type TestBus } from 'tauri-plugin-event-bus-api/testing'
 *
 * const bus: TestBus = createTestBus()
 * listen('order:placed', () => emit('list:refresh'))
 * await bus.settled()
 * bus.emit('order:placed', { id: 7 })
 * await bus.settled()
 * console.log(bus.emitted('list:refresh').length)
 * bus.dispose()
 * ```
 */
export interface TestBus<Events extends object = EventMap> extends Disposable {
  /** Emits to everyone, as Rust. Throws what Rust would return as an error. */
  emit<Name extends NameIn<Events>>(
    event: Name,
    ...payload: [...ArgumentsIn<Events, Name>, options?: TestEmitOptions]
  ): Receipt
  /** Emits to some webviews alone, as Rust. */
  emitTo<Name extends NameIn<Events>>(
    target: Target,
    event: Name,
    ...payload: [...ArgumentsIn<Events, Name>, options?: TestEmitOptions]
  ): Receipt
  /** Listens as Rust: to everything of that name, or glob pattern, whomever it is for. Returns what ends it. */
  listen<Name extends NameIn<Events>>(
    event: Name,
    handler: (event: BusEvent<PayloadIn<Events, Name>>) => unknown,
  ): () => void
  /** The page of that label, made at the first call; the code under test can send to it from then on. */
  page(label: string): TestPage<Events>
  /** The payloads that the code under test has emitted under that name, or glob pattern, in order. */
  emitted<Name extends NameIn<Events>>(event: Name): PayloadIn<Events, Name>[]
  /** What everyone has emitted, of one name or glob pattern or altogether, in order. */
  history<Name extends NameIn<Events> = string>(event?: Name): EmittedEvent<PayloadIn<Events, Name>>[]
  /** How many subscriptions of the code under test hear that name, or how many it has. */
  listeners(event?: NameIn<Events>): number
  /** Makes the next tick of a periodic emit of the code under test, of which no clock makes any. */
  tick(job: string): Receipt
  /** Loses `count` events of that name (1 by default), so that who listens to it is told of a {@link Gap}. */
  gap(event: NameIn<Events>, options?: { count?: number; reason?: GapReason }): Gap
  /**
   * Refuses a name, or a glob pattern, from now on: to emit it, to listen to it, or both. Without a code it is `denied`.
   * Returns what allows it again.
   */
  refuse(
    event: NameIn<Events>,
    options?: { command?: 'emit' | 'listen'; code?: ErrorCode; message?: string },
  ): () => void
  /**
   * Resolves once all that was emitted has been handled, and what the handlers have emitted in turn. It does not wait
   * for timers and requests. Rejects where that never ends.
   */
  settled(): Promise<void>
  /** Takes the bus away, with all that listens to it, and puts back what it has replaced. */
  dispose(): void
}

/**
 * Puts a bus in memory where Tauri would be, until it is disposed of. There is one at a time.
 *
 * Names, patterns, payloads, order, sequence numbers, retained events, targets and errors are as with the host. Rates and
 * quotas are not looked at, and periodic emits tick when the test says so.
 *
 * @throws {Error} where the bus of another test is still there.
 *
 * @example
 * ```ts
 * import { emit } from 'tauri-plugin-event-bus-api'
 * import { createTestBus } from 'tauri-plugin-event-bus-api/testing'
 *
 * interface AppEvents {
 *   'cart:updated': { itemCount: number }
 * }
 * using bus = createTestBus<AppEvents>()
 * await emit('cart:updated', { itemCount: 3 })
 * console.log(bus.emitted('cart:updated')[0]?.itemCount)
 * ```
 */
export function createTestBus<Events extends object = EventMap>(options: TestBusOptions = {}): TestBus<Events> {
  const { label = 'main', retain = [], startingUp = false } = options
  const policies = retain.map(hearingOf)
  const host = new TestHost(label, (name) => policies.some((matches) => matches(name)), startingUp)
  const dispose = install(host)
  const rust = emitter<Events>((emitted) => host.emit(emitted))
  const pages = new Map<string, TestPage<Events>>()
  const bus: TestBus<Events> = {
    ...rust,
    listen(event, handler) {
      const deliver = handler as (event: BusEvent<unknown>) => unknown
      const listener = { label: null, hears: hearingOf(event), deliver }
      host.listeners.add(listener)
      host.giveRetained(listener)
      return () => host.listeners.delete(listener)
    },
    page(name) {
      const page = pages.get(name) ?? makePage<Events>(host, name)
      pages.set(name, page)
      return page
    },
    emitted: (event) =>
      bus
        .history(event)
        .filter(({ source }) => source.kind === 'webview' && source.label === label)
        .map(({ payload }) => payload),
    history(event) {
      const matches = event === undefined ? () => true : hearingOf(event)
      const found = host.accepted.filter((accepted) => matches(accepted.event))
      return found.map(emittedOf) as never
    },
    listeners: (event) => host.listening(event),
    tick: (job) => host.tick(job),
    gap: (event, { count = 1, reason = 'queue_full' } = {}) => host.lose(event, count, reason),
    refuse(event, { command, code = 'denied', message = `the test refuses "${event}"` } = {}) {
      const matches = hasWildcard(event) ? globOf(event) : (text: string) => text === event
      const refusal = { matches, command, code, message }
      host.refusals.add(refusal)
      return () => host.refusals.delete(refusal)
    },
    settled: () => settle(host),
    dispose,
    [DISPOSE]: dispose,
  }
  return bus
}

type Emitter<Events extends object> = Pick<TestPage<Events>, 'emit' | 'emitTo'>

function emittedOf({ timestamp: _, extras: { component, causes = [] }, ...emitted }: Accepted): EmittedEvent {
  return structuredClone({
    ...emitted,
    ...(component !== undefined && { component }),
    ...(causes.length > 0 && { causes }),
    hops: causes.length,
  })
}

function emitter<Events extends object>(accept: (emitted: Emitted) => Receipt): Emitter<Events> {
  const emitTo = (to: Target | undefined, event: string, payload?: unknown, options?: TestEmitOptions) =>
    accept({ ...options, event, payload: payloadJson(event, payload), to })
  const emit = (event: string, payload?: unknown, options?: TestEmitOptions) =>
    emitTo(undefined, event, payload, options)
  return { emit, emitTo } as unknown as Emitter<Events>
}

function makePage<Events extends object>(host: TestHost, label: string): TestPage<Events> {
  if (label === host.label) throw new Error(`the code under test is the page "${label}": emit and listen as it does`)
  host.labels.add(label)
  const received: BusEvent<unknown>[] = []
  const listener = { label, hears: () => true, deliver: (event: BusEvent<unknown>) => received.push(event) }
  host.listeners.add(listener)
  host.giveRetained(listener)
  return {
    label,
    ...emitter<Events>((emitted) => host.accept(emitted, { kind: 'webview', label })),
    received(event) {
      const matches = hearingOf(event)
      return received.filter((one) => matches(one.event)).map(({ payload }) => payload) as never
    },
  }
}

async function settle(host: TestHost): Promise<void> {
  let quiet = 0
  for (let round = 0; round < MOST_ROUNDS; round += 1) {
    const { activity } = host
    await nextTask()
    quiet = host.isIdle && host.activity === activity ? quiet + 1 : 0
    // The page answers what it was handed in the next task at the latest.
    if (quiet === 2) return
  }
  const waiting = host.isIdle ? 'the handlers keep emitting' : 'the page does not take what was emitted'
  throw new Error(`the bus has not settled after ${MOST_ROUNDS} rounds: ${waiting}`)
}

type Invoke = (command: string, args?: Record<string, unknown>, options?: unknown) => Promise<unknown>

const TEST_BUS = Symbol.for('tauri-plugin-event-bus/testing')

interface Internals {
  invoke?: Invoke
  metadata?: unknown
  [TEST_BUS]?: true
}

/** Stands behind the package's real transport, so that all of it runs. Returns what puts everything back. */
function install(host: TestHost): () => void {
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
    replace(realm, INBOX, undefined),
  ]
  let running = true
  return () => {
    if (!running) return
    running = false
    host.leave()
    for (const restore of restored.reverse()) restore()
  }
}

function invokeOf(host: TestHost, otherwise: Invoke | undefined): Invoke {
  const prefix = 'plugin:event-bus|'
  return async (command, args = {}, options) => {
    // What crosses the boundary is JSON.
    if (command.startsWith(prefix)) return host.answer(command.slice(prefix.length), JSON.parse(JSON.stringify(args)))
    if (otherwise) return otherwise(command, args, options)
    throw `Command ${command} not found: the test bus answers the event bus alone. Call mockIPC of @tauri-apps/api/mocks before createTestBus for others`
  }
}

function replace(owner: Record<PropertyKey, unknown>, key: PropertyKey, value: unknown): () => void {
  const before = Object.getOwnPropertyDescriptor(owner, key)
  if (owner[key] === value) return () => {}
  if (value === undefined) Reflect.deleteProperty(owner, key)
  else Object.defineProperty(owner, key, { value, configurable: true, writable: true })
  return () => {
    if (before) Object.defineProperty(owner, key, before)
    else Reflect.deleteProperty(owner, key)
  }
}
