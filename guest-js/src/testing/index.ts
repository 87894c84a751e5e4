/**
 * A bus in memory for an app's own tests, without Tauri.
 *
 * @module
 */

/// <reference lib="esnext.disposable" preserve="true" />

import type { EmitOptions, Receipt } from '../api/emit.js'
import type { RequestContext, RequestOptions } from '../api/request.js'
import { DISPOSE } from '../core/disposal.js'
import type { ErrorCode } from '../core/error.js'
import { nextTask } from '../core/inbox.js'
import { INBOX } from '../core/realm.js'
import { type BusEvent, type Gap, type GapReason, payloadJson } from '../types/event.js'
import type { EventMap } from '../types/event-map.js'
import type { RequestMap } from '../types/request-map.js'
import type { Target } from '../types/target.js'
import { globOf, hasWildcard } from './glob.js'
import { type Accepted, hearingOf, type Refusable, TestHost } from './host.js'
import type { Label } from './requests.js'
import { neededTarget } from './target.js'

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

type QuestionIn<Requests, Name> = Name extends keyof Requests
  ? Requests[Name] extends { question: infer Question }
    ? [Question] extends [Nothing]
      ? null
      : Question
    : null
  : unknown

type AnswerIn<Requests, Name> = Name extends keyof Requests
  ? Requests[Name] extends { answer: infer Answer }
    ? Answer
    : null
  : unknown

type QuestionArgumentsIn<Requests, Name> = Name extends keyof Requests
  ? Requests[Name] extends { question: infer Question }
    ? undefined extends Question
      ? [question?: Question]
      : [Question] extends [Nothing]
        ? [question?: Question]
        : [question: Question]
    : [question?: undefined]
  : [question?: unknown]

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
 * How the test asks: besides the options of `request`, what the question follows from.
 *
 * @example
 * ```ts
 * import { respond } from 'tauri-plugin-event-bus-api'
 * import { createTestBus, type TestRequestOptions } from 'tauri-plugin-event-bus-api/testing'
 *
 * const afterClick: TestRequestOptions = { timeoutMs: 500, causes: ['click'] }
 * const bus = createTestBus()
 * await respond('confirm', (_, { causes }) => causes.includes('click'))
 * console.log(await bus.request('main', 'confirm', null, afterClick))
 * bus.dispose()
 * ```
 */
export interface TestRequestOptions extends RequestOptions {
  /** The names of what caused it, oldest first; within a handler of the test, what that handles by default. */
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
export interface TestPage<Events extends object = EventMap, Requests extends object = RequestMap> {
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
  /**
   * Asks the code under test, by its label, another page, or Rust (`'host'`), as this page. It ends as with the host: with the
   * answer, or by rejection.
   */
  request<Name extends NameIn<Requests>>(
    target: Target,
    event: Name,
    ...question: [...QuestionArgumentsIn<Requests, Name>, options?: TestRequestOptions]
  ): Promise<AnswerIn<Requests, Name>>
  /** Answers questions of that name, as this page. Returns what ends it. Throws `duplicate_responder` where it does already. */
  respond<Name extends NameIn<Requests>>(
    event: Name,
    responder: (
      question: QuestionIn<Requests, Name>,
      context: RequestContext,
    ) => AnswerIn<Requests, Name> | PromiseLike<AnswerIn<Requests, Name>>,
  ): () => void
  /**
   * Closes it: what it was asked ends with `page_gone`, and what it asked is given up. {@link TestBus.page} makes another
   * one of its label.
   */
  close(): void
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
export interface TestBus<Events extends object = EventMap, Requests extends object = RequestMap> extends Disposable {
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
  /** Listens as Rust's `listen`: to what is for everyone, or for Rust, of that name or glob pattern. Returns what ends it. */
  listen<Name extends NameIn<Events>>(
    event: Name,
    handler: (event: BusEvent<PayloadIn<Events, Name>>) => unknown,
  ): () => void
  /** Listens as Rust's `listen_any`: to everything of that name, or glob pattern, whomever it is for. Returns what ends it. */
  listenAny<Name extends NameIn<Events>>(
    event: Name,
    handler: (event: BusEvent<PayloadIn<Events, Name>>) => unknown,
  ): () => void
  /**
   * Asks the code under test, by its label, another page, or Rust (`'host'`), as Rust. It ends as with the host: with the
   * answer, or by rejection.
   */
  request<Name extends NameIn<Requests>>(
    target: Target,
    event: Name,
    ...question: [...QuestionArgumentsIn<Requests, Name>, options?: TestRequestOptions]
  ): Promise<AnswerIn<Requests, Name>>
  /** Answers questions of that name, as Rust. Returns what ends it. Throws `duplicate_responder` where it does already. */
  respond<Name extends NameIn<Requests>>(
    event: Name,
    responder: (
      question: QuestionIn<Requests, Name>,
      context: RequestContext,
    ) => AnswerIn<Requests, Name> | PromiseLike<AnswerIn<Requests, Name>>,
  ): () => void
  /** The page of that label, made at the first call; the code under test can send to it from then on. */
  page(label: string): TestPage<Events, Requests>
  /** The payloads that the code under test has emitted under that name, or glob pattern, in order. */
  emitted<Name extends NameIn<Events>>(event: Name): PayloadIn<Events, Name>[]
  /** What everyone has emitted, of one name or glob pattern or altogether, in order. */
  history<Name extends NameIn<Events> = string>(event?: Name): EmittedEvent<PayloadIn<Events, Name>>[]
  /** How many subscriptions of the code under test hear that name, or how many it has. */
  listeners(event?: NameIn<Events>): number
  /** How many responders of that name the code under test has (none or one), or how many altogether. */
  responders(event?: NameIn<Requests>): number
  /**
   * Makes the next tick of a periodic emit of the code under test, of which no clock makes any: of its own with that id,
   * or else of one that it has started for the app. Throws where the job is paused, or waits for somebody who listens,
   * and why it could not be emitted, as its `lastError` says.
   */
  tick(job: string): Receipt
  /**
   * Plays a source of payloads for periodic emits that the app registers in Rust: it is called at each tick, with the
   * `args` of the job, or `null`. Returns what takes it away; jobs that have begun go on.
   */
  periodicSource(name: string, source: (args: unknown) => unknown): () => void
  /** Loses `count` events of that name (1 by default), so that who listens to it is told of a {@link Gap}. */
  gap(event: NameIn<Events>, options?: { count?: number; reason?: GapReason }): Gap
  /**
   * Refuses a name, or a glob pattern, from now on: to emit it, to listen to it, to ask or to answer it, or all of these.
   * Without a code it is `denied`. Returns what allows it again.
   */
  refuse(
    event: NameIn<Events> | NameIn<Requests>,
    options?: { command?: Refusable; code?: ErrorCode; message?: string },
  ): () => void
  /**
   * Resolves once all that was emitted has been handled, and what the handlers have emitted in turn, and questions have
   * reached who answers them. It does not wait for timers, requests over the network, and answers that take their time.
   * Rejects where that never ends.
   */
  settled(): Promise<void>
  /** Takes the bus away, with all that listens to it, and puts back what it has replaced. */
  dispose(): void
}

/**
 * Puts a bus in memory where Tauri would be, until it is disposed of. There is one at a time.
 *
 * Names, patterns, payloads, order, sequence numbers, retained events, targets, questions and errors are as with the host. Rates and
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
export function createTestBus<Events extends object = EventMap, Requests extends object = RequestMap>(
  options: TestBusOptions = {},
): TestBus<Events, Requests> {
  const { label = 'main', retain = [], startingUp = false } = options
  const policies = retain.map(hearingOf)
  const host = new TestHost(label, (name) => policies.some((matches) => matches(name)), startingUp)
  const dispose = install(host)
  const pages = new Map<string, TestPage<Events, Requests>>()
  const bus: TestBus<Events, Requests> = {
    ...voiceOf<Events, Requests>(host, null),
    listen: (event, handler) => listenAsRust(host, event, handler as Handler),
    listenAny: (event, handler) => listenAsRust(host, event, handler as Handler, true),
    page(name) {
      const page = pages.get(name) ?? makePage<Events, Requests>(host, name, () => pages.delete(name))
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
    responders: (event) => host.answering(event),
    tick: (job) => host.jobs.tick(job),
    periodicSource(name, source) {
      const { sources } = host.jobs
      if (sources.has(name)) throw new Error(`the periodic source "${name}" is there already: each has its own name`)
      sources.set(name, source)
      return () => sources.delete(name)
    },
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

type Handler = (event: BusEvent<unknown>) => unknown

function listenAsRust(host: TestHost, event: string, deliver: Handler, hearsAny = false): () => void {
  const listener = { label: null, hears: hearingOf(event), hearsAny, deliver }
  host.listeners.add(listener)
  host.giveRetained(listener)
  return () => host.listeners.delete(listener)
}

type Voice<Events extends object, Requests extends object> = Pick<
  TestPage<Events, Requests>,
  'emit' | 'emitTo' | 'request' | 'respond'
>

function emittedOf({ timestamp: _, extras: { component, causes = [] }, ...emitted }: Accepted): EmittedEvent {
  return structuredClone({
    ...emitted,
    ...(component !== undefined && { component }),
    ...(causes.length > 0 && { causes }),
    hops: causes.length,
  })
}

/** What Rust, or a page that the test plays, can say. `check` is called before it says anything. */
function voiceOf<Events extends object, Requests extends object>(
  host: TestHost,
  label: Label,
  check: () => void = () => {},
): Voice<Events, Requests> {
  const send = (to: Target | undefined, event: string, payload?: unknown, options?: TestEmitOptions) => {
    check()
    return host.emit(label, { ...options, event, payload: payloadJson(event, payload), to })
  }
  const emit = (event: string, payload?: unknown, options?: TestEmitOptions) => send(undefined, event, payload, options)
  const emitTo = (to: Target, event: string, payload?: unknown, options?: TestEmitOptions) =>
    send(neededTarget(to), event, payload, options)
  const request = (target: Target, event: string, question?: unknown, options?: TestRequestOptions) => {
    try {
      check()
      const to: Target = target === 'host' ? { kind: 'App' } : target
      return host.ask(label, { ...options, event, to, payload: payloadJson(event, question) }).answer
    } catch (error) {
      return Promise.reject(error)
    }
  }
  const respond: Voice<Events, Requests>['respond'] = (event, responder) => {
    check()
    return host.respond(label, event, responder)
  }
  return { emit, emitTo, request, respond } as unknown as Voice<Events, Requests>
}

function makePage<Events extends object, Requests extends object>(
  host: TestHost,
  label: string,
  closed: () => void,
): TestPage<Events, Requests> {
  if (label === host.label) {
    throw new Error(`the code under test is the page "${label}": emit, listen, request and respond as it does`)
  }
  host.play(label)
  const received: BusEvent<unknown>[] = []
  const listener = { label, hears: () => true, deliver: (event: BusEvent<unknown>) => received.push(event) }
  host.listeners.add(listener)
  host.giveRetained(listener)
  let isClosed = false
  const check = () => {
    if (isClosed) throw new Error(`the page "${label}" is closed: bus.page("${label}") makes another one`)
  }
  return {
    label,
    ...voiceOf<Events, Requests>(host, label, check),
    received(event) {
      const matches = hearingOf(event)
      return received.filter((one) => matches(one.event)).map(({ payload }) => payload) as never
    },
    close() {
      if (isClosed) return
      isClosed = true
      closed()
      host.close(label)
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
  if (value !== undefined && owner[key] === value) return () => {}
  if (value === undefined) Reflect.deleteProperty(owner, key)
  else Object.defineProperty(owner, key, { value, configurable: true, writable: true })
  return () => {
    if (before) Object.defineProperty(owner, key, before)
    else Reflect.deleteProperty(owner, key)
  }
}
