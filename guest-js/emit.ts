import { toEventBusError } from './error.js'
import { checkName, payloadJson } from './event.js'
import type { EventName, NameIfSet, PayloadArguments, Unset } from './event-map.js'
import { openInbox } from './inbox.js'
import { copyOfTarget, type Target } from './target.js'

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
 * Emits an event to every page and to Rust.
 *
 * The payload is expressed in JSON at once, so changing it afterwards changes nothing. Calls made together travel
 * together, in order, and one that is refused does not touch the others.
 *
 * @returns a {@link Receipt} as soon as the host has accepted the event.
 * @throws {EventBusError} by rejection: `denied`, `invalid_event_name`, `invalid_payload`, `payload_too_large`,
 * `reserved_event_name`, `unavailable`.
 *
 * @example
 * ```ts
 * import { emit } from 'tauri-plugin-event-bus-api'
 *
 * await emit('cart:updated', { itemCount: 3 })
 * await emit('app:ready')
 * ```
 */
export function emit<Payload = Unset>(event: NameIfSet<Payload>, payload?: NoInfer<Payload>): Promise<Receipt>
export function emit<Name extends EventName, _ extends never>(
  event: Name,
  ...payload: PayloadArguments<Name>
): Promise<Receipt>
export async function emit(event: string, payload?: unknown): Promise<Receipt> {
  return send('emit', event, payload)
}

/**
 * Emits an event to some windows or webviews alone: no other page receives it. Otherwise as {@link emit}.
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
 * ```
 */
export function emitTo<Payload = Unset>(
  target: Target,
  event: NameIfSet<Payload>,
  payload?: NoInfer<Payload>,
): Promise<Receipt>
export function emitTo<Name extends EventName, _ extends never>(
  target: Target,
  event: Name,
  ...payload: PayloadArguments<Name>
): Promise<Receipt>
export async function emitTo(target: Target, event: string, payload?: unknown): Promise<Receipt> {
  return send('emit_to', event, payload, { to: copyOfTarget(target) })
}

async function send(
  command: 'emit' | 'emit_to',
  event: string,
  payload: unknown,
  addressed?: { to: Target | undefined },
): Promise<Receipt> {
  try {
    checkName(event)
    const json = payloadJson(event, payload)
    const entry = json === undefined ? { event, ...addressed } : { event, payload: json, ...addressed }
    return (await openInbox().send(command, entry, json?.length ?? 0)) as Receipt
  } catch (error) {
    throw toEventBusError(error)
  }
}
