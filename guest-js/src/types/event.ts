import type { Event } from '@tauri-apps/api/event'
import type { Emit, EmitTo } from './emit.js'
import type { Endpoint } from './endpoint.js'
import type { Tick } from './job-info.js'

/**
 * An event as a handler receives it. `event`, `payload` and `id` are as in Tauri's own API. Each handler receives an
 * object of its own; the handlers of one event share its payload.
 *
 * @example
 * ```ts
 * import { listen, type BusEvent } from 'tauri-plugin-event-bus-api'
 *
 * function log(event: BusEvent<unknown>) {
 *   console.log(new Date(event.timestamp), event.seq, event.event, event.payload)
 * }
 * listen('cart:*', log)
 *
 * listen('cart:added', (event) => {
 *   if (!event.replayed && !event.retained) console.log('just now', event.payload)
 * })
 * ```
 */
export interface BusEvent<Payload, Name extends string = string> extends Event<Payload> {
  /** The name of the event, also where the listener has a pattern. */
  event: Name
  /** The payload; `null` if it was emitted without one. */
  payload: Payload
  /** The id of the subscription that received it. */
  id: number
  /** The app-wide sequence number. Of two events, the one accepted first has the lower number. */
  seq: number
  /** When the host accepted the event, in milliseconds since the Unix epoch, with microseconds as the fraction. */
  timestamp: number
  /** Who emitted it. Pass it to {@link emitTo} to send something back. */
  source: Endpoint
  /** Whether the host had kept it from before this subscription, or from while the page was away. */
  replayed: boolean
  /** Whether it is a retained event, which may have been emitted long before this page listened. */
  retained: boolean
  /**
   * How many events of the same name it replaced while it waited for this page. Present where there were any, which takes
   * the policy `latest`.
   */
  superseded?: number
  /** Present and true if it was delivered before, to a subscription that has not handled it: see {@link EmitOptions.until}. */
  redelivered?: boolean
  /** Which tick of which job it is. Present where a job emitted it. */
  tick?: Tick
  /** The name of the {@link component} that emitted it, if one did. */
  component?: string
  /** The names of the events that caused it, oldest first. Present where there are any. */
  causes?: readonly string[]
  /** The trace that it belongs to, as `traceparent` of W3C Trace Context spells it. Present where it has one. */
  traceparent?: string
  /** How many events caused it, one after the other: the length of `causes`. */
  hops: number
  /**
   * Emits an event that this one causes, as {@link emit} does. In the synchronous part of the handler, {@link emit} itself
   * does the same. After an `await`, use this to keep the causes.
   *
   * @example
   * ```ts
   * import { listen } from 'tauri-plugin-event-bus-api'
   *
   * listen('order:created', async (event) => {
   *   const response = await fetch('/pay')
   *   await event.emit('payment:requested', { ok: response.ok })
   * })
   * ```
   */
  readonly emit: Emit
  /** The same for some receivers, as {@link emitTo}. */
  readonly emitTo: EmitTo
}

/**
 * A handler of events. An error that it throws, or with which its promise rejects, is reported (`reportError`) and stops
 * nothing else.
 *
 * @example
 * ```ts
 * import { listen, type EventHandler } from 'tauri-plugin-event-bus-api'
 *
 * const save: EventHandler<unknown> = async (event) => localStorage.setItem(event.event, String(event.seq))
 * listen('settings:*', save)
 * ```
 */
export type EventHandler<Payload> = (event: BusEvent<Payload>) => unknown

/**
 * A handler that receives the payload first, for {@link on}.
 *
 * @example
 * ```ts
 * import { on, type PayloadHandler } from 'tauri-plugin-event-bus-api'
 *
 * const show: PayloadHandler<unknown> = (payload) => console.log(payload)
 * on('greeting', show)
 * ```
 */
export type PayloadHandler<Payload> = (payload: Payload, event: BusEvent<Payload>) => unknown
