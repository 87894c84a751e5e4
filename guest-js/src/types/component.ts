import type { ActionComplete, ActionFailed, Message } from './built-in.js'
import type { ComponentDescription } from './catalog.js'
import type { Emit, EmitOptions, EmitTo, Receipt } from './emit.js'
import type { EventHandler, PayloadHandler } from './event.js'
import type { NameIfSet, PayloadArguments, Unset } from './event-map.js'
import type { EventIn, FullName, NameIn, PayloadIn } from './event-of.js'
import type { FixedPayload, Job, JobOptions, JobSchedule, JobSource } from './job.js'
import type { EventStream, StreamOptions } from './stream.js'
import type { ListenOptions, Subscription } from './subscription.js'
import type { Target } from './target.js'

/**
 * The event bus with a prefix for every name. Names that have the prefix already do not get it again. Its functions are
 * those of the package, and can be destructured.
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
  /** Its name, without a colon at the end. */
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
  /** As {@link startJob}. Its ticks belong to no component. */
  startJob: StartJobIn<Prefix>
  /** Makes a component whose events are in this namespace: see {@link component}. */
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
    to: Target,
    event: NameIfSet<Payload>,
    payload?: NoInfer<Payload>,
    options?: EmitOptions,
  ): Promise<Receipt>
  <Name extends NameIn<Prefix>, _ extends never>(
    to: Target,
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

interface StartJobIn<Prefix extends string> {
  <Payload = Unset>(
    event: NameIfSet<Payload>,
    options: JobSchedule & (JobSource | (FixedPayload & { payload?: NoInfer<Payload> })),
  ): Promise<Job>
  <Name extends NameIn<Prefix>, _ extends never>(event: Name, options: JobOptions<FullName<Prefix, Name>>): Promise<Job>
}

/**
 * How a message is sent.
 *
 * @example
 * ```ts
 * import { component, type MessageOptions } from 'tauri-plugin-event-bus-api'
 *
 * const exporting: MessageOptions = { key: 'export', to: 'main' }
 * const cart = component('ShoppingCart')
 * await cart.info('Exporting…', exporting)
 * await cart.success('Exported', exporting) // replaces the one before
 * ```
 */
export interface MessageOptions {
  /** Messages of one component and one key replace each other. Without it, those of one level do. */
  key?: string
  /** The receivers; everyone by default. */
  to?: Target
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
 * const order = await cart.action('check-out', () => fetch('/orders', { method: 'POST' }).then((reply) => reply.json()))
 * ```
 */
export interface Component<Prefix extends string = never> {
  /** The name of the component. */
  readonly name: string
  /** As {@link emit}. */
  emit: [Prefix] extends [never] ? Emit : EmitIn<Prefix>
  /** As {@link emitTo}. */
  emitTo: [Prefix] extends [never] ? EmitTo : EmitToIn<Prefix>
  /**
   * Tells every component of that name to reload what it shows, with the event `refresh-` and the name in lower case. Calls
   * for one component in one microtask are one event with one receipt.
   */
  refresh(component: string): Promise<Receipt>
  /** Calls a handler whenever this component is told to refresh. */
  onRefresh(handler: EventHandler<null>, options?: ListenOptions): Subscription
  /** Tells the user about a success: the built-in event `message` with a {@link Message}. */
  success(text: string, options?: MessageOptions): Promise<Receipt>
  /** Informs the user. */
  info(text: string, options?: MessageOptions): Promise<Receipt>
  /** Warns the user. */
  warning(text: string, options?: MessageOptions): Promise<Receipt>
  /** Tells the user about a failure. */
  error(text: string, options?: MessageOptions): Promise<Receipt>
  /** Calls a handler with every message of the namespace, from whichever component. */
  onMessage(handler: PayloadHandler<Message>, options?: ListenOptions): Subscription
  /**
   * Runs a function and emits its result: the built-in event `action-complete` with an {@link ActionComplete}, or `error`
   * with an {@link ActionFailed}. Resolves or rejects as `run` did. If the event itself fails, that is reported
   * (`reportError`).
   */
  action<Result>(name: string, run: () => Result): Promise<Awaited<Result>>
  /** Describes what this component emits and listens to, for {@link catalog} in this page. */
  describe(description: ComponentDescription): void
}
