import { checkText, describe } from '../core/checks.js'
import { describeComponent } from '../core/descriptions.js'
import { EventBusError } from '../core/error.js'
import { openInbox } from '../core/inbox.js'
import { publish } from '../core/outgoing.js'
import { currentCauses } from '../core/realm.js'
import { report } from '../core/report.js'
import type { ActionComplete, ActionFailed, Message, MessageLevel } from '../types/built-in.js'
import type { Component, MessageOptions, Namespace } from '../types/component.js'
import type { EmitOptions, Receipt } from '../types/emit.js'
import type { Target } from '../types/target.js'
import { events } from './events.js'
import { startJob } from './jobs.js'
import { listen, on, once, unlisten } from './listen.js'

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
export function namespace<const Prefix extends string>(name: Prefix): Namespace<Prefix> {
  if (typeof name !== 'string' || !/^[^*?[\]{}!]*[^:*?[\]{}!]$/.test(name)) {
    const problem = `invalid namespace ${quoted(name)}: expected letters, digits and - _ . : /, without a colon at the end`
    throw new EventBusError('invalid_event_name', problem)
  }
  const full = prefixed(`${name}:`)
  const called =
    (act: (event: string, ...rest: never[]) => unknown) =>
    (event: string, ...rest: never[]) =>
      act(full(event), ...rest)
  const emitting = emittingAs(full)
  return {
    name,
    ...emitting,
    listen: called(listen as never),
    once: called(once as never),
    on: called(on as never),
    events: called(events as never),
    unlisten: called(unlisten as never),
    startJob: called(startJob as never),
    component: (own: string) => make(own, name, full),
  } as unknown as Namespace<Prefix>
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
  return make(name, undefined, (event) => event) as Component
}

type Full = (event: string) => string

function prefixed(prefix: string): Full {
  // What is not a name stays as it is and is refused later.
  return (event) =>
    typeof event !== 'string' || event === '' || event.startsWith(prefix) ? event : `${prefix}${event}`
}

function emittingAs(full: Full, component?: string) {
  return {
    emit: (event: string, payload?: unknown, options?: EmitOptions) =>
      publish(openInbox, { event: full(event), payload, options, component }),
    emitTo: (to: Target, event: string, payload?: unknown, options?: EmitOptions) =>
      publish(openInbox, { to, event: full(event), payload, options, component }),
  }
}

/** The refreshes of this microtask, by the component that emits them and their names. */
const refreshing = new Map<string, Promise<Receipt>>()

function make(name: string, within: string | undefined, full: Full): Component<string> {
  checkComponent(name)
  const emitting = emittingAs(full, name)
  const send =
    (level: MessageLevel) =>
    (text: string, { key = level, to }: MessageOptions = {}) => {
      const payload: Message = { id: full(`${name}:${key}`), component: name, level, text }
      const outgoing = { event: full('message'), payload, component: name }
      return publish(openInbox, to === undefined ? outgoing : { ...outgoing, to })
    }
  return {
    name,
    ...emitting,
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
      const causes = currentCauses()
      const refreshed = Promise.resolve().then(() => {
        refreshing.delete(key)
        return publish(openInbox, { event, component: name, causes })
      })
      refreshing.set(key, refreshed)
      return refreshed
    },
    onRefresh: (handler, options) => listen<null>(full(refreshName(name)), handler, options),
    success: send('success'),
    info: send('info'),
    warning: send('warning'),
    error: send('error'),
    onMessage: (handler, options) => on<Message>(full('message'), handler, options),
    async action<Result>(action: string, run: () => Result): Promise<Awaited<Result>> {
      const causes = currentCauses()
      const publishResult = (event: string, payload: ActionComplete | ActionFailed) =>
        void publish(openInbox, { event: full(event), payload, component: name, causes }).catch(report)
      try {
        const state = await run()
        publishResult('action-complete', { component: name, action, state: state === undefined ? null : state })
        return state
      } catch (error) {
        publishResult('error', { component: name, action, ...failureOf(error) })
        throw error
      }
    },
    describe: (description) => describeComponent(name, within, full, description),
  } as Component<string>
}

function refreshName(component: string): string {
  return `refresh-${component.toLowerCase()}`
}

/** The text and status of whatever was thrown. */
function failureOf(error: unknown): { error: string; status?: number } {
  const { message, status } = (typeof error === 'object' && error !== null ? error : {}) as {
    message?: unknown
    status?: unknown
  }
  const text = typeof message === 'string' ? message : textOf(error)
  return typeof status === 'number' && Number.isFinite(status) ? { error: text, status } : { error: text }
}

function textOf(error: unknown): string {
  try {
    return String(typeof error === 'object' ? JSON.stringify(error) : error)
  } catch {
    return 'an error that cannot be expressed as text'
  }
}

function checkComponent(name: unknown): void {
  checkText(name, 'component name')
  if (typeof name === 'string' && name !== '') return
  throw new EventBusError('invalid_argument', `invalid component name ${quoted(name)}: expected a text`)
}

function quoted(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : describe(value)
}
