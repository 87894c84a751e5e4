import { DISPOSE } from '../core/disposal.js'
import { globOf, hasWildcard } from '../core/glob.js'
import type { BusEvent } from '../types/event.js'
import type { EventMap } from '../types/event-map.js'
import type { RequestContext } from '../types/request.js'
import type { RequestMap } from '../types/request-map.js'
import type { StreamMap } from '../types/stream-map.js'
import type { Target } from '../types/target.js'
import type { OpenedChannel } from './channels.js'
import { filterOf } from './checks.js'
import { cloneOf } from './clone.js'
import { TestHost } from './host.js'
import { install } from './install.js'
import { payloadText } from './payload.js'
import { PlayedRecipient } from './played.js'
import { parseRecording } from './recording.js'
import { replay } from './replay.js'
import type { Label, ResponderKind } from './requests.js'
import { invalidArgument } from './results.js'
import type { AcceptedEvent } from './session.js'
import { creditOf } from './streams.js'
import { neededTarget } from './target.js'
import { nextTask } from './tasks.js'
import type {
  EmittedEvent,
  TestBus,
  TestBusOptions,
  TestEmitHandledOptions,
  TestEmitOptions,
  TestEndpoint,
  TestPage,
  TestRequestOptions,
  TestStreamRequestOptions,
  TestTask,
} from './types.js'

/** How often {@link TestBus.settled} checks whether the app has settled. */
const MAX_ROUNDS = 10_000

/**
 * Puts a bus in memory in the place of Tauri, until it is disposed of. There is one at a time.
 *
 * Names, patterns, payloads, order, sequence numbers, retained events, targets, requests and errors are as with a real host.
 * There are no rate limits and quotas, and jobs tick when the test says so.
 *
 * @throws {Error} where the bus of another test still exists.
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
export function createTestBus<
  Events extends object = EventMap,
  Requests extends object = RequestMap,
  Streams extends object = StreamMap,
>(options: TestBusOptions = {}): TestBus<Events, Requests, Streams> {
  const { label = 'main', retain = [], startingUp = false } = options
  const recording = typeof options.replay === 'string' ? parseRecording(options.replay) : options.replay
  const policies = retain.map(filterOf)
  const host = new TestHost(label, (name) => policies.some((matches) => matches(name)), {
    replays: startingUp,
    waits: startingUp,
    play: (played, requests) => new PlayedRecipient(played, requests),
    adviceFor: (label) => `. In a test, bus.page("${label}") makes one`,
  })
  const dispose = install(host)
  const pages = new Map<string, TestPage<Events, Requests, Streams>>()
  const bus: TestBus<Events, Requests, Streams> = {
    ...testEndpointOf<Events, Requests, Streams>(host, null),
    listen: (event, handler) => listenAsHost(host, event, handler as Handler),
    listenAny: (event, handler) => listenAsHost(host, event, handler as Handler, true),
    page(name) {
      const page = pages.get(name) ?? makePage<Events, Requests, Streams>(host, name, () => pages.delete(name))
      pages.set(name, page)
      return page
    },
    emitted: (event) =>
      bus
        .history(event)
        .filter(({ source }) => source.kind === 'webview' && source.label === label)
        .map(({ payload }) => payload),
    history(event) {
      const matches = event === undefined ? () => true : filterOf(event)
      const found = host.accepted.filter((accepted) => matches(accepted.event))
      return found.map(emittedOf) as never
    },
    listeners: (event) => host.countListeners(event),
    responders: (name) => host.countResponders(name),
    tick: (job) => host.jobs.tick(job),
    jobSource(name, source) {
      const { sources } = host.jobs
      if (sources.has(name)) throw new Error(`there is a job source "${name}" already: each has its own name`)
      sources.set(name, source)
      return () => sources.delete(name)
    },
    registerTask(name, run) {
      const { registered } = host.tasks
      if (registered.has(name)) throw new Error(`there is a task "${name}" already: each has its own name`)
      registered.set(name, run as (args: never, task: TestTask) => unknown)
      return () => registered.delete(name)
    },
    acceptChannel(name, accept) {
      const open = (payload: never, context: RequestContext): OpenedChannel => ({
        payload,
        context,
        accept: accept as never,
      })
      return host.respond(null, name, 'channel', open)
    },
    clearRetained: (event) => host.clearRetained(event),
    gap: (event, { count = 1, reason = 'queue_full' } = {}) => host.lose(event, count, reason),
    refuse(name, { command, code = 'denied', message = `the test refuses "${name}"` } = {}) {
      const matches = hasWildcard(name) ? globOf(name) : (text: string) => text === name
      const refusal = { matches, command, code, message }
      host.refusals.add(refusal)
      return () => host.refusals.delete(refusal)
    },
    settled: () => settle(host),
    async replay(chosen = {}) {
      if (recording) return replay(host, recording, chosen, () => settle(host))
      throw invalidArgument('this bus has no recording: pass one to createTestBus({ replay })')
    },
    dispose,
    [DISPOSE]: dispose,
  }
  return bus
}

type Handler = (event: BusEvent<unknown>) => unknown

function listenAsHost(host: TestHost, event: string, deliver: Handler, receivesAll = false): () => void {
  return host.listen({ label: null, matches: filterOf(event), receivesAll, deliver })
}

function emittedOf({ timestamp: _, extras, ...emitted }: AcceptedEvent): EmittedEvent {
  const { component, causes = [], traceparent } = extras
  return cloneOf({
    ...emitted,
    ...(component !== undefined && { component }),
    ...(traceparent !== undefined && { traceparent }),
    ...(causes.length > 0 && { causes }),
    hops: causes.length,
  })
}

/** What the test can do as the host, or as a page that it plays. `check` is called before it does anything. */
function testEndpointOf<Events extends object, Requests extends object, Streams extends object>(
  host: TestHost,
  label: Label,
  check: () => void = () => {},
): TestEndpoint<Events, Requests, Streams> {
  const send = (to: Target | undefined, event: string, payload?: unknown, options?: TestEmitOptions) => {
    check()
    return host.emit(label, { ...options, event, payload: payloadText(event, payload), to })
  }
  const emit = (event: string, payload?: unknown, options?: TestEmitOptions) => send(undefined, event, payload, options)
  const emitTo = (to: Target, event: string, payload?: unknown, options?: TestEmitOptions) =>
    send(neededTarget(to), event, payload, options)
  const emitHandled = (event: string, payload?: unknown, options?: TestEmitHandledOptions) => {
    try {
      check()
      return host.emitHandled(label, { ...options, event, payload: payloadText(event, payload) })
    } catch (error) {
      return Promise.reject(error)
    }
  }
  const request = (to: Target, name: string, payload?: unknown, options?: TestRequestOptions) => {
    try {
      check()
      return host.request(label, { ...options, name, to, payload: payloadText(name, payload) }).response
    } catch (error) {
      return Promise.reject(error)
    }
  }
  const requestStream = (
    to: Target,
    name: string,
    payload?: unknown,
    { signal, credit = {}, ...options }: TestStreamRequestOptions = {},
  ) =>
    host.played.get(label)?.requestStream(name, signal, (consumer) => {
      check()
      const stream = { ...creditOf(credit), consumer }
      return host.request(label, { ...options, name, to, payload: payloadText(name, payload), stream }).request
    })
  const respondAs = (kind: ResponderKind) => (name: string, responder: (request: never) => unknown) => {
    check()
    return host.respond(label, name, kind, responder)
  }
  const respond = respondAs('single')
  const respondStream = respondAs('stream')
  const endpoint = { emit, emitTo, emitHandled, request, respond, requestStream, respondStream }
  return endpoint as unknown as TestEndpoint<Events, Requests, Streams>
}

function makePage<Events extends object, Requests extends object, Streams extends object>(
  host: TestHost,
  label: string,
  closed: () => void,
): TestPage<Events, Requests, Streams> {
  if (label === host.label) {
    throw new Error(`the code under test is the page "${label}": use the package as it does`)
  }
  host.play(label)
  const received: BusEvent<unknown>[] = []
  const note = (event: BusEvent<unknown>) => received.push(event)
  host.listen({ label, matches: () => true, deliver: note, isRecord: true })
  let isClosed = false
  const check = () => {
    if (isClosed) throw new Error(`the page "${label}" is closed: bus.page("${label}") makes another one`)
  }
  return {
    label,
    ...testEndpointOf<Events, Requests, Streams>(host, label, check),
    listen(event, handler) {
      check()
      return host.listen({ label, matches: filterOf(event), deliver: handler as Handler })
    },
    received(event) {
      const matches = filterOf(event)
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
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const { activity } = host
    await nextTask()
    quiet = host.isIdle && host.activity === activity ? quiet + 1 : 0
    // The page acknowledges what it was given in the next task at the latest.
    if (quiet === 2) return
  }
  const waiting = host.isIdle ? 'the handlers keep emitting' : 'the page does not take what was emitted'
  throw new Error(`the bus has not settled after ${MAX_ROUNDS} rounds: ${waiting}`)
}
