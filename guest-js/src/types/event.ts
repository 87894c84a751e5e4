import type { Event } from '@tauri-apps/api/event'
import type { Emit, EmitTo } from '../api/emit.js'
import { EventBusError } from '../core/error.js'

/**
 * Who emitted an event. The host sets it; a page cannot forge it.
 *
 * @example
 * ```ts
 * import { listen } from 'tauri-plugin-event-bus-api'
 *
 * listen('chat:message', ({ source }) => {
 *   console.log(source.kind === 'host' ? 'from Rust' : `from ${source.label}`)
 * })
 * ```
 */
export type EventSource = { kind: 'host' } | { kind: 'webview'; label: string }

/**
 * Which tick of a periodic emit an event is.
 *
 * @example
 * ```ts
 * import { listen } from 'tauri-plugin-event-bus-api'
 *
 * listen('clock:tick', ({ periodic }) => {
 *   if (periodic) console.log(`tick ${periodic.tick}, ${Date.now() - periodic.scheduledAt} ms late`)
 * })
 * ```
 */
export interface PeriodicTick {
  /** The id of the job. */
  id: string
  /** The number of this tick, from 1. */
  tick: number
  /** When the tick was due, in milliseconds since the Unix epoch. */
  scheduledAt: number
  /** How many ticks were left out since the one before. */
  missed: number
}

/**
 * An event as a handler receives it. `event`, `payload` and `id` are as in Tauri's own API. Each handler gets
 * an object of its own; the payload is shared by the handlers of one event.
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
  /** The name of the event, also where a pattern is listened to. */
  event: Name
  /** The payload; `null` if it was emitted without one. */
  payload: Payload
  /** The id of the subscription that received it. */
  id: number
  /** The app-wide sequence number: of two events the one accepted first has the lower. */
  seq: number
  /** When the event was accepted, in milliseconds since the Unix epoch, with microseconds as its fraction. */
  timestamp: number
  /** Who emitted it. */
  source: EventSource
  /**
   * Whether it came before this subscription, or while the page was away, and the host had kept it for the page.
   */
  replayed: boolean
  /** Whether it is here because it was retained: it may have been emitted long before this page listened. */
  retained: boolean
  /**
   * How many events of the same name it has replaced while it waited for this page. Present where there were any and
   * the policy of the name is `latest`.
   */
  superseded?: number
  /** Present on the ticks of a periodic emit. */
  periodic?: PeriodicTick
  /** The component that emitted it, as it calls itself, if one did: see {@link component}. */
  component?: string
  /** The names of the events that caused it, oldest first. Present where there are any. */
  causes?: readonly string[]
  /** How many events caused it, one after the other: the length of `causes`. */
  hops: number
  /**
   * Emits an event that this one has caused, as {@link emit} does. Within the handler, as long as it is synchronous,
   * {@link emit} itself does the same; behind an `await` this is how an event keeps its causes.
   *
   * @example
   * ```ts
   * import { listen } from 'tauri-plugin-event-bus-api'
   *
   * listen('order:created', async (event) => {
   *   const answer = await fetch('/pay')
   *   await event.emit('payment:requested', { ok: answer.ok })
   * })
   * ```
   */
  readonly emit: Emit
  /** The same for a target, as {@link emitTo}. */
  readonly emitTo: EmitTo
}

/**
 * A handler of events. What it throws, or what a promise it returns rejects with, is reported
 * (`reportError`) and stops nothing.
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
 * Why events are missing:
 *
 * - `queue_full`: this page was slower than the events for so long that its queue was full.
 * - `history_full`: more came before this page listened, or while it reloaded, than is kept for it.
 * - `session_ended`: the host had given this page up (it was suspended for longer than a minute, say, or another page
 *   was shown in its place), and what came until it was back is not kept any more.
 * - `buffer_full`: the iterator of {@link events} was read too slowly.
 *
 * @example
 * ```ts
 * import { listen } from 'tauri-plugin-event-bus-api'
 *
 * listen('log:line', () => {}, {
 *   onGap: ({ reason }) => reason === 'queue_full' && console.warn('this page is too slow'),
 * })
 * ```
 */
export type GapReason =
  | 'queue_full'
  | 'history_full'
  | 'session_ended'
  | 'buffer_full'
  | (string & Record<never, never>)

/**
 * Events that were due to a subscription and are lost.
 *
 * @example
 * ```ts
 * import { listen } from 'tauri-plugin-event-bus-api'
 *
 * listen('log:line', (event) => console.log(event.payload), {
 *   onGap: (gap) => console.warn(`${gap.atMost ? 'up to ' : ''}${gap.count} lines are missing`),
 * })
 * ```
 */
export interface Gap {
  /** The first sequence number that may be missing. */
  from: number
  /** The last sequence number that may be missing. */
  to: number
  /** How many events are lost. */
  count: number
  /** Whether `count` is an upper bound instead of the exact number. */
  atMost: boolean
  /** Why they are lost. */
  reason: GapReason
}

/**
 * Whether a value that {@link events} yielded is a gap instead of an event.
 *
 * @example
 * ```ts
 * import { events, isGap } from 'tauri-plugin-event-bus-api'
 *
 * for await (const value of events('log:line')) {
 *   if (isGap(value)) console.warn(`${value.count} lost`)
 *   else console.log(value.payload)
 * }
 * ```
 */
export function isGap(value: unknown): value is Gap {
  return typeof value === 'object' && value !== null && 'atMost' in value && 'from' in value && !('event' in value)
}

/** Refuses what the plugin could not even be asked about. The host checks every other rule of names. */
export function checkName(event: unknown): asserts event is string {
  if (typeof event !== 'string') {
    throw new EventBusError('invalid_event_name', `the name of an event is a string, not ${describe(event)}`)
  }
  if (/^tauri:\/\//i.test(event)) {
    throw new EventBusError(
      'reserved_event_name',
      `"${event}" is one of Tauri's own events: use listen and emit of @tauri-apps/api/event for it`,
    )
  }
}

/** The payload as a string of JSON, or `undefined` where there is none. */
export function payloadJson(event: string, payload: unknown, what: 'payload' | 'args' = 'payload'): string | undefined {
  if (payload === undefined) return undefined
  const code = what === 'payload' ? 'invalid_payload' : 'invalid_argument'
  let json: string | undefined
  try {
    json = JSON.stringify(payload, (_, value) => {
      if (isLost(value)) {
        throw new RangeError(`${value}${placeOfLost(payload)} would become null; send null, or text, instead`)
      }
      return asTauriWrites(value)
    })
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause)
    throw new EventBusError(code, `the ${what} of "${event}" cannot be expressed in JSON: ${text}`, { cause })
  }
  if (json === undefined) {
    throw new EventBusError(code, `the ${what} of "${event}" cannot be expressed in JSON: it is ${describe(payload)}`)
  }
  return json
}

/** What JSON would empty is written as Tauri's own `invoke` and `emit` write it, sets and all typed arrays as arrays. */
function asTauriWrites(value: unknown): unknown {
  if (value instanceof Map) return Object.fromEntries(value)
  // A DataView has no length, and no numbers of its own.
  if (value instanceof Set || (ArrayBuffer.isView(value) && 'length' in value)) return Array.from(value as Set<unknown>)
  if (value instanceof ArrayBuffer) return Array.from(new Uint8Array(value))
  return value
}

/** What JSON would turn into `null` is refused, so that nothing is lost in silence. */
function isLost(value: unknown): boolean {
  return typeof value === 'number' && !Number.isFinite(value)
}

/** Where in a payload the first number is that is lost, looked for only once there is one. */
function placeOfLost(payload: unknown): string {
  // What is at several places is looked through at each right after it was noted there.
  const paths = new Map<unknown, string>()
  let place: string | undefined
  JSON.stringify(payload, function (this: unknown, key: string, value: unknown) {
    const around = paths.get(this)
    const path = around === undefined ? '' : around + (Array.isArray(this) ? `[${key}]` : `.${key}`)
    if (isLost(value)) place ??= path
    const written = asTauriWrites(value)
    paths.set(written, path)
    return written
  })
  return place ? ` at \`${place.replace(/^\./, '')}\`` : ''
}

function describe(value: unknown): string {
  return value === null ? 'null' : `of type ${typeof value}`
}
