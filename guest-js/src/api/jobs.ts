import { checkName, checkText } from '../core/checks.js'
import { ASYNC_DISPOSE } from '../core/disposal.js'
import { EventBusError, toEventBusError } from '../core/error.js'
import { openInbox } from '../core/inbox.js'
import { encodePayload } from '../core/json.js'
import { ownLabel } from '../core/page.js'
import { query } from '../core/query.js'
import { copyOfTarget } from '../core/target.js'
import type { Endpoint } from '../types/endpoint.js'
import type { EventName } from '../types/event-map.js'
import type { FixedPayload, Job, JobOptions, JobSchedule, JobSelector, JobSource } from '../types/job.js'
import type { JobInfo } from '../types/job-info.js'
import type { OtherName, ThePayloadOfThisEventIsMissingOrWrong } from '../types/name-kind.js'

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
export function startJob<Payload = unknown, Name extends string = string>(
  event: OtherName<Name, ThePayloadOfThisEventIsMissingOrWrong>,
  options: JobSchedule & (JobSource | (FixedPayload & { payload?: Payload })),
): Promise<Job>
export function startJob<Name extends EventName, _ extends never>(event: Name, options: JobOptions<Name>): Promise<Job>
export async function startJob(event: string, options: NewJobOptions, component?: string): Promise<Job> {
  try {
    checkName(event)
    if (typeof options !== 'object' || options === null) {
      throw new EventBusError(
        'invalid_argument',
        `startJob of "${event}" needs options with at least everyMs, not ${String(options)}`,
      )
    }
    const { everyMs, to, immediate, count, id, replace, startDelayMs, missedTicks } = options
    const { onlyWhileListened, owner, jitterMs, maxFailures, source } = options
    checkInterval(event, everyMs)
    checkText(id, 'id')
    checkText(source, 'source')
    checkNumbers(event, { count, startDelayMs, jitterMs, maxFailures })
    const { payload, bytes, size } = encodePayload(event, options.payload)
    const args = encodePayload(event, options.args, 'args')
    // JSON leaves out what is undefined. The host takes the bytes of the payload first.
    const given = {
      payload,
      bytes,
      source,
      args: args.payload,
      argsBytes: args.bytes,
      to: copyOfTarget(to),
      immediate,
      count,
      id,
      replace,
      startDelayMs,
    }
    const more = { missedTicks, onlyWhileListened, owner, jitterMs, maxFailures }
    const job = { event, everyMs, component, ...given, ...more }
    return handleOf((await openInbox().queue.send('start_job', { job }, size + args.size)) as JobInfo)
  } catch (error) {
    throw toEventBusError(error)
  }
}

type NewJobOptions = JobSchedule & { payload?: unknown; source?: string; args?: unknown }

/** Starts a job, whose ticks are those of a component if there is one. */
export type StartJobAs = (event: string, options: NewJobOptions, component?: string) => Promise<Job>

/**
 * Finds a running job, such as one that the page of this webview started before it was reloaded. With `owner`, as
 * {@link listJobs} reports it, it finds a job of the host or of another webview, if a capability allows that (`"owner": "any"`).
 *
 * @returns a {@link Job} handle; `undefined` where there is no such job.
 * @throws {EventBusError} by rejection: `denied`, `unavailable`.
 *
 * @example
 * ```ts
 * import { getJob, startJob } from 'tauri-plugin-event-bus-api'
 *
 * const clock = (await getJob('clock')) ?? (await startJob('clock:tick', { everyMs: 10_000, id: 'clock' }))
 * await clock.update({ everyMs: 5_000 })
 * ```
 */
export async function getJob(id: string, selector?: JobSelector): Promise<Job | undefined> {
  const found = await findJob(id, selector?.owner)
  return found && handleOf(found)
}

/** Jobs of other owners, where a capability lets this page list them, may have the same id. */
async function findJob(id: string, owner?: Endpoint): Promise<JobInfo | undefined> {
  const jobs = await listJobs()
  const label = owner ? labelOf(owner) : ownLabel()
  return jobs.find((job) => job.id === id && labelOf(job.owner) === label)
}

/** The label of an endpoint; `undefined` for the host. */
function labelOf(endpoint: Endpoint): string | undefined {
  return (endpoint as { label?: string }).label
}

/**
 * Lists the jobs of this webview, including those that it started before a reload. Jobs of the host and of other webviews are
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

/** The handle of a job. Its commands carry the number, since another job may take the id. */
export function handleOf({ id, number, event, everyMs, owner }: JobInfo): Job {
  const control = async (command: ControlCommand, more?: object, size?: number) => {
    try {
      return (await openInbox().queue.send(command, { id, number, owner, ...more }, size)) as JobInfo
    } catch (error) {
      throw toEventBusError(error)
    }
  }
  let stopped: Promise<void> | null = null
  const stop = () => {
    stopped ??= control('stop_job').then(
      () => {},
      (error: EventBusError) => {
        if (error.code === 'unknown_job') return
        // It may still run, so the next call tries again.
        stopped = null
        throw error
      },
    )
    return stopped
  }
  return {
    id,
    event,
    everyMs,
    pause: () => control('pause_job'),
    resume: () => control('resume_job'),
    async update(changes) {
      try {
        if (changes.everyMs !== undefined) checkInterval(event, changes.everyMs)
        const { payload, bytes, size } = encodePayload(event, changes.payload)
        const to = changes.to === null ? ({ kind: 'Any' } as const) : copyOfTarget(changes.to)
        const given = { everyMs: changes.everyMs, payload, bytes, to }
        return await control('update_job', { changes: given }, size)
      } catch (error) {
        throw toEventBusError(error)
      }
    },
    info: async () => {
      const found = await findJob(id, owner)
      return found?.number === number ? found : undefined
    },
    stop,
    [ASYNC_DISPOSE]: stop,
  }
}

type ControlCommand = 'stop_job' | 'pause_job' | 'resume_job' | 'update_job'

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
