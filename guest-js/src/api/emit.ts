import { openInbox } from '../core/inbox.js'
import { publish } from '../core/outgoing.js'
import type { Emit, EmitOptions, EmitTo } from '../types/emit.js'
import type { Target } from '../types/target.js'

/**
 * Emits an event to every page and to the host.
 *
 * The payload is written as JSON at once, so changing it afterwards has no effect. A `Uint8Array`, an `ArrayBuffer` or a
 * `Blob` anywhere in it arrives as a `Uint8Array`; a `Blob` is read first, and what is emitted after it waits. Calls made
 * together travel together, in order, and a refused one does not affect the others. {@link EmitOptions} are the third
 * argument; for an event without a payload, pass `undefined` as the second.
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
export const emit = ((event: string, payload?: unknown, options?: EmitOptions) =>
  publish(openInbox, { event, payload, options })) as Emit

/**
 * Emits an event to some receivers only: webviews or windows, or the host. Otherwise as {@link emit}, which `{ kind: 'Any' }` is
 * the same as.
 *
 * @returns a {@link Receipt}.
 * @throws {EventBusError} by rejection, as {@link emit}, and `unknown_target` where a label names no webview.
 *
 * @example
 * ```ts
 * import { emitTo, HOST } from 'tauri-plugin-event-bus-api'
 *
 * await emitTo('main', 'greeting', 'hello')
 * await emitTo(['main', 'editor-*', HOST], 'saved')
 * await emitTo('main', 'document:opened', { path: '/a.txt' }, { retain: true })
 * ```
 */
export const emitTo = ((to: Target, event: string, payload?: unknown, options?: EmitOptions) =>
  publish(openInbox, { to, event, payload, options })) as EmitTo
