import { EventBusError, report } from '../core/error.js'
import { causesOfNow } from '../core/realm.js'
import type { ListenOptions, Subscription } from '../core/subscription.js'
import type { ActionComplete, ActionFailed, Message, MessageLevel } from '../types/built-in.js'
import type { EventHandler } from '../types/event.js'
import type { EventIn, FullName, NameIfSet, NameIn, PayloadArguments, PayloadIn, Unset } from '../types/event-map.js'
import type { Target } from '../types/target.js'
import { type ComponentDescription, describeComponent } from './catalog.js'
import { type EmitOptions, type Receipt, send } from './emit.js'
import { type EventStream, events, type StreamOptions } from './events.js'
import { type Periodic, type PeriodicOptions, type PeriodicSource, type Schedule, startPeriodic } from './jobs.js'
import { listen, on, once, type PayloadHandler, unlisten } from './listen.js'

/**
 * The event bus with a prefix for every name, which names that have it already do not get again. Its functions are those
 * of the package, and can be taken out of it.
 *
 * @example
 * ```ts
 * import { namespace } from 'tauri-plugin-event-bus-api'
 *
 * const { emit, listen } = namespace('shop')
 * listen('cart:*', (event) => console.log(event.event)) // shop:cart:updated
 * await emit('cart:updated', { itemCount: 3 })
 * ```
 */
export interface Namespace<Prefix extends string> {
  /** Its name, without a colon behind it. */
  readonly name: Prefix
  /** As {@link emit}. */
  emit: EmitIn<Prefix>
  /** As {@link emitTo}. */
  emitTo: EmitToIn<Prefix>
  /** As {@link listen}. */
  listen: ListenIn<Prefix>
  /** As {@link once}. */
  once: ListenIn<Prefix>
  /** As {@link on}. */
  on: OnIn<Prefix>
  /** As {@link events}. */
  events: EventsIn<Prefix>
  /** As {@link unlisten}. */
  unlisten(event: NameIn<Prefix>): number
  /** As {@link startPeriodic}. Its ticks are no component's. */
  startPeriodic: StartPeriodicIn<Prefix>
  /** A component whose events are in this namespace: see {@link component}. */
  component(name: string): Component<Prefix>
}

interface EmitIn<Prefix extends string> {
  <Payload = Unset>(event: NameIfSet<Payload>, payload?: NoInfer<Payload>, options?: EmitOptions): Promise<Receipt>
  <Name extends NameIn<Prefix>, _ extends never>(
    event: Name,
    ...payload: [...PayloadArguments<FullName<Prefix, Name>>, options?: EmitOptions]
  ): Promise<Receipt>
}

interface EmitToIn<Prefix extends string> {
  <Payload = Unset>(
    target: Target,
    event: NameIfSet<Payload>,
    payload?: NoInfer<Payload>,
    options?: EmitOptions,
  ): Promise<Receipt>
  <Name extends NameIn<Prefix>, _ extends never>(
    target: Target,
    event: Name,
    ...payload: [...PayloadArguments<FullName<Prefix, Name>>, options?: EmitOptions]
  ): Promise<Receipt>
}

interface ListenIn<Prefix extends string> {
  <Payload = Unset>(
    event: NameIfSet<Payload>,
    handler: EventHandler<NoInfer<Payload>>,
    options?: ListenOptions,
  ): Subscription
  <Name extends NameIn<Prefix>, _ extends never>(
    event: Name,
    handler: (event: EventIn<Prefix, Name>) => unknown,
    options?: ListenOptions,
  ): Subscription
}

interface OnIn<Prefix extends string> {
  <Payload = Unset>(
    event: NameIfSet<Payload>,
    handler: PayloadHandler<NoInfer<Payload>>,
    options?: ListenOptions,
  ): Subscription
  <Name extends NameIn<Prefix>, _ extends never>(
    event: Name,
    handler: (payload: PayloadIn<Prefix, Name>, event: EventIn<Prefix, Name>) => unknown,
    options?: ListenOptions,
  ): Subscription
}

interface EventsIn<Prefix extends string> {
  <Payload = Unset>(event: NameIfSet<Payload>, options?: StreamOptions): EventStream<Payload>
  <Name extends NameIn<Prefix>, _ extends never>(
    event: Name,
    options?: StreamOptions,
  ): EventStream<PayloadIn<Prefix, Name>, EventIn<Prefix, Name>>
}

interface StartPeriodicIn<Prefix extends string> {
  <Payload = Unset>(
    event: NameIfSet<Payload>,
    options: Schedule & ({ payload?: NoInfer<Payload> } | PeriodicSource),
  ): Promise<Periodic>
  <Name extends NameIn<Prefix>, _ extends never>(
    event: Name,
    options: PeriodicOptions<FullName<Prefix, Name>>,
  ): Promise<Periodic>
}

/**
 * How a message is told.
 *
 * @example
 * ```ts
 * import { component, type MessageOptions } from 'tauri-plugin-event-bus-api'
 *
 * const exporting: MessageOptions = { key: 'export', target: 'main' }
 * const cart = component('ShoppingCart')
 * await cart.info('Exporting…', exporting)
 * await cart.success('Exported', exporting) // in the place of the one before
 * ```
 */
export interface MessageOptions {
  /** Messages of one component and one key take each other's place. Without it, those of one level do. */
  key?: string
  /** Only to this target. */
  target?: Target
}

/**
 * A part of a page that emits under its own name, which receivers see as `event.component`.
 *
 * @example
 * ```ts
 * import { namespace } from 'tauri-plugin-event-bus-api'
 *
 * const cart = namespace('shop').component('ShoppingCart')
 * await cart.emit('cart:updated', { itemCount: 3 }) // shop:cart:updated
 * await cart.refresh('ProductList') // shop:refresh-productlist
 * await cart.success('Saved') // shop:message
 * const order = await cart.action('check-out', () => fetch('/orders', { method: 'POST' }).then((answer) => answer.json()))
 * ```
 */
export interface Component<Prefix extends string = never> {
  /** What it calls itself. */
  readonly name: string
  /** As {@link emit}. */
  emit: EmitOf<Prefix>
  /** As {@link emitTo}. */
  emitTo: EmitToOf<Prefix>
  /**
   * Asks every component of that name to load again what it shows, with the event `refresh-` and the name in lower case.
   * Calls for one component in one turn are one event, and settle alike.
   */
  refresh(component: string): Promise<Receipt>
  /** Calls a handler whenever somebody asks this component to refresh. */
  onRefresh(handler: EventHandler<null>, options?: ListenOptions): Subscription
  /** Tells the user that something has gone well: the built-in event `message` with a {@link Message}. */
  success(text: string, options?: MessageOptions): Promise<Receipt>
  /** Tells the user something. */
  info(text: string, options?: MessageOptions): Promise<Receipt>
  /** Warns the user. */
  warning(text: string, options?: MessageOptions): Promise<Receipt>
  /** Tells the user that something has gone wrong. */
  error(text: string, options?: MessageOptions): Promise<Receipt>
  /** Calls a handler with every message of the namespace, whichever component it is from. */
  onMessage(handler: PayloadHandler<Message>, options?: ListenOptions): Subscription
  /**
   * Runs something, and emits what came of it: the built-in event `action-complete` with an {@link ActionComplete}, or
   * `error` with an {@link ActionFailed}. Resolves or rejects as `run` did, whatever becomes of that event; what that
   * fails with is reported (`reportError`).
   */
  action<Result>(name: string, run: () => Result): Promise<Awaited<Result>>
  /** Says what this component emits and listens to: {@link catalog} has it in this page. */
  describe(description: ComponentDescription): void
}

type EmitOf<Prefix extends string> = [Prefix] extends [never] ? typeof import('./emit.js').emit : EmitIn<Prefix>
type EmitToOf<Prefix extends string> = [Prefix] extends [never] ? typeof import('./emit.js').emitTo : EmitToIn<Prefix>

/**
 * The event bus with a prefix for every name: see {@link Namespace}.
 *
 * @throws {EventBusError} `invalid_event_name`, at once, for what is no string or an empty one, or ends with a colon. The
 * host checks its characters, which are those of names.
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
    const problem = `a namespace is a text of letters, digits and - _ . : /, without a colon at its end, not ${quoted(name)}`
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
    startPeriodic: called(startPeriodic as never),
    component: (own: string) => make(own, name, full),
  } as unknown as Namespace<Prefix>
}

/**
 * A part of a page that emits under its own name: see {@link Component}. One of a namespace is made by
 * {@link Namespace.component}.
 *
 * @throws {EventBusError} `invalid_argument`, at once, for what is no string or an empty one. The host checks its length,
 * which is 128 bytes at most, and its characters, which are those of names.
 *
 * @example
 * ```ts
 * import { component } from 'tauri-plugin-event-bus-api'
 *
 * const list = component('ProductList')
 * list.onRefresh(() => console.log('load again'))
 * await list.warning('3 products are sold out')
 * ```
 */
export function component(name: string): Component {
  return make(name, undefined, (event) => event) as Component
}

type Full = (event: string) => string

function prefixed(prefix: string): Full {
  // What is no name stays what it is, and is refused as such.
  return (event) =>
    typeof event !== 'string' || event === '' || event.startsWith(prefix) ? event : `${prefix}${event}`
}

function emittingAs(full: Full, component?: string) {
  return {
    emit: (event: string, payload?: unknown, options?: EmitOptions) =>
      send({ event: full(event), payload, options, component }),
    emitTo: (target: Target, event: string, payload?: unknown, options?: EmitOptions) =>
      send({ target, event: full(event), payload, options, component }),
  }
}

/** The refreshes of this turn, by their names and who asks for them. */
const refreshing = new Map<string, Promise<Receipt>>()

function make(name: string, within: string | undefined, full: Full): Component<string> {
  checkComponent(name)
  const emitting = emittingAs(full, name)
  const tell =
    (level: MessageLevel) =>
    (text: string, { key = level, target }: MessageOptions = {}) => {
      const payload: Message = { id: full(`${name}:${key}`), component: name, level, text }
      const sending = { event: full('message'), payload, component: name }
      return send(target === undefined ? sending : { ...sending, target })
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
      const asked = refreshing.get(key)
      if (asked) return asked
      const causes = causesOfNow()
      const refreshed = Promise.resolve().then(() => {
        refreshing.delete(key)
        return send({ event, payload: undefined, component: name, causes })
      })
      refreshing.set(key, refreshed)
      return refreshed
    },
    onRefresh: (handler, options) => listen<null>(full(refreshName(name)), handler, options),
    success: tell('success'),
    info: tell('info'),
    warning: tell('warning'),
    error: tell('error'),
    onMessage: (handler, options) => on<Message>(full('message'), handler, options),
    async action<Result>(action: string, run: () => Result): Promise<Awaited<Result>> {
      const causes = causesOfNow()
      const tellOf = (event: string, payload: ActionComplete | ActionFailed) =>
        void send({ event: full(event), payload, component: name, causes }).catch(report)
      try {
        const state = await run()
        tellOf('action-complete', { component: name, action, state: state === undefined ? null : state })
        return state
      } catch (error) {
        tellOf('error', { component: name, action, ...failureOf(error) })
        throw error
      }
    },
    describe: (description) => describeComponent(name, within, full, description),
  } as Component<string>
}

function refreshName(component: string): string {
  return `refresh-${component.toLowerCase()}`
}

/** What an error says of itself, whatever was thrown. */
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
    return 'it cannot be expressed as text'
  }
}

function checkComponent(name: unknown): void {
  if (typeof name === 'string' && name !== '') return
  throw new EventBusError('invalid_argument', `the name of a component is a text, not ${quoted(name)}`)
}

function quoted(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : value === null ? 'null' : `of type ${typeof value}`
}
