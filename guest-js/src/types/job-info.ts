import type { Endpoint } from './endpoint.js'
import type { ErrorCode } from './error-code.js'
import type { Target } from './target.js'

/**
 * What happens to ticks that could not come in time, because the machine slept or was busy, or the source was slow:
 *
 * - `skip`: they are left out.
 * - `burst`: they come one directly after the other, at most 1,000 of them.
 * - `delay`: they are left out, and the next tick comes a whole interval after the late one.
 *
 * @example
 * ```ts
 * import { type MissedTickBehavior, startJob } from 'tauri-plugin-event-bus-api'
 *
 * const missedTicks: MissedTickBehavior = 'burst'
 * await startJob('meter:pulse', { everyMs: 1_000, missedTicks })
 * ```
 */
export type MissedTickBehavior = 'skip' | 'burst' | 'delay'

/**
 * Which tick of a job an event is.
 *
 * @example
 * ```ts
 * import { listen, type Tick } from 'tauri-plugin-event-bus-api'
 *
 * const lateness = ({ scheduledAt }: Tick) => Date.now() - scheduledAt
 * listen('clock:tick', ({ tick }) => {
 *   if (tick) console.log(`tick ${tick.count}, ${lateness(tick)} ms late`)
 * })
 * ```
 */
export interface Tick {
  /** The id of the job. */
  job: string
  /** Counts the job's ticks, from 1. */
  count: number
  /** When the tick was due, in milliseconds since the Unix epoch. */
  scheduledAt: number
  /** How many ticks were left out since the one before. */
  missed: number
}

/**
 * What the host knows about a job.
 *
 * @example
 * ```ts
 * import { type JobInfo, listJobs } from 'tauri-plugin-event-bus-api'
 *
 * const jobs: JobInfo[] = await listJobs()
 * console.table(jobs, ['id', 'event', 'ticks', 'missed'])
 * ```
 */
export interface JobInfo {
  /** The id of the job. */
  id: string
  /** The number of the job. Of two jobs with the same id, one after the other, the newer has the higher number. */
  number: number
  /** The name of the event that it emits. */
  event: string
  /** The interval in milliseconds. */
  everyMs: number
  /** The receivers of each tick; `null` for every page and the host. */
  to: Target | null
  /** Whether the first tick came at once. */
  immediate: boolean
  /** After how many ticks it ends; `null` for never. */
  count: number | null
  /** How many ticks there were. */
  ticks: number
  /** How many ticks were left out because they could not come in time. */
  missed: number
  /** How many ticks could not be emitted. */
  failed: number
  /** The owner, with which the job ends: the host, or the webview with this label. */
  owner: Endpoint
  /** Whether it ticks, is paused, or waits for a listener. */
  state: 'running' | 'paused' | 'idle'
  /** When the next tick is due, in milliseconds since the Unix epoch; `null` while none is. */
  nextAt: number | null
  /** What happens to ticks that could not come in time. */
  missedTicks: MissedTickBehavior
  /** Whether it ticks only while its event has listeners. */
  onlyWhileListened: boolean
  /** The largest random delay of a tick, in milliseconds. */
  jitterMs: number
  /** The source of its payloads; `null` where there is none. */
  source: string | null
  /** After how many failures in a row it stops; `null` for never. */
  maxFailures: number | null
  /** The error of the newest tick that failed; `null` where none has. */
  lastError: { code: ErrorCode; message: string } | null
  /** The time of its only tick for what {@link emitAt} has started, in milliseconds since the Unix epoch; otherwise `null`. */
  at: number | null
}

/**
 * The payload of `event-bus:job-stopped`, to which the owner of a job can listen. The payload of `event-bus:job-started` is
 * a {@link JobInfo}.
 *
 * @example
 * ```ts
 * import { type JobStopped, listen } from 'tauri-plugin-event-bus-api'
 *
 * listen<JobStopped>('event-bus:job-stopped', ({ payload }) => console.log(payload.id, payload.reason))
 * ```
 */
export interface JobStopped {
  /** The id of the job. */
  id: string
  /** The name of the event that it emitted. */
  event: string
  /** Stopped by a call, at its count, by another job of its id, after too many failures in a row, or since its time was missed. */
  reason: 'stopped' | 'finished' | 'replaced' | 'failed' | 'missed'
  /** How many ticks there were. */
  ticks: number
  /** How many ticks were left out. */
  missed: number
  /** How many ticks could not be emitted. */
  failed: number
  /** The last failure, where `reason` is `failed`. */
  error: { code: ErrorCode; message: string } | null
}

/**
 * The payload of `event-bus:job-failed`, to which the owner of a job can listen.
 *
 * @example
 * ```ts
 * import { type JobFailed, listen } from 'tauri-plugin-event-bus-api'
 *
 * listen<JobFailed>('event-bus:job-failed', ({ payload }) => console.warn(payload.id, payload.error.message))
 * ```
 */
export interface JobFailed {
  /** The id of the job. */
  id: string
  /** The name of the event that it emits. */
  event: string
  /** The number of the tick that failed. */
  tick: number
  /** How many ticks in a row have failed. */
  failures: number
  /** Why. */
  error: { code: ErrorCode; message: string }
}
