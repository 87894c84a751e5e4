import type { AsyncUsable } from './disposable.js'
import type { Endpoint, HOST } from './endpoint.js'
import type { PayloadArguments } from './event-map.js'
import type { JobInfo, MissedTickBehavior } from './job-info.js'
import type { Target } from './target.js'

/**
 * When a job ticks, and to whom its events go.
 *
 * @example
 * ```ts
 * import { type JobSchedule, startJob } from 'tauri-plugin-event-bus-api'
 *
 * const everySecond: JobSchedule = { everyMs: 1_000, immediate: true }
 * await startJob('clock:tick', everySecond)
 * ```
 */
export interface JobSchedule {
  /** The interval in milliseconds, fractions allowed. The host sets the minimum. */
  everyMs: number
  /** The receivers of each tick; every page and the host by default. */
  to?: Target
  /** Whether the first tick comes at once instead of after one interval; `false` by default. */
  immediate?: boolean
  /** After how many ticks it ends; never by default. */
  count?: number
  /** The id of the job, 1 to 255 bytes without control characters; the host makes one by default. */
  id?: string
  /** Whether it replaces a job with the same `id` instead of being refused; `false` by default. */
  replace?: boolean
  /** How many milliseconds later it begins; 0 by default. */
  startDelayMs?: number
  /** What happens to ticks that could not come in time; `skip` by default. */
  missedTicks?: MissedTickBehavior
  /** Whether it ticks only while the event has a listener; `false` by default. */
  onlyWhileListened?: boolean
  /**
   * `HOST` for a job of the host, which ends with the app and needs a capability with `"owner": "any"` for the event. By
   * default the job belongs to the webview of this page and ends with it.
   */
  owner?: typeof HOST
  /** The largest random delay of a tick, in milliseconds; 0 by default. */
  jitterMs?: number
  /** After how many failures in a row it stops; 10 with a `source`, otherwise never. */
  maxFailures?: number
}

/**
 * A job source that the app has registered in Rust, instead of a `payload`.
 *
 * @example
 * ```ts
 * import { type JobSource, startJob } from 'tauri-plugin-event-bus-api'
 *
 * const cpu: JobSource = { source: 'cpu', args: { core: 0 } }
 * await startJob('machine:cpu', { everyMs: 1_000, onlyWhileListened: true, ...cpu })
 * ```
 */
export interface JobSource {
  /** The name of the source. */
  source: string
  /** The arguments of the source at each tick; none by default. */
  args?: unknown
  /** The source makes the payload. */
  payload?: never
}

/**
 * A {@link JobSchedule} with the payload of each tick, optional where `emit` may omit it.
 *
 * @example
 * ```ts
 * import type { JobOptions } from 'tauri-plugin-event-bus-api'
 *
 * const options: JobOptions<'clock:tick'> = { everyMs: 1_000, payload: { zone: 'UTC' } }
 * ```
 */
export type JobOptions<Name extends string> = JobSchedule &
  (
    | JobSource
    | (PayloadArguments<Name> extends [payload: infer Payload]
        ? FixedPayload & { payload: Payload }
        : FixedPayload & { payload?: PayloadArguments<Name>[0] })
  )

/**
 * The part of {@link JobOptions} that says that a payload is given, so that there is no source.
 *
 * @example
 * ```ts
 * import type { FixedPayload } from 'tauri-plugin-event-bus-api'
 *
 * const greeting: FixedPayload & { payload: string } = { payload: 'hello' }
 * ```
 */
export interface FixedPayload {
  source?: never
  args?: never
}

/**
 * How an event is emitted later.
 *
 * @example
 * ```ts
 * import { type EmitAfterOptions, emitAfter } from 'tauri-plugin-event-bus-api'
 *
 * const toMain: EmitAfterOptions = { to: 'main', id: 'tea', replace: true }
 * await emitAfter('tea:ready', 180_000, 'Assam', toMain)
 * ```
 */
export interface EmitAfterOptions extends Pick<JobSchedule, 'to' | 'id' | 'replace' | 'owner'> {}

/**
 * How an event is emitted at a time of day.
 *
 * @example
 * ```ts
 * import { emitAt, type EmitAtOptions } from 'tauri-plugin-event-bus-api'
 *
 * const onTime: EmitAtOptions = { skipMissed: true }
 * await emitAt('lunch', new Date(Date.now() + 3_600_000), undefined, onTime)
 * ```
 */
export interface EmitAtOptions extends EmitAfterOptions {
  /**
   * Whether nothing is emitted if the time was missed by a second or more, because the machine slept or the time is in the
   * past. By default the event then comes at once, with `tick.missed` 1.
   */
  skipMissed?: boolean
}

/**
 * A handle of a running job. The job outlives the handle: stop it, or declare the handle with `await using`.
 *
 * @example
 * ```ts
 * import { type Job, startJob } from 'tauri-plugin-event-bus-api'
 *
 * const clock: Job = await startJob('clock:tick', { everyMs: 10_000 })
 * await clock.stop()
 * ```
 */
export interface Job extends AsyncUsable {
  /** The id of the job. */
  readonly id: string
  /** The name of the event that it emits. */
  readonly event: string
  /**
   * The interval in milliseconds when the job was started or found, or how much later its only tick was; `info`
   * has the current one, after `update`, too.
   */
  readonly everyMs: number
  /**
   * Pauses the job until it is resumed. A paused job stays paused.
   *
   * @throws {EventBusError} by rejection, as `resume` and `update` do: `unknown_job`, `denied`, `unavailable`.
   */
  pause(): Promise<JobInfo>
  /** Resumes the job where it was paused: the rest of its interval is still to pass, and missed ticks are left out. */
  resume(): Promise<JobInfo>
  /**
   * Changes the job in place: all of the changes, or nothing. It keeps its count, and its phase where it can.
   *
   * @throws {EventBusError} by rejection, besides those of `pause`: `invalid_interval`, `invalid_argument`,
   * `invalid_payload`, `payload_too_large`, `rate_limited`, `too_many_jobs`, `unknown_target`.
   */
  update(changes: JobChanges): Promise<JobInfo>
  /** The current state of the job; `undefined` once it has ended. */
  info(): Promise<JobInfo | undefined>
  /** Ends the job. A job that has ended already counts as stopped. Rejects with an {@link EventBusError}. */
  stop(): Promise<void>
}

/**
 * What to change in a job. What is left out stays.
 *
 * @example
 * ```ts
 * import { getJob, type JobChanges } from 'tauri-plugin-event-bus-api'
 *
 * const slower: JobChanges = { everyMs: 60_000, to: 'main' }
 * await (await getJob('clock'))?.update(slower)
 * ```
 */
export interface JobChanges {
  /** The new interval. The next tick comes that long after the one before. */
  everyMs?: number
  /** The new payload. A job with a source keeps its source. */
  payload?: unknown
  /** The new receivers; `null` or `{ kind: 'Any' }` for everyone. */
  to?: Target | null
}

/**
 * Which job of an id is meant, where it does not belong to this webview. A capability has to allow it (`"owner": "any"`).
 *
 * @example
 * ```ts
 * import { getJob, HOST, type JobSelector } from 'tauri-plugin-event-bus-api'
 *
 * const ofTheApp: JobSelector = { owner: HOST }
 * const clock = await getJob('clock', ofTheApp)
 * await clock?.pause()
 * ```
 */
export interface JobSelector {
  /** The owner of the job, as {@link listJobs} reports it; the webview of this page by default. */
  owner?: Endpoint
}
