/// <reference lib="esnext.disposable" preserve="true" />

import { run } from '../core/commands.js'
import { ASYNC_DISPOSE } from '../core/disposal.js'
import { type ErrorCode, EventBusError, toEventBusError } from '../core/error.js'
import { openInbox } from '../core/inbox.js'
import { checkName, type EventSource, payloadJson } from '../types/event.js'
import type { EventName, NameIfSet, PayloadArguments, Unset } from '../types/event-map.js'
import { copyOfTarget, type Target } from '../types/target.js'

/**
 * When and to whom a periodic emit goes.
 *
 * @example
 * ```ts
 * import { startPeriodic, type Schedule } from 'tauri-plugin-event-bus-api'
 *
 * const everySecond: Schedule = { everyMs: 1_000, immediate: true }
 * await startPeriodic('clock:tick', everySecond)
 * ```
 */
export interface Schedule {
  /** The interval in milliseconds, fractions allowed; the host sets the least. */
  everyMs: number
  /** Whom each tick is for; every page and Rust by default. */
  target?: Target
  /** Whether the first tick comes at once instead of after one interval; `false` by default. */
  immediate?: boolean
  /** After how many ticks it ends; never by default. */
  count?: number
  /** The id of the job, 1 to 255 bytes without control characters; the host makes one by default. */
  id?: string
  /** Whether it takes the place of a job with the same `id`, instead of being refused; `false` by default. */
  replace?: boolean
  /** How many milliseconds later it begins; 0 by default. */
  startDelayMs?: number
  /** What becomes of ticks that could not come in time; `skip` by default. */
  missedTicks?: MissedTicks
  /** Whether it ticks only while somebody listens to the event; `false` by default. */
  onlyWhileListened?: boolean
  /** With whom it ends; `window` by default. `app` needs a capability with `"owner": "any"` for the event. */
  owner?: 'window' | 'app'
  /** By how many milliseconds a tick comes later than it is scheduled, at random, at the most; 0 by default. */
  jitterMs?: number
  /** After how many failures in a row it stops; 10 with a `source`, otherwise never. */
  maxFailures?: number
}

/**
 * What becomes of ticks that could not come in time, because the machine slept or was busy, or the source was slow:
 * they are left out (`skip`), come one directly after the other (`burst`, at most 1,000), or are left out and the
 * next one comes a whole interval after the late one (`delay`).
 *
 * @example
 * ```ts
 * import { type MissedTicks, startPeriodic } from 'tauri-plugin-event-bus-api'
 *
 * const missedTicks: MissedTicks = 'burst'
 * await startPeriodic('meter:pulse', { everyMs: 1_000, missedTicks })
 * ```
 */
export type MissedTicks = 'skip' | 'burst' | 'delay'

/**
 * A source of payloads that the app has registered in Rust, in place of a `payload`.
 *
 * @example
 * ```ts
 * import { type PeriodicSource, startPeriodic } from 'tauri-plugin-event-bus-api'
 *
 * const cpu: PeriodicSource = { source: 'cpu', args: { core: 0 } }
 * await startPeriodic('machine:cpu', { everyMs: 1_000, onlyWhileListened: true, ...cpu })
 * ```
 */
export interface PeriodicSource {
  /** Its name. */
  source: string
  /** What it is called with at each tick; nothing by default. */
  args?: unknown
  /** It makes the payload. */
  payload?: never
}

/**
 * A {@link Schedule} with the payload of each tick, optional where `emit` may omit it.
 *
 * @example
 * ```ts
 * import type { PeriodicOptions } from 'tauri-plugin-event-bus-api'
 *
 * const options: PeriodicOptions<'clock:tick'> = { everyMs: 1_000, payload: { zone: 'UTC' } }
 * ```
 */
export type PeriodicOptions<Name extends string> = Schedule &
  (
    | PeriodicSource
    | (PayloadArguments<Name> extends [payload: infer Payload]
        ? FixedPayload & { payload: Payload }
        : FixedPayload & { payload?: PayloadArguments<Name>[0] })
  )

/** The payload is given, and no source. */
interface FixedPayload {
  source?: never
  args?: never
}

/**
 * A job that {@link startPeriodic} started. It lives on when the page drops the handle: stop it, or declare it
 * with `await using`.
 *
 * @example
 * ```ts
 * import { startPeriodic, type Periodic } from 'tauri-plugin-event-bus-api'
 *
 * const clock: Periodic = await startPeriodic('clock:tick', { everyMs: 10_000 })
 * await clock.stop()
 * ```
 */
export interface Periodic extends AsyncDisposable {
  /** The id of the job. */
  readonly id: string
  /** The name of the event it emits. */
  readonly event: string
  /** The interval in milliseconds, as it was when the job was started or found. */
  readonly everyMs: number
  /** Holds the job until it is resumed. Rejects with an {@link EventBusError}, as the others do. */
  pause(): Promise<PeriodicInfo>
  /** Goes on where the job was paused; nothing is made up for. */
  resume(): Promise<PeriodicInfo>
  /** Changes the job in place. It keeps its count, and its phase where it can. */
  update(changes: PeriodicChanges): Promise<PeriodicInfo>
  /** The job as it stands; `undefined` once it has ended. */
  info(): Promise<PeriodicInfo | undefined>
  /** Ends the job. A job that is gone already counts as stopped. Rejects with an {@link EventBusError}. */
  stop(): Promise<void>
}

/**
 * What is to change of a job; what is left out stays.
 *
 * @example
 * ```ts
 * import { type PeriodicChanges, updatePeriodic } from 'tauri-plugin-event-bus-api'
 *
 * const slower: PeriodicChanges = { everyMs: 60_000, target: 'main' }
 * await updatePeriodic('clock', slower)
 * ```
 */
export interface PeriodicChanges {
  /** Another interval: the next tick comes so long after the one before. */
  everyMs?: number
  /** Another payload. A job with a source keeps its source. */
  payload?: unknown
  /** Another target; `{ kind: 'Any' }` for everyone. */
  target?: Target
}

/**
 * Whose job to reach, where it is not this webview's own: as {@link listPeriodic} tells it. A capability has to allow it
 * (`"owner": "any"`).
 *
 * @example
 * ```ts
 * import { type JobOwner, pausePeriodic } from 'tauri-plugin-event-bus-api'
 *
 * const owner: JobOwner = { owner: { kind: 'host' } }
 * await pausePeriodic('clock', owner)
 * ```
 */
export interface JobOwner {
  /** Whose it is: `'app'` for a job of Rust, or one that a page has started for the app. This webview's own without it. */
  owner?: 'app' | EventSource
}

/**
 * What the host knows about a job.
 *
 * @example
 * ```ts
 * import { listPeriodic, type PeriodicInfo } from 'tauri-plugin-event-bus-api'
 *
 * const jobs: PeriodicInfo[] = await listPeriodic()
 * console.table(jobs, ['id', 'event', 'ticks', 'missed'])
 * ```
 */
export interface PeriodicInfo {
  /** The id of the job. */
  id: string
  /** The number of the job: of two with the same id, one after the other, the newer has the higher. */
  number: number
  /** The name of the event it emits. */
  event: string
  /** The interval in milliseconds. */
  everyMs: number
  /** Whom each tick is for, as it was given; `null` for every page. */
  to: Target | null
  /** Whether the first tick came at once. */
  immediate: boolean
  /** After how many ticks it ends; `null` for never. */
  count: number | null
  /** How many ticks there were. */
  ticks: number
  /** How many ticks were left out, since they could not come in time. */
  missed: number
  /** How many ticks could not be emitted. */
  failed: number
  /** With whom it ends: the app, or the webview with this label. */
  owner: EventSource
  /** Whether it ticks, is paused, or waits for somebody who listens. */
  state: 'running' | 'paused' | 'unheard'
  /** When the next tick is due, in milliseconds since the Unix epoch; `null` while none is. */
  nextAt: number | null
  /** What becomes of ticks that could not come in time. */
  missedTicks: MissedTicks
  /** Whether it ticks only while somebody listens. */
  onlyWhileListened: boolean
  /** By how many milliseconds a tick comes later than it is scheduled, at the most. */
  jitterMs: number
  /** The source of its payloads; `null` where there is none. */
  source: string | null
  /** After how many failures in a row it stops; `null` for never. */
  maxFailures: number | null
  /** Why the tick failed that failed last; `null` where none has. */
  lastError: { code: ErrorCode; message: string } | null
}

/**
 * The payload of `event-bus:job-stopped`, which the owner of a job can listen to. That of `event-bus:job-started` is a
 * {@link PeriodicInfo}.
 *
 * @example
 * ```ts
 * import { listen, type PeriodicStopped } from 'tauri-plugin-event-bus-api'
 *
 * listen<PeriodicStopped>('event-bus:job-stopped', ({ payload }) => console.log(payload.id, payload.reason))
 * ```
 */
export interface PeriodicStopped {
  /** The id of the job. */
  id: string
  /** The name of the event it emitted. */
  event: string
  /** Stopped by somebody, at its count, by another job of its id, or after too many failures in a row. */
  reason: 'stopped' | 'finished' | 'replaced' | 'failed'
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
 * The payload of `event-bus:job-failed`, which the owner of a job can listen to.
 *
 * @example
 * ```ts
 * import { listen, type PeriodicFailed } from 'tauri-plugin-event-bus-api'
 *
 * listen<PeriodicFailed>('event-bus:job-failed', ({ payload }) => console.warn(payload.id, payload.error.message))
 * ```
 */
export interface PeriodicFailed {
  /** The id of the job. */
  id: string
  /** The name of the event it emits. */
  event: string
  /** The number of the tick that failed. */
  tick: number
  /** How many have failed in a row. */
  failures: number
  /** Why. */
  error: { code: ErrorCode; message: string }
}

/**
 * Has the host emit an event again and again, at a fixed rate, also while this page is hidden or reloads.
 *
 * @returns a {@link Periodic} handle, as soon as the job runs.
 * @throws {EventBusError} by rejection: `invalid_interval`, `duplicate_job`, `too_many_jobs`, `unknown_source`, `denied`,
 * `invalid_argument`, `invalid_event_name`, `invalid_payload`, `payload_too_large`, `rate_limited`,
 * `reserved_event_name`, `unknown_target`, `unavailable`.
 *
 * @example
 * ```ts
 * import { startPeriodic } from 'tauri-plugin-event-bus-api'
 *
 * const clock = await startPeriodic('clock:tick', { everyMs: 10_000, target: 'main', immediate: true, count: 5 })
 * await clock.stop()
 * ```
 */
export function startPeriodic<Payload = Unset>(
  event: NameIfSet<Payload>,
  options: Schedule & (PeriodicSource | (FixedPayload & { payload?: NoInfer<Payload> })),
): Promise<Periodic>
export function startPeriodic<Name extends EventName, _ extends never>(
  event: Name,
  options: PeriodicOptions<Name>,
): Promise<Periodic>
export async function startPeriodic(
  event: string,
  options: Schedule & { payload?: unknown; source?: string; args?: unknown },
): Promise<Periodic> {
  try {
    checkName(event)
    if (typeof options !== 'object' || options === null) {
      throw new EventBusError('invalid_argument', `startPeriodic of "${event}" needs options, with everyMs at least`)
    }
    const { everyMs, target, immediate, count, id, replace, startDelayMs, missedTicks } = options
    const { onlyWhileListened, owner, jitterMs, maxFailures, source } = options
    checkInterval(event, everyMs)
    checkNumbers(event, { count, startDelayMs, jitterMs, maxFailures })
    const payload = payloadJson(event, options.payload)
    const args = payloadJson(event, options.args, 'args')
    const given = { payload, source, args, to: copyOfTarget(target), immediate, count, id, replace, startDelayMs }
    const more = { missedTicks, onlyWhileListened, owner, jitterMs, maxFailures }
    const job = { event, everyMs, ...withoutUndefined({ ...given, ...more }) }
    const size = (payload?.length ?? 0) + (args?.length ?? 0)
    const started = await openInbox().send('start_periodic', { job }, size)
    return handleOf(started as PeriodicInfo)
  } catch (error) {
    throw toEventBusError(error)
  }
}

/**
 * Ends a periodic emit by its id: one that an earlier page of this webview started, say. With `owner`, as
 * {@link listPeriodic} tells it, one of Rust or of another webview, if a capability allows that (`"owner": "any"`).
 *
 * @throws {EventBusError} by rejection: `unknown_job`, `denied`, `unavailable`.
 *
 * @example
 * ```ts
 * import { listPeriodic, stopPeriodic } from 'tauri-plugin-event-bus-api'
 *
 * for (const { id, owner } of await listPeriodic()) await stopPeriodic(id, { owner })
 * ```
 */
export async function stopPeriodic(id: string, options?: JobOwner): Promise<void> {
  await control('stop_periodic', id, options)
}

/**
 * Holds a periodic emit until it is resumed. One that is paused stays so.
 *
 * @throws {EventBusError} by rejection: `unknown_job`, `denied`, `unavailable`.
 *
 * @example
 * ```ts
 * import { pausePeriodic } from 'tauri-plugin-event-bus-api'
 *
 * await pausePeriodic('clock')
 * ```
 */
export async function pausePeriodic(id: string, options?: JobOwner): Promise<PeriodicInfo> {
  return (await control('pause_periodic', id, options)) as PeriodicInfo
}

/**
 * Goes on with a periodic emit where it was paused: the rest of its interval is still to pass, and nothing is made up for.
 *
 * @throws {EventBusError} by rejection: `unknown_job`, `denied`, `unavailable`.
 *
 * @example
 * ```ts
 * import { resumePeriodic } from 'tauri-plugin-event-bus-api'
 *
 * await resumePeriodic('clock')
 * ```
 */
export async function resumePeriodic(id: string, options?: JobOwner): Promise<PeriodicInfo> {
  return (await control('resume_periodic', id, options)) as PeriodicInfo
}

/**
 * Changes a periodic emit in place: all that is given, or nothing. It keeps its count, and its phase where it can.
 *
 * @throws {EventBusError} by rejection: `unknown_job`, `invalid_interval`, `invalid_argument`, `invalid_payload`,
 * `payload_too_large`, `rate_limited`, `too_many_jobs`, `unknown_target`, `denied`, `unavailable`.
 *
 * @example
 * ```ts
 * import { updatePeriodic } from 'tauri-plugin-event-bus-api'
 *
 * await updatePeriodic('clock', { everyMs: 5_000 })
 * ```
 */
export async function updatePeriodic(id: string, changes: PeriodicChanges, options?: JobOwner): Promise<PeriodicInfo> {
  try {
    const { everyMs, target } = changes
    if (everyMs !== undefined) checkInterval(id, everyMs)
    const payload = payloadJson(id, changes.payload)
    const given = withoutUndefined({ everyMs, payload, to: copyOfTarget(target) })
    return (await control('update_periodic', id, options, { changes: given }, payload?.length)) as PeriodicInfo
  } catch (error) {
    throw toEventBusError(error)
  }
}

/**
 * A handle of a periodic emit that runs: one that this webview's page started before it was reloaded, say.
 * `undefined` where there is none.
 *
 * @throws {EventBusError} by rejection: `denied`, `unavailable`.
 *
 * @example
 * ```ts
 * import { getPeriodic, startPeriodic } from 'tauri-plugin-event-bus-api'
 *
 * const clock = (await getPeriodic('clock')) ?? (await startPeriodic('clock:tick', { everyMs: 10_000, id: 'clock' }))
 * ```
 */
export async function getPeriodic(id: string, options?: JobOwner): Promise<Periodic | undefined> {
  const found = await findJob(id, ownerOf(options))
  return found && handleOf(found)
}

async function findJob(id: string, owner: EventSource = ownSource()): Promise<PeriodicInfo | undefined> {
  return (await listPeriodic()).find((job) => job.id === id && isSameSource(job.owner, owner))
}

/** Where a capability lets this page list jobs of others, those may have the same ids. */
function ownSource(): EventSource {
  const { metadata } = (window as unknown as TauriWindow).__TAURI_INTERNALS__ ?? {}
  return { kind: 'webview', label: metadata?.currentWebview?.label ?? '' }
}

interface TauriWindow {
  __TAURI_INTERNALS__?: { metadata?: { currentWebview?: { label: string } } }
}

function isSameSource(a: EventSource, b: EventSource): boolean {
  return a.kind === 'host' || b.kind === 'host' ? a.kind === b.kind : a.label === b.label
}

/** Whose job it is, as the host says it. */
function ownerOf(options: JobOwner | undefined): EventSource | undefined {
  return options?.owner === 'app' ? { kind: 'host' } : options?.owner
}

async function control(
  command: 'stop_periodic' | 'pause_periodic' | 'resume_periodic' | 'update_periodic',
  id: string,
  options: JobOwner | undefined,
  more: object = {},
  size = 0,
): Promise<unknown> {
  try {
    const { number } = (options ?? {}) as { number?: number }
    const named = withoutUndefined({ number, owner: ownerOf(options) })
    return await openInbox().send(command, { id, ...named, ...more }, size)
  } catch (error) {
    throw toEventBusError(error)
  }
}

/**
 * The periodic emits of this webview, those included that it started before a reload. Those of Rust and of other
 * webviews, too, as far as a capability allows it (`"owner": "any"`).
 *
 * @throws {EventBusError} by rejection: `denied`, `unavailable`.
 *
 * @example
 * ```ts
 * import { listPeriodic } from 'tauri-plugin-event-bus-api'
 *
 * const running = (await listPeriodic()).some((job) => job.event === 'clock:tick')
 * ```
 */
export async function listPeriodic(): Promise<PeriodicInfo[]> {
  try {
    openInbox()
    return (await run('list_periodic', {})) as PeriodicInfo[]
  } catch (error) {
    throw toEventBusError(error, 'list_periodic')
  }
}

function handleOf({ id, number, event, everyMs, owner }: PeriodicInfo): Periodic {
  let stopped: Promise<void> | null = null
  // With its number, since another job may take the id.
  const of = { owner, number }
  const stop = () => {
    stopped ??= stopPeriodic(id, of).catch((error: EventBusError) => {
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
    pause: () => pausePeriodic(id, of),
    resume: () => resumePeriodic(id, of),
    update: (changes) => updatePeriodic(id, changes, of),
    info: async () => {
      const found = await findJob(id, owner)
      return found?.number === number ? found : undefined
    },
    stop,
    [ASYNC_DISPOSE]: stop,
  }
}

/** JSON turns what is not finite into null, so the host could not name the value. */
function checkInterval(event: string, everyMs: unknown): void {
  if (typeof everyMs === 'number' && Number.isFinite(everyMs) && everyMs > 0) return
  const given = typeof everyMs === 'string' ? `the string "${everyMs}"` : String(everyMs)
  const wrong = everyMs === undefined ? 'missing' : given
  throw new EventBusError(
    'invalid_interval',
    `everyMs of "${event}" is ${wrong}; it is a number of milliseconds above 0`,
  )
}

/** The same for other numbers, which would be as good as left out. */
function checkNumbers(event: string, numbers: Record<string, unknown>): void {
  for (const [key, value] of Object.entries(numbers)) {
    if (value === undefined || (typeof value === 'number' && Number.isFinite(value))) continue
    throw new EventBusError('invalid_argument', `${key} of "${event}" is a number or left out, not ${String(value)}`)
  }
  for (const key of ['count', 'maxFailures']) {
    const value = numbers[key]
    if (value === undefined || (Number.isSafeInteger(value) && Number(value) >= 1)) continue
    throw new EventBusError(
      'invalid_argument',
      `${key} of "${event}" is a whole number from 1 or left out, not ${String(value)}`,
    )
  }
}

function withoutUndefined(values: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined))
}
