import type { Usable } from '../types/disposable.js'
import type { EmitOptions, Receipt } from '../types/emit.js'
import type { ErrorCode } from '../types/error-code.js'
import type { BusEvent } from '../types/event.js'
import type { EventMap } from '../types/event-map.js'
import type { Gap, GapReason } from '../types/gap.js'
import type {
  EventArguments,
  EventPayload,
  NameOf,
  PartPayload,
  RequestPayload,
  RequestPayloadArguments,
  ResponsePayload,
} from '../types/map.js'
import type { EmitHandledOptions, Handled } from '../types/outcome.js'
import type { PartStream, StreamRequestOptions } from '../types/part-stream.js'
import type { RequestContext, RequestOptions } from '../types/request.js'
import type { RequestMap } from '../types/request-map.js'
import type { PartsToSend, StreamMap } from '../types/stream-map.js'
import type { Target } from '../types/target.js'
import type { Replay, ReplayOptions } from './compare.js'
import type { Recording } from './recording.js'

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
  /** The label of the webview in which the code under test runs; `main` by default. */
  label?: string
  /** The names and glob patterns that the app retains by policy, without `retain` in each `emit`. */
  retain?: readonly string[]
  /**
   * Whether the page is starting, so that a new subscription also receives what came before it (`replayed`). By default it
   * receives only retained events, as in a page that has been there for a while.
   */
  startingUp?: boolean
  /** A recording, or its text, for {@link TestBus.replay}. */
  replay?: Recording | string
}

/**
 * How the test emits: the options of `emit`, and what receivers learn about the origin of an event.
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
  /** The names of what caused it, oldest first. Within {@link TestBus.listen} the event being handled by default. */
  causes?: readonly string[]
}

/**
 * How the test emits an event and waits until it is handled: the options of `emitHandled`, and what caused it.
 *
 * @example
 * ```ts
 * import { listen } from 'tauri-plugin-event-bus-api'
 * import { createTestBus, type TestEmitHandledOptions } from 'tauri-plugin-event-bus-api/testing'
 *
 * const soon: TestEmitHandledOptions = { to: 'main', timeoutMs: 500 }
 * const bus = createTestBus()
 * await listen('app:closing', () => {})
 * console.log((await bus.emitHandled('app:closing', null, soon)).pages)
 * bus.dispose()
 * ```
 */
export interface TestEmitHandledOptions extends EmitHandledOptions {
  /** The names of what caused it, oldest first. Within a handler of the test what is being handled by default. */
  causes?: readonly string[]
}

/**
 * How the test sends a request: the options of `request`, and what caused the request.
 *
 * @example
 * ```ts
 * import { respond } from 'tauri-plugin-event-bus-api'
 * import { createTestBus, type TestRequestOptions } from 'tauri-plugin-event-bus-api/testing'
 *
 * const afterClick: TestRequestOptions = { timeoutMs: 500, causes: ['click'] }
 * const bus = createTestBus()
 * await respond('confirm', (_, { causes }) => causes.includes('click'))
 * console.log(await bus.request('main', 'confirm', { title: 'Really?' }, afterClick))
 * bus.dispose()
 * ```
 */
export interface TestRequestOptions extends RequestOptions {
  /** The names of what caused it, oldest first. Within a handler of the test what is being handled by default. */
  causes?: readonly string[]
}

/**
 * How the test requests a stream: the options of `requestStream`, and what caused the request.
 *
 * @example
 * ```ts
 * import { respondStream } from 'tauri-plugin-event-bus-api'
 * import { createTestBus, type TestStreamRequestOptions } from 'tauri-plugin-event-bus-api/testing'
 *
 * const slowly: TestStreamRequestOptions = { credit: { parts: 1 } }
 * const bus = createTestBus()
 * await respondStream('count', function* () {
 *   yield* [1, 2, 3]
 * })
 * for await (const number of bus.requestStream('main', 'count', null, slowly)) console.log(number)
 * bus.dispose()
 * ```
 */
export interface TestStreamRequestOptions extends StreamRequestOptions {
  /** The names of what caused it, oldest first. Within a handler of the test what is being handled by default. */
  causes?: readonly string[]
}

/**
 * What the function of a task gets: see {@link TestBus.registerTask}.
 *
 * @example
 * ```ts
 * import { createTestBus, type TestTask } from 'tauri-plugin-event-bus-api/testing'
 *
 * const bus = createTestBus()
 * bus.registerTask('export', (rows: number, task: TestTask) => {
 *   task.progress(0.5, `${rows} rows`)
 *   return 'export.csv'
 * })
 * bus.dispose()
 * ```
 */
export interface TestTask {
  readonly name: string
  readonly key: string
  /** Aborts when the task is cancelled. */
  readonly signal: AbortSignal
  /** Tells how much is done, from 0 to 1 or `null`, and anything beside it. */
  progress(fraction: number | null, detail?: unknown): void
}

/**
 * The end of a channel that the host has: see {@link TestBus.acceptChannel}. `send` waits for credit, `close` ends what the
 * host sends, and a loop over it takes what the page sends.
 *
 * @example
 * ```ts
 * import { createTestBus, type TestChannel } from 'tauri-plugin-event-bus-api/testing'
 *
 * const bus = createTestBus()
 * bus.acceptChannel('upper', async (_, channel: TestChannel<string, string>) => {
 *   for await (const text of channel) await channel.send(text.toUpperCase())
 * })
 * bus.dispose()
 * ```
 */
export interface TestChannel<Incoming, Outgoing> {
  send(part: Outgoing): Promise<void>
  close(): void
  [Symbol.asyncIterator](): AsyncIterableIterator<Incoming>
}

/**
 * An event of any emitter.
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
  extends Pick<
    BusEvent<Payload>,
    'event' | 'payload' | 'seq' | 'source' | 'component' | 'causes' | 'traceparent' | 'hops'
  > {
  /** The receivers, as they were given; `undefined` for everyone. */
  to: Target | undefined
  /** Who does not receive it, as it was given. */
  except: Target | undefined
  /** Whether it is kept for later subscriptions. */
  retain: boolean
}

/** What the test can do as the host, and as a page that it plays. */
export interface TestEndpoint<Events extends object, Requests extends object, Streams extends object> {
  /** Emits to everyone. Throws the error that the host would return. */
  emit<Name extends NameOf<Events>>(
    event: Name,
    ...payload: [...EventArguments<Events, Name>, options?: TestEmitOptions]
  ): Receipt
  /** Emits to some receivers only. */
  emitTo<Name extends NameOf<Events>>(
    to: Target,
    event: Name,
    ...payload: [...EventArguments<Events, Name>, options?: TestEmitOptions]
  ): Receipt
  /**
   * Emits to everyone, or to `to`, and waits until the event is handled, as with a real host: by the code under test, by the
   * pages that the test plays, and by the listeners that stand for Rust.
   */
  emitHandled<Name extends NameOf<Events>>(
    event: Name,
    ...payload: [...EventArguments<Events, Name>, options?: TestEmitHandledOptions]
  ): Promise<Handled>
  /**
   * Sends a request to the code under test, by its label, to another page, or to the host (`HOST`). Resolves and rejects as
   * with a real host.
   */
  request<Name extends NameOf<Requests>>(
    to: Target,
    name: Name,
    ...payload: [...RequestPayloadArguments<Requests, Name>, options?: TestRequestOptions]
  ): Promise<ResponsePayload<Requests, Name>>
  /**
   * Registers a responder. Returns what ends it.
   *
   * @throws {EventBusError} `duplicate_responder` where the name has one there already.
   */
  respond<Name extends NameOf<Requests>>(
    name: Name,
    responder: (
      request: RequestPayload<Requests, Name>,
      context: RequestContext,
    ) => ResponsePayload<Requests, Name> | PromiseLike<ResponsePayload<Requests, Name>>,
  ): () => void
  /** Requests a stream from the code under test, by its label, from another page, or from the host (`HOST`). It has credit. */
  requestStream<Name extends NameOf<Streams>>(
    to: Target,
    name: Name,
    ...payload: [...RequestPayloadArguments<Streams, Name>, options?: TestStreamRequestOptions]
  ): PartStream<PartPayload<Streams, Name>, ResponsePayload<Streams, Name>>
  /**
   * Registers a responder of streams: what the generator yields are the parts. Returns what ends it.
   *
   * @throws {EventBusError} `duplicate_responder` where the name has one there already, of either kind.
   */
  respondStream<Name extends NameOf<Streams>>(
    name: Name,
    responder: (
      request: RequestPayload<Streams, Name>,
      context: RequestContext,
    ) => PartsToSend<PartPayload<Streams, Name>, ResponsePayload<Streams, Name>>,
  ): () => void
}

/**
 * Another page of the app, which the test plays.
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
export interface TestPage<
  Events extends object = EventMap,
  Requests extends object = RequestMap,
  Streams extends object = StreamMap,
> extends TestEndpoint<Events, Requests, Streams> {
  /** The label of its webview. */
  readonly label: string
  /**
   * Listens as this page, also to what is retained. What a handler throws is reported, and makes the outcome of `emitHandled`
   * for this page `failed`. Returns what ends it.
   */
  listen<Name extends NameOf<Events>>(
    event: Name,
    handler: (event: BusEvent<EventPayload<Events, Name>>) => unknown,
  ): () => void
  /** The payloads of that name or glob pattern that were for this page since it was made, including retained ones. */
  received<Name extends NameOf<Events>>(event: Name): EventPayload<Events, Name>[]
  /**
   * Closes it: the requests that it received end with `page_gone`, and those that it sent are cancelled.
   * {@link TestBus.page} makes another page of its label.
   */
  close(): void
}

/**
 * A bus in memory. The code under test uses the package as always. The test emits as the host does, plays other pages, and looks
 * at what was emitted.
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
export interface TestBus<
  Events extends object = EventMap,
  Requests extends object = RequestMap,
  Streams extends object = StreamMap,
> extends TestEndpoint<Events, Requests, Streams>,
    Usable {
  /** Listens as Rust's `listen`, to broadcasts and to what is sent to the host. Returns what ends it. */
  listen<Name extends NameOf<Events>>(
    event: Name,
    handler: (event: BusEvent<EventPayload<Events, Name>>) => unknown,
  ): () => void
  /** Listens as Rust's `listen_any`, to every event of that name or glob pattern, for any receiver. Returns a function that ends it. */
  listenAny<Name extends NameOf<Events>>(
    event: Name,
    handler: (event: BusEvent<EventPayload<Events, Name>>) => unknown,
  ): () => void
  /** The page of that label, made at the first call. The code under test can send to it from then on. */
  page(label: string): TestPage<Events, Requests, Streams>
  /** The payloads that the code under test has emitted under that name or glob pattern, in order. */
  emitted<Name extends NameOf<Events>>(event: Name): EventPayload<Events, Name>[]
  /** What everyone has emitted under a name or glob pattern, or altogether, in order. */
  history<Name extends NameOf<Events> = string>(event?: Name): EmittedEvent<EventPayload<Events, Name>>[]
  /** How many subscriptions of the code under test match that name, or how many it has. */
  listeners(event?: NameOf<Events>): number
  /** How many responders of that name the code under test has (none or one), or how many altogether. */
  responders(name?: NameOf<Requests> | NameOf<Streams>): number
  /**
   * Makes the next tick of a job of the code under test, since no clock makes any: the job with that id of the page, or else
   * one that it has started for the host. Throws where the job is paused or waits for a listener, and the error of its tick,
   * which is also its `lastError`.
   */
  tick(job: string): Receipt
  /**
   * Adds a job source, as the app registers it with `Builder::job_source`. It is called at each tick with the `args` of the job, or `null`. Returns
   * what removes it; jobs that have begun go on.
   */
  jobSource(name: string, source: (args: unknown) => unknown): () => void
  /**
   * Adds a task, as the app registers it with `register_task`. It runs at once whenever it is started, and ends when `run` does.
   * Returns what removes it; those that run go on.
   */
  registerTask<Args = unknown>(name: string, run: (args: Args, task: TestTask) => unknown): () => void
  /**
   * Accepts channels of that name, as the host does with `accept_channel`. A channel ends when `accept` does. Returns what ends
   * the accepting.
   *
   * @throws {EventBusError} `duplicate_responder` where the host has a responder of that name already.
   */
  acceptChannel<Request = unknown, Incoming = unknown, Outgoing = unknown>(
    name: string,
    accept: (request: Request, channel: TestChannel<Incoming, Outgoing>, context: RequestContext) => unknown,
  ): () => void
  /** Forgets the retained events of that name or glob pattern, as Rust does. Returns how many there were. */
  clearRetained(event: NameOf<Events>): number
  /** Loses `count` events of that name (1 by default), so that its listeners receive a {@link Gap}. */
  gap(event: NameOf<Events>, options?: { count?: number; reason?: GapReason }): Gap
  /**
   * Refuses a name or a glob pattern from now on: to emit it, to listen to it, to request it or to respond to it, or all of
   * these. Without a code it is `denied`. Returns what allows it again.
   */
  refuse(
    name: NameOf<Events> | NameOf<Requests> | NameOf<Streams>,
    options?: { command?: 'emit' | 'listen' | 'request' | 'respond'; code?: ErrorCode; message?: string },
  ): () => void
  /**
   * Resolves once everything that was emitted has been handled, including what handlers emit in turn, and requests have
   * reached their responders. It does not wait for timers, network requests and responses that take time. Rejects where
   * that never ends.
   */
  settled(): Promise<void>
  /**
   * Plays the recording of {@link TestBusOptions.replay}: emits the events of the chosen sources, sends their requests to the
   * code under test, and responds to its requests as they were responded to. Compares what the code emits with what the
   * recording has of its page, by name, target and payload, and its responses.
   *
   * @throws {EventBusError} by rejection: `invalid_argument` if there is no recording, or a payload in it was cut.
   */
  replay(options?: ReplayOptions): Promise<Replay>
  /** Removes the bus and everything that listens to it, and restores what it has replaced. */
  dispose(): void
}
