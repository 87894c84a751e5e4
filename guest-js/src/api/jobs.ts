import { checkName, checkText } from '../core/checks.js'
import { ASYNC_DISPOSE } from '../core/disposal.js'
import { EventBusError, toEventBusError } from '../core/error.js'
import { openInbox } from '../core/inbox.js'
import { payloadJson } from '../core/json.js'
import { query } from '../core/query.js'
import { copyOfTarget } from '../core/target.js'
import type { Endpoint } from '../types/endpoint.js'
import type { EventName, NameIfSet, Unset } from '../types/event-map.js'
import type { FixedPayload, Job, JobChanges, JobOptions, JobSchedule, JobSelector, JobSource } from '../types/job.js'
import type { JobInfo } from '../types/job-info.js'

/**
 * Starts a job: the host emits an event again and again, at a fixed rate, also while this page is hidden or reloads.
 *
 * @returns a {@link Job} handle, as soon as the job runs.
 * @throws {EventBusError} by rejection: `invalid_interval`, `duplicate_job`, `too_many_jobs`, `unknown_source`, `denied`,
 * `invalid_argument`, `invalid_event_name`, `invalid_payload`, `payload_too_large`, `rate_limited`,
 * `reserved_event_name`, `unknown_target`, `unavailable`.
 *
 * @example
 * ```ts
 * import { startJob } from 'tauri-plugin-event-bus-api'
 *
 * const clock = await startJob('clock:tick', { everyMs: 10_000, to: 'main', immediate: true, count: 5 })
 * await clock.stop()
 * ```
 */
export function startJob<Payload = Unset>(
  event: NameIfSet<Payload>,
  options: JobSchedule & (JobSource | (FixedPayload & { payload?: NoInfer<Payload> })),
): Promise<Job>
export function startJob<Name extends EventName, _ extends never>(event: Name, options: JobOptions<Name>): Promise<Job>
export async function startJob(
  event: string,
  options: JobSchedule & { payload?: unknown; source?: string; args?: unknown },
): Promise<Job> {
  try {
    checkName(event)
    if (typeof options !== 'object' || options === null) {
      throw new EventBusError('invalid_argument', `startJob of "${event}" needs options with at least everyMs`)
    }
    const { everyMs, to, immediate, count, id, replace, startDelayMs, missedTicks } = options
    const { onlyWhileListened, owner, jitterMs, maxFailures, source } = options
    checkInterval(event, everyMs)
    checkText(id, 'id')
    checkText(source, 'source')
    checkNumbers(event, { count, startDelayMs, jitterMs, maxFailures })
    const payload = payloadJson(event, options.payload)
    const args = payloadJson(event, options.args, 'args')
    const given = { payload, source, args, to: copyOfTarget(to), immediate, count, id, replace, startDelayMs }
    const more = { missedTicks, onlyWhileListened, owner, jitterMs, maxFailures }
    const job = { event, everyMs, ...given, ...more }
    const size = (payload?.length ?? 0) + (args?.length ?? 0)
    return handleOf((await openInbox().queue.send('start_job', { job }, size)) as JobInfo)
  } catch (error) {
    throw toEventBusError(error)
  }
}

/**
 * Stops a job by its id, such as one that an earlier page of this webview started. With `owner`, as {@link listJobs} reports
 * it, it stops a job of Rust or of another webview, if a capability allows that (`"owner": "any"`).
 *
 * @throws {EventBusError} by rejection: `unknown_job`, `denied`, `unavailable`.
 *
 * @example
 * ```ts
 * import { listJobs, stopJob } from 'tauri-plugin-event-bus-api'
 *
 * for (const { id, owner } of await listJobs()) await stopJob(id, { owner })
 * ```
 */
export async function stopJob(id: string, selector?: JobSelector): Promise<void> {
  await control('stop_job', id, selector)
}

/**
 * Pauses a job until it is resumed. A paused job stays paused.
 *
 * @throws {EventBusError} by rejection: `unknown_job`, `denied`, `unavailable`.
 *
 * @example
 * ```ts
 * import { pauseJob } from 'tauri-plugin-event-bus-api'
 *
 * await pauseJob('clock')
 * ```
 */
export function pauseJob(id: string, selector?: JobSelector): Promise<JobInfo> {
  return control('pause_job', id, selector)
}

/**
 * Resumes a job where it was paused: the rest of its interval is still to pass, and missed ticks are left out.
 *
 * @throws {EventBusError} by rejection: `unknown_job`, `denied`, `unavailable`.
 *
 * @example
 * ```ts
 * import { resumeJob } from 'tauri-plugin-event-bus-api'
 *
 * await resumeJob('clock')
 * ```
 */
export function resumeJob(id: string, selector?: JobSelector): Promise<JobInfo> {
  return control('resume_job', id, selector)
}

/**
 * Changes a job in place: all of the changes, or nothing. It keeps its count, and its phase where it can.
 *
 * @throws {EventBusError} by rejection: `unknown_job`, `invalid_interval`, `invalid_argument`, `invalid_payload`,
 * `payload_too_large`, `rate_limited`, `too_many_jobs`, `unknown_target`, `denied`, `unavailable`.
 *
 * @example
 * ```ts
 * import { updateJob } from 'tauri-plugin-event-bus-api'
 *
 * await updateJob('clock', { everyMs: 5_000 })
 * ```
 */
export async function updateJob(id: string, changes: JobChanges, selector?: JobSelector): Promise<JobInfo> {
  try {
    const { everyMs, to } = changes
    if (everyMs !== undefined) checkInterval(id, everyMs)
    const payload = payloadJson(id, changes.payload)
    const given = { everyMs, payload, to: copyOfTarget(to) }
    return await control('update_job', id, selector, { changes: given }, payload?.length)
  } catch (error) {
    throw toEventBusError(error)
  }
}

/**
 * Finds a running job, such as one that the page of this webview started before it was reloaded.
 *
 * @returns a {@link Job} handle; `undefined` where there is no such job.
 * @throws {EventBusError} by rejection: `denied`, `unavailable`.
 *
 * @example
 * ```ts
 * import { getJob, startJob } from 'tauri-plugin-event-bus-api'
 *
 * const clock = (await getJob('clock')) ?? (await startJob('clock:tick', { everyMs: 10_000, id: 'clock' }))
 * ```
 */
export async function getJob(id: string, selector?: JobSelector): Promise<Job | undefined> {
  const found = await findJob(id, selector?.owner)
  return found && handleOf(found)
}

/** Jobs of other owners, where a capability lets this page list them, may have the same id. */
async function findJob(id: string, owner: Endpoint = ownEndpoint()): Promise<JobInfo | undefined> {
  return (await listJobs()).find((job) => job.id === id && labelOf(job.owner) === labelOf(owner))
}

function ownEndpoint(): Endpoint {
  const { metadata } = (window as unknown as TauriWindow).__TAURI_INTERNALS__ ?? {}
  return { kind: 'webview', label: metadata?.currentWebview?.label ?? '' }
}

interface TauriWindow {
  __TAURI_INTERNALS__?: { metadata?: { currentWebview?: { label: string } } }
}

/** The label of an endpoint; `undefined` for the host. */
function labelOf(endpoint: Endpoint): string | undefined {
  return (endpoint as { label?: string }).label
}

async function control(
  command: 'stop_job' | 'pause_job' | 'resume_job' | 'update_job',
  id: string,
  selector: JobSelector | undefined,
  more?: object,
  size?: number,
): Promise<JobInfo> {
  try {
    const { owner, number } = (selector ?? {}) as JobSelector & { number?: number }
    checkText(id, 'id')
    checkText((owner as { label?: unknown } | undefined)?.label, 'label')
    return (await openInbox().queue.send(command, { id, number, owner, ...more }, size)) as JobInfo
  } catch (error) {
    throw toEventBusError(error)
  }
}

/**
 * Lists the jobs of this webview, including those that it started before a reload. Jobs of Rust and of other webviews are
 * listed as far as a capability allows it (`"owner": "any"`).
 *
 * @throws {EventBusError} by rejection: `denied`, `unavailable`.
 *
 * @example
 * ```ts
 * import { listJobs } from 'tauri-plugin-event-bus-api'
 *
 * const isRunning = (await listJobs()).some((job) => job.event === 'clock:tick')
 * ```
 */
export async function listJobs(): Promise<JobInfo[]> {
  return (await query('list_jobs')) as JobInfo[]
}

function handleOf({ id, number, event, everyMs, owner }: JobInfo): Job {
  let stopped: Promise<void> | null = null
  // With the number, since another job may take the id.
  const selector = { owner, number }
  const stop = () => {
    stopped ??= stopJob(id, selector).catch((error: EventBusError) => {
      if (error.code === 'unknown_job') return
      // It may still run, so the next call tries again.
      stopped = null
      throw error
    })
    return stopped
  }
  return {
    id,
    event,
    everyMs,
    pause: () => pauseJob(id, selector),
    resume: () => resumeJob(id, selector),
    update: (changes) => updateJob(id, changes, selector),
    info: async () => {
      const found = await findJob(id, owner)
      return found?.number === number ? found : undefined
    },
    stop,
    [ASYNC_DISPOSE]: stop,
  }
}

/** Refuses numbers that JSON would turn into null, so the host could not name them. */
function checkInterval(event: string, everyMs: unknown): void {
  if (typeof everyMs === 'number' && Number.isFinite(everyMs) && everyMs > 0) return
  const given = typeof everyMs === 'string' ? `the string "${everyMs}"` : String(everyMs)
  throw new EventBusError(
    'invalid_interval',
    `everyMs of "${event}" must be a number of milliseconds above 0, not ${given}`,
  )
}

/** Refuses numbers that JSON would turn into null, which means the default. */
function checkNumbers(event: string, numbers: Record<string, unknown>): void {
  for (const [key, value] of Object.entries(numbers)) {
    const isWhole = key === 'count' || key === 'maxFailures'
    const isValid = isWhole ? Number.isSafeInteger(value) && Number(value) >= 1 : Number.isFinite(value)
    if (value === undefined || isValid) continue
    const expected = isWhole ? 'a whole number from 1' : 'a number'
    throw new EventBusError('invalid_argument', `${key} of "${event}" must be ${expected}, not ${String(value)}`)
  }
}
