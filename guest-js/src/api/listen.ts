import { existingInbox, INBOX_VERSION } from '../core/realm.js'
import { subscribe } from '../core/subscription.js'
import type { BusEvent, EventHandler, PayloadHandler } from '../types/event.js'
import type { EventName } from '../types/event-map.js'
import type { EventOf, PayloadOf } from '../types/event-of.js'
import type { NameThatFitsHandlerAndOptions } from '../types/name-kind.js'
import type { ListenOptions, Subscription } from '../types/subscription.js'

/**
 * Calls `handler` with each event of that name, in the order in which the host accepted them.
 *
 * The name may be a glob pattern (`cart:*`). The event is then one of those in {@link EventMap} that it matches, and
 * comparing `event.event` narrows `event.payload`. Passing the same handler twice makes two subscriptions. Calls made
 * together travel together. Only a name that is not in {@link EventMap} needs the type argument, which asserts its payload.
 *
 * @returns a {@link Subscription}: call it to end it, await it to know that it was accepted.
 * @throws {EventBusError} by rejection: `denied`, `invalid_event_name`, `invalid_pattern`, `invalid_argument`,
 * `rate_limited`, `reserved_event_name`, `too_many_subscriptions`, `unavailable`.
 *
 * @example
 * ```ts
 * import { listen } from 'tauri-plugin-event-bus-api'
 *
 * const off = listen('cart:updated', (event) => console.log(event.payload, event.seq))
 * off()
 * ```
 */
export function listen<Name extends EventName, _ extends never>(
  event: Name,
  handler: (event: EventOf<Name>) => unknown,
  options?: ListenOptions,
): Subscription
export function listen<Payload = unknown, Name extends string = string>(
  event: NameThatFitsHandlerAndOptions<Name>,
  handler: EventHandler<Payload>,
  options?: ListenOptions,
): Subscription
export function listen(event: string, handler: EventHandler<never>, options: ListenOptions = {}): Subscription {
  return subscribe(event, options, handler, handler as EventHandler<unknown>)
}

/**
 * Calls `handler` with the payload, and with the event as a second argument. Otherwise as {@link listen}.
 *
 * @returns a {@link Subscription}.
 * @throws {EventBusError} by rejection, as {@link listen}.
 *
 * @example
 * ```ts
 * import { on } from 'tauri-plugin-event-bus-api'
 *
 * on('greeting', (payload, event) => console.log(payload, 'from', event.source.kind))
 * ```
 */
export function on<Name extends EventName, _ extends never>(
  event: Name,
  handler: (payload: PayloadOf<Name>, event: EventOf<Name>) => unknown,
  options?: ListenOptions,
): Subscription
export function on<Payload = unknown, Name extends string = string>(
  event: NameThatFitsHandlerAndOptions<Name>,
  handler: PayloadHandler<Payload>,
  options?: ListenOptions,
): Subscription
export function on(event: string, handler: PayloadHandler<never>, options: ListenOptions = {}): Subscription {
  const deliver = (received: BusEvent<unknown>) => (handler as PayloadHandler<unknown>)(received.payload, received)
  return subscribe(event, options, handler, deliver)
}

/**
 * Calls `handler` with the first event of that name, then ends. Otherwise as {@link listen}.
 *
 * @returns a {@link Subscription}; awaiting it waits for the host to accept it, not for the event.
 * @throws {EventBusError} by rejection, as {@link listen}.
 *
 * @example
 * ```ts
 * import { once } from 'tauri-plugin-event-bus-api'
 *
 * once('app:ready', () => document.body.classList.add('ready'))
 * ```
 */
export function once<Name extends EventName, _ extends never>(
  event: Name,
  handler: (event: EventOf<Name>) => unknown,
  options?: ListenOptions,
): Subscription
export function once<Payload = unknown, Name extends string = string>(
  event: NameThatFitsHandlerAndOptions<Name>,
  handler: EventHandler<Payload>,
  options?: ListenOptions,
): Subscription
export function once(event: string, handler: EventHandler<never>, options: ListenOptions = {}): Subscription {
  const deliver = (received: BusEvent<unknown>) => {
    // It ends before the handler runs: the rest of a batch is already here, and the handler may throw.
    subscription()
    return (handler as EventHandler<unknown>)(received)
  }
  const subscription = subscribe(event, options, handler, deliver)
  return subscription
}

/**
 * Ends every subscription of exactly this name or pattern in this page, including those of {@link events}.
 *
 * @returns how many there were.
 *
 * @example
 * ```ts
 * import { unlisten } from 'tauri-plugin-event-bus-api'
 *
 * unlisten('cart:updated')
 * ```
 */
export function unlisten(event: EventName): number {
  const inbox = existingInbox()
  return inbox?.version === INBOX_VERSION ? inbox.unlisten(event) : 0
}
