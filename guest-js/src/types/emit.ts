import type { EventName, PayloadArguments } from './event-map.js'
import type { OtherName, ThePayloadOfThisEventIsMissingOrWrong } from './name-kind.js'
import type { Target } from './target.js'

/**
 * What the host did with an event that it accepted.
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
  /** How many listeners and streams of the host it was queued for. */
  listeners: number
  /** Whether it is on its way to other nodes, over a link. Absent if it stays in this app. */
  linked?: boolean
}

/**
 * How an event is emitted. The policy of the event's name decides what is not set here.
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
   * Whether the host keeps the event for later listeners, instead of the one of its name before. It keeps one of a name for
   * everyone and one for each target.
   */
  retain?: boolean
  /**
   * How long the host keeps it for later listeners: until pages have started up, or until one listener has handled it. A
   * handler that throws, or whose promise rejects, has not. With `retain` it is `invalid_argument`.
   */
  until?: 'start-up' | 'consumed'
  /** How often it is delivered at most, with `until: 'consumed'`: 5 by default, and at least 1. */
  maxDeliveries?: number
  /**
   * How long it counts, in milliseconds, from 1 to a year. What is older is not delivered any more, and leaves every queue and
   * all that is kept. A listener that it was due to gets a gap `expired`.
   */
  expiresMs?: number
  /**
   * The trace that it belongs to, as `traceparent` of W3C Trace Context spells it; another shape is `invalid_argument`. Without
   * it, that of {@link setTraceContext}, or else that of the event or request whose handler emits it.
   */
  traceparent?: string
  /** Webviews, or `HOST`, that do not receive it, though they are among its receivers. Webviews need not exist. */
  except?: Target
}

/**
 * The type of {@link emit}, and of an event's `emit`. A `Receipt & void` is a {@link Receipt} that also stands where nothing
 * is expected, in a function that returns `Promise<void>`.
 *
 * @example
 * ```ts
 * import { emit, type Emit } from 'tauri-plugin-event-bus-api'
 *
 * const report = (emit: Emit): Promise<void> => emit('report:ready')
 * await report(emit)
 * ```
 */
export interface Emit {
  <Payload = unknown, Name extends string = string>(
    event: OtherName<Name, ThePayloadOfThisEventIsMissingOrWrong>,
    payload?: Payload,
    options?: EmitOptions,
  ): Promise<Receipt & void>
  <Name extends EventName, _ extends never>(
    event: Name,
    ...payload: [...payload: PayloadArguments<Name>, options?: EmitOptions]
  ): Promise<Receipt & void>
}

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
export interface EmitTo {
  <Payload = unknown, Name extends string = string>(
    to: Target,
    event: OtherName<Name, ThePayloadOfThisEventIsMissingOrWrong>,
    payload?: Payload,
    options?: EmitOptions,
  ): Promise<Receipt & void>
  <Name extends EventName, _ extends never>(
    to: Target,
    event: Name,
    ...payload: [...payload: PayloadArguments<Name>, options?: EmitOptions]
  ): Promise<Receipt & void>
}
