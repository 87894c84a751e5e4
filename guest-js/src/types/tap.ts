import type { Endpoint } from './endpoint.js'
import type { ErrorCode } from './error-code.js'
import type { GapReason } from './gap.js'
import type { Tick } from './job-info.js'
import type { Target } from './target.js'

/**
 * Which records a {@link tap} tells, and how much of them. Without anything it tells every record, with 4 KiB of each payload.
 *
 * @example
 * ```ts
 * import { HOST, tap, type TapFilter } from 'tauri-plugin-event-bus-api'
 *
 * const filter: TapFilter = { names: ['cart:*'], kinds: ['event', 'refused'], source: HOST }
 * for await (const records of tap(filter)) console.log(records.length)
 * ```
 */
export interface TapFilter {
  /** Only records about these names, or names that match these patterns. A gap has no name, and passes. */
  names?: readonly string[]
  /** Only records of these kinds. `lost` is always told. */
  kinds?: readonly Exclude<TapRecord['kind'], 'lost'>[]
  /** Only records about what this endpoint has emitted or requested. A gap has no source, and passes. */
  source?: Endpoint
  /** How many bytes of a payload a record has: 4,096 by default, and at most 65,536. */
  payloadBytes?: number
  /** How many records wait for this page before others are lost: 65,536 by default, and at most 1,048,576. */
  capacity?: number
}

/**
 * Something that happened in the bus, as {@link tap} and a recording tell it. `at` is in milliseconds since 1970.
 *
 * @example
 * ```ts
 * import { tap, type TapRecord } from 'tauri-plugin-event-bus-api'
 *
 * const describe = (record: TapRecord) => (record.kind === 'event' ? `${record.name} ${record.seq}` : record.kind)
 * for await (const records of tap()) console.log(records.map(describe))
 * ```
 */
export type TapRecord =
  | TappedEvent
  | TappedDelivery
  | TappedGap
  | TappedRefusal
  | TappedRequest
  | TappedResponse
  | TapLoss

/** A payload as a tap has it: whole, cut or redacted. */
export interface TappedPayload {
  /** The payload, with `null` in the place of bytes. Absent if it was cut. */
  payload?: unknown
  /** The bytes in it: each in base64, and the keys and indexes that lead to it. */
  bytes?: [base64: string, ...path: (string | number)[]][]
  /** How long a payload is that was cut, and how its text begins. */
  cut?: { bytes: number; start: string }
  /** Whether the app has hidden something in it. */
  redacted?: true
}

/** An event that was accepted, or a tick of a job. */
export interface TappedEvent extends TappedPayload {
  kind: 'event'
  at: number
  seq: number
  name: string
  source: Endpoint
  /** Whom it was sent to; absent for everyone. */
  to?: Target
  except?: Target
  component?: string
  /** The names of what caused it, oldest first. */
  causes?: string[]
  traceparent?: string
  tick?: Tick
  retained?: true
  /** Where it went. */
  routes: TapRoute[]
  /** The labels of webviews whose page has yet to come, or to start, and gets it then. */
  keptFor?: string[]
}

/** Where an event went. */
export interface TapRoute {
  receiver: Endpoint
  /** Whether it is a stream of the host, and not its listeners. */
  stream?: true
  /** The ids of its subscriptions. */
  subscriptions: number[]
  /** Whether it was queued. Otherwise the queue was full of events that are never dropped, and the receiver gets a gap. */
  queued: boolean
}

/** Events that a receiver was given, or a batch that a page has handled. */
export interface TappedDelivery {
  kind: 'delivered' | 'acknowledged'
  at: number
  receiver: Endpoint
  stream?: true
  seqs: number[]
}

/** Lost events, as a receiver was told of them. */
export interface TappedGap {
  kind: 'gap'
  at: number
  receiver: Endpoint
  stream?: true
  from: number
  to: number
  count: number
  atMost?: true
  reason: GapReason
  subscriptions: number[]
}

/** Something that was refused. */
export interface TappedRefusal {
  kind: 'refused'
  at: number
  action:
    | 'emit'
    | 'listen'
    | 'request'
    | 'respond'
    | 'tick'
    | 'start_job'
    | 'update_job'
    | 'pause_job'
    | 'resume_job'
    | 'stop_job'
    | 'start_task'
    | 'attach_task'
    | 'cancel_task'
    | 'presence'
    | 'clear_retained'
  /**
   * The name or pattern, as it was given. Of a job that was to be changed, its event; empty if that was refused before the
   * job was found, and then a tap with names does not get it.
   */
  name: string
  source: Endpoint
  /** The id of the job, for a tick or a change of a job. */
  job?: string
  code: ErrorCode
  /** That of `denied` says which permission would allow it. */
  message: string
}

/** A request that was sent. */
export interface TappedRequest extends TappedPayload {
  kind: 'request'
  at: number
  /** Its id, which its response has, too. */
  request: string
  name: string
  source: Endpoint
  receiver: Endpoint
  component?: string
  causes?: string[]
  traceparent?: string
  /** Whether it requests a stream. */
  stream?: true
}

/** How a request ended. */
export interface TappedResponse extends TappedPayload {
  kind: 'response'
  at: number
  request: string
  name: string
  /** Who was to respond. */
  source: Endpoint
  /** Who sent the request. */
  receiver: Endpoint
  error?: { code: ErrorCode; message: string }
}

/** So many records are lost here. */
export interface TapLoss {
  kind: 'lost'
  at: number
  count: number
}
