import { openInbox } from '../core/inbox.js'
import { type Sending, sendThrough } from '../core/outgoing.js'
import type { EventName, NameIfSet, PayloadArguments, Unset } from '../types/event-map.js'
import type { Target } from '../types/target.js'

/**
 * What became of an event that the host accepted.
 *
 * @example
 * ```ts
 * import { emit, type Receipt } from 'tauri-plugin-event-bus-api'
 *
 * const receipt: Receipt = await emit('cart:updated', { itemCount: 3 })
 * console.log(`event ${receipt.seq} went to ${receipt.pages} pages`)
 * ```
 */
export interface Receipt {
  /** The app-wide sequence number of the event. */
  seq: number
  /** How many pages it was queued for. */
  pages: number
  /** How many listeners in Rust it was queued for. */
  listeners: number
}

/**
 * How an event is emitted. What it does not set, the policy of the event's name decides.
 *
 * @example
 * ```ts
 * import { emit, type EmitOptions } from 'tauri-plugin-event-bus-api'
 *
 * const kept: EmitOptions = { retain: true }
 * await emit('theme:changed', { dark: true }, kept)
 * await emit('app:ready', undefined, kept)
 * ```
 */
export interface EmitOptions {
  /**
   * Whether the event is kept for whoever listens later, in the place of the one of its name before. A name has one
   * for everyone and one for each target.
   */
  retain?: boolean
}

/**
 * Emits an event to every page and to Rust.
 *
 * The payload is expressed in JSON at once, so changing it afterwards changes nothing. Calls made together travel
 * together, in order, and one that is refused does not touch the others. {@link EmitOptions} are the third argument;
 * for an event without payload, the second is `undefined` then.
 *
 * @returns a {@link Receipt} as soon as the host has accepted the event.
 * @throws {EventBusError} by rejection: `denied`, `invalid_event_name`, `invalid_payload`, `payload_too_large`,
 * `queue_full`, `rate_limited`, `reserved_event_name`, `event_loop`, `unavailable`.
 *
 * @example
 * ```ts
 * import { emit } from 'tauri-plugin-event-bus-api'
 *
 * await emit('cart:updated', { itemCount: 3 })
 * await emit('app:ready')
 * await emit('app:ready', undefined, { retain: true })
 * ```
 */
export function emit<Payload = Unset>(
  event: NameIfSet<Payload>,
  payload?: NoInfer<Payload>,
  options?: EmitOptions,
): Promise<Receipt>
export function emit<Name extends EventName, _ extends never>(
  event: Name,
  ...payload: [...PayloadArguments<Name>, options?: EmitOptions]
): Promise<Receipt>
export async function emit(event: string, payload?: unknown, options?: EmitOptions): Promise<Receipt> {
  return send({ event, payload, options })
}

/**
 * Emits an event to some windows or webviews alone: no other page receives it. Otherwise as {@link emit}, which
 * `{ kind: 'Any' }` is the same as.
 *
 * @returns a {@link Receipt}.
 * @throws {EventBusError} by rejection, as {@link emit}, and `unknown_target` where a label names no webview.
 *
 * @example
 * ```ts
 * import { emitTo } from 'tauri-plugin-event-bus-api'
 *
 * await emitTo('main', 'greeting', 'hello')
 * await emitTo(['main', 'editor-*'], 'saved')
 * await emitTo('main', 'document:opened', { path: '/a.txt' }, { retain: true })
 * ```
 */
export function emitTo<Payload = Unset>(
  target: Target,
  event: NameIfSet<Payload>,
  payload?: NoInfer<Payload>,
  options?: EmitOptions,
): Promise<Receipt>
export function emitTo<Name extends EventName, _ extends never>(
  target: Target,
  event: Name,
  ...payload: [...PayloadArguments<Name>, options?: EmitOptions]
): Promise<Receipt>
export async function emitTo(
  target: Target,
  event: string,
  payload?: unknown,
  options?: EmitOptions,
): Promise<Receipt> {
  return send({ target, event, payload, options })
}

/** @internal */
export function send(sending: Sending): Promise<Receipt> {
  return sendThrough(openInbox, sending)
}

/**
 * The type of {@link emit}, and of an event's `emit`.
 *
 * @example
 * ```ts
 * import { emit, type Emit } from 'tauri-plugin-event-bus-api'
 *
 * const report = (emit: Emit) => emit('report:ready')
 * await report(emit)
 * ```
 */
export type Emit = typeof emit

/**
 * The type of {@link emitTo}, and of an event's `emitTo`.
 *
 * @example
 * ```ts
 * import { emitTo, type EmitTo } from 'tauri-plugin-event-bus-api'
 *
 * const report = (emitTo: EmitTo) => emitTo('main', 'report:ready')
 * await report(emitTo)
 * ```
 */
export type EmitTo = typeof emitTo
