import { checkText, describe } from '../core/checks.js'
import { describeComponent } from '../core/descriptions.js'
import { EventBusError } from '../core/error.js'
import { openInbox } from '../core/inbox.js'
import { publish } from '../core/outgoing.js'
import { currentCauses, traceOf } from '../core/realm.js'
import { report } from '../core/report.js'
import type { ActionComplete, ActionFailed, Message, MessageLevel } from '../types/built-in.js'
import type { Component, MessageOptions, Namespace, View } from '../types/component.js'
import type { EmitOptions, Receipt } from '../types/emit.js'
import type { EmitAtOptions, JobOptions } from '../types/job.js'
import type { EmitHandledOptions } from '../types/outcome.js'
import type { ChannelOptions } from '../types/part-channel.js'
import type { StreamRequestOptions } from '../types/part-stream.js'
import type { RequestOptions } from '../types/request.js'
import type { Target } from '../types/target.js'
import { clearRetained } from './clear-retained.js'
import { emitAfter, emitAt, type StartDelayed } from './delayed.js'
import { type EmitHandledAs, emitHandled } from './emit-handled.js'
import { events } from './events.js'
import { type StartJobAs, startJob } from './jobs.js'
import { listen, on, once, unlisten } from './listen.js'
import { type OpenChannelAs, openChannel } from './open-channel.js'
import { type RequestAs, request, respond } from './request.js'
import { type RequestStreamAs, requestStream } from './request-stream.js'
import { respondStream } from './respond-stream.js'
import { waitFor } from './wait-for.js'

/**
 * The event bus with a prefix for every name: see {@link Namespace}.
 *
 * @throws {EventBusError} `invalid_event_name`, at once, for a name that is empty, is not a string or ends with a colon. The
 * host checks its characters, which are those of event names.
 *
 * @example
 * ```ts
 * import { namespace } from 'tauri-plugin-event-bus-api'
 *
 * const shop = namespace('shop')
 * shop.on('message', (message) => console.log(message.level, message.text))
 * ```
 */
export function namespace<Prefix extends string>(name: Prefix): Namespace<Prefix> {
  return makeNamespace(name, asItIs) as unknown as Namespace<Prefix>
}

/**
 * A part of a page that emits under its own name: see {@link Component}. {@link Namespace.component} makes one in a
 * namespace.
 *
 * @throws {EventBusError} `invalid_argument`, at once, for a name that is empty or not a string. The host checks its length,
 * at most 128 bytes, and its characters, which are those of event names.
 *
 * @example
 * ```ts
 * import { component } from 'tauri-plugin-event-bus-api'
 *
 * const list = component('ProductList')
 * list.onRefresh(() => console.log('reload'))
 * await list.warning('3 products are sold out')
 * ```
 */
export function component(name: string): Component {
  return makeComponent(name, undefined, asItIs) as unknown as Component
}

type Full = (name: string) => string

const asItIs: Full = (name) => name

/** A namespace in another one, or in none; with a component, what it emits is the component's. */
function makeNamespace(own: string, outer: Full, component?: string): object {
  if (typeof own !== 'string' || !/^[^*?[\]{}!]*[^:*?[\]{}!]$/.test(own)) {
    const problem = `invalid namespace ${quoted(own)}: expected letters, digits and - _ . : /, without a colon at the end`
    throw new EventBusError('invalid_event_name', problem)
  }
  const name = outer(own)
  const prefix = `${name}:`
  // What is not a name stays as it is and is refused later.
  const full: Full = (event) =>
    typeof event !== 'string' || event === '' || event.startsWith(prefix) ? event : prefix + event
  return { name, ...viewOf(name, full, component) }
}

/** Every function that takes a name, with this prefix. */
function viewOf(within: string | undefined, full: Full, component?: string) {
  const named =
    (act: (name: string, ...rest: never[]) => unknown) =>
    (name: string, ...rest: never[]) =>
      act(full(name), ...rest)
  const delayed =
    (act: StartDelayed) => (event: string, when: number | Date, payload?: unknown, options?: EmitAtOptions) =>
      act(full(event), when, payload, options, component)
  return {
    emit: (event: string, payload?: unknown, options?: EmitOptions) =>
      publish(openInbox, { event: full(event), payload, options, component }),
    emitTo: (to: Target, event: string, payload?: unknown, options?: EmitOptions) =>
      publish(openInbox, { to, event: full(event), payload, options, component }),
    emitHandled: (event: string, payload?: unknown, options?: EmitHandledOptions) =>
      (emitHandled as EmitHandledAs)(full(event), payload, options, component),
    listen: named(listen),
    once: named(once),
    on: named(on),
    events: named(events),
    waitFor: named(waitFor),
    unlisten: named(unlisten),
    clearRetained: named(clearRetained),
    request: (to: Target, name: string, payload?: unknown, options?: RequestOptions) =>
      (request as RequestAs)(to, full(name), payload, options, component),
    respond: named(respond),
    requestStream: (to: Target, name: string, payload?: unknown, options?: StreamRequestOptions) =>
      (requestStream as RequestStreamAs)(to, full(name), payload, options, component),
    openChannel: (to: Target, name: string, payload?: unknown, options?: ChannelOptions) =>
      (openChannel as OpenChannelAs)(to, full(name), payload, options, component),
    respondStream: named(respondStream),
    emitAfter: delayed(emitAfter as StartDelayed),
    emitAt: delayed(emitAt as StartDelayed),
    startJob: (event: string, options: JobOptions<string>) => (startJob as StartJobAs)(full(event), options, component),
    component: (name: string) => makeComponent(name, within, full),
    namespace: (name: string) => makeNamespace(name, full, component),
  }
}

/** The refreshes of this microtask, by the component that emits them and their names. */
const refreshing = new Map<string, Promise<Receipt & void>>()

function makeComponent(name: string, within: string | undefined, full: Full): object {
  checkComponent(name)
  const message = (level: MessageLevel, text: string, { key = level, to }: MessageOptions = {}) => {
    // Names have no `#`, so different components have different ids.
    const payload: Message = { id: `${within ?? ''}#${name}#${key}`, component: name, level, text }
    const outgoing = { event: full('message'), payload, component: name }
    return publish(openInbox, to === undefined ? outgoing : { ...outgoing, to })
  }
  const send = (level: MessageLevel) => (text: string, options?: MessageOptions) => message(level, text, options)
  const own: Omit<Component, keyof View<never>> = {
    name,
    refresh(component) {
      try {
        checkComponent(component)
      } catch (error) {
        return Promise.reject(error)
      }
      const event = full(refreshName(component))
      const key = `${name} ${event}`
      const pending = refreshing.get(key)
      if (pending) return pending
      const origin = { causes: currentCauses(), traceparent: traceOf() }
      const refreshed = Promise.resolve().then(() => {
        refreshing.delete(key)
        return publish(openInbox, { event, component: name, ...origin })
      })
      refreshing.set(key, refreshed)
      return refreshed
    },
    onRefresh: (handler, options) => listen<null>(full(refreshName(name)), handler, options),
    message,
    success: send('success'),
    info: send('info'),
    warning: send('warning'),
    error: send('error'),
    onMessage: (handler, options) => on<Message>(full('message'), handler, options),
    async action<Result>(action: string, run: () => Result): Promise<Awaited<Result>> {
      const origin = { causes: currentCauses(), traceparent: traceOf() }
      const publishResult = (event: string, payload: ActionComplete | ActionFailed) =>
        void publish(openInbox, { event: full(event), payload, component: name, ...origin }).catch(report)
      try {
        const state = await run()
        publishResult('action-complete', { component: name, action, state: state === undefined ? null : state })
        return state
      } catch (error) {
        publishResult('error', { component: name, action, ...errorDetailsOf(error) })
        throw error
      }
    },
    describe: (description) => describeComponent(name, within, full, description),
  }
  return { ...viewOf(within, full, name), ...own }
}

function refreshName(component: string): string {
  return `refresh-${component.toLowerCase()}`
}

/** The text and status of whatever was thrown. */
function errorDetailsOf(error: unknown): { error: string; status?: number } {
  try {
    const { message, status } = (typeof error === 'object' && error !== null ? error : {}) as Record<string, unknown>
    const text =
      typeof message === 'string' ? message : String(typeof error === 'object' ? JSON.stringify(error) : error)
    return typeof status === 'number' && Number.isFinite(status) ? { error: text, status } : { error: text }
  } catch {
    // A getter or a proxy may throw in its turn.
    return { error: 'an error that cannot be expressed as text' }
  }
}

function checkComponent(name: unknown): void {
  checkText(name, 'component name')
  if (typeof name === 'string' && name !== '') return
  throw new EventBusError('invalid_argument', `invalid component name ${quoted(name)}: expected a non-empty string`)
}

function quoted(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : describe(value)
}
