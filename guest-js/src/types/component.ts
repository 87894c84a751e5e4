import type { ActionComplete, ActionFailed, Message, MessageLevel } from './built-in.js'
import type { ComponentDescription } from './catalog.js'
import type { Receipt } from './emit.js'
import type { EventHandler, PayloadHandler } from './event.js'
import type { FullName, NameIn } from './namespace.js'
import type { ListenOptions, Subscription } from './subscription.js'
import type { Target } from './target.js'
import type {
  EmitAfterIn,
  EmitAtIn,
  EmitHandledIn,
  EmitIn,
  EmitToIn,
  EventsIn,
  ListenIn,
  OnIn,
  OpenChannelIn,
  RequestIn,
  RequestStreamIn,
  RespondIn,
  RespondStreamIn,
  StartJobIn,
  WaitForIn,
} from './view.js'

/** Every function of the package that takes a name, with a prefix for it; `never` for no prefix. */
export interface View<Prefix extends string> {
  /** As {@link emit}. */
  emit: EmitIn<Prefix>
  /** As {@link emitTo}. */
  emitTo: EmitToIn<Prefix>
  /** As {@link emitHandled}. */
  emitHandled: EmitHandledIn<Prefix>
  /** As {@link listen}. */
  listen: ListenIn<Prefix>
  /** As {@link once}. */
  once: ListenIn<Prefix>
  /** As {@link on}. */
  on: OnIn<Prefix>
  /** As {@link events}. */
  events: EventsIn<Prefix>
  /** As {@link waitFor}. */
  waitFor: WaitForIn<Prefix>
  /** As {@link unlisten}. */
  unlisten(event: NameIn<Prefix>): number
  /** As {@link clearRetained}. */
  clearRetained(event: NameIn<Prefix>): Promise<number>
  /** As {@link request}. */
  request: RequestIn<Prefix>
  /** As {@link respond}. */
  respond: RespondIn<Prefix>
  /** As {@link requestStream}. */
  requestStream: RequestStreamIn<Prefix>
  /** As {@link openChannel}. */
  openChannel: OpenChannelIn<Prefix>
  /** As {@link respondStream}. */
  respondStream: RespondStreamIn<Prefix>
  /** As {@link emitAfter}. */
  emitAfter: EmitAfterIn<Prefix>
  /** As {@link emitAt}. */
  emitAt: EmitAtIn<Prefix>
  /** As {@link startJob}. */
  startJob: StartJobIn<Prefix>
  /** As {@link component}: a component whose names have this prefix. */
  component(name: string): Component<Prefix>
  /** As {@link namespace}: a namespace in this one. */
  namespace<Name extends string>(name: Name): Namespace<FullName<Prefix, Name>>
}

/**
 * The event bus with a prefix for every name of an event or request. Names that have the prefix already do not get it
 * again. Its functions are those of the package, and can be destructured.
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
export interface Namespace<Prefix extends string> extends View<Prefix> {
  /** Its name, without a colon at the end. */
  readonly name: Prefix
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
 * A part of a page that emits under its own name, which receivers see as `event.component`. It has every function of the
 * package that takes a name, with the prefix of its namespace, if it is in one.
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
export interface Component<Prefix extends string = never> extends View<Prefix> {
  /** The name of the component. */
  readonly name: string
  /**
   * Tells every component of that name to reload what it shows, with the event `refresh-` and the name in lower case. Calls
   * for one component in one microtask are one event with one receipt.
   */
  refresh(component: string): Promise<Receipt & void>
  /** Calls a handler whenever this component is told to refresh. */
  onRefresh(handler: EventHandler<null>, options?: ListenOptions): Subscription
  /** Tells the user about a success: the built-in event `message` with a {@link Message}. */
  success(text: string, options?: MessageOptions): Promise<Receipt & void>
  /** Informs the user. */
  info(text: string, options?: MessageOptions): Promise<Receipt & void>
  /** Warns the user. */
  warning(text: string, options?: MessageOptions): Promise<Receipt & void>
  /** Tells the user about a failure. */
  error(text: string, options?: MessageOptions): Promise<Receipt & void>
  /** Sends a message of a level that is known at run time only. */
  message(level: MessageLevel, text: string, options?: MessageOptions): Promise<Receipt & void>
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
