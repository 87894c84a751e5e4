/// <reference lib="esnext.disposable" preserve="true" />

import { run } from './commands.js'
import { ASYNC_DISPOSE } from './disposal.js'
import { EventBusError, toEventBusError } from './error.js'
import { checkName, type EventSource, payloadJson } from './event.js'
import type { EventName, NameIfSet, PayloadArguments, Unset } from './event-map.js'
import { openInbox } from './inbox.js'
import { copyOfTarget, type Target } from './target.js'

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
  /** The id of the job; the host makes one by default. */
  id?: string
  /** Whether it takes the place of a job with the same `id`, instead of being refused; `false` by default. */
  replace?: boolean
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
  (PayloadArguments<Name> extends [payload: infer Payload]
    ? { payload: Payload }
    : { payload?: PayloadArguments<Name>[0] })

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
  /** The interval in milliseconds. */
  readonly everyMs: number
  /** Ends the job. A job that is gone already counts as stopped. Rejects with an {@link EventBusError}. */
  stop(): Promise<void>
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
  /** How many ticks were left out, since the app was late. */
  missed: number
  /** How many ticks could not be emitted. */
  failed: number
  /** Who started it, and with whom it ends. */
  owner: EventSource
}

/**
 * Has the host emit an event again and again, at a fixed rate, also while this page is hidden or reloads.
 *
 * @returns a {@link Periodic} handle, as soon as the job runs.
 * @throws {EventBusError} by rejection: `invalid_interval`, `duplicate_job`, `too_many_jobs`, `denied`,
 * `invalid_argument`, `invalid_event_name`, `invalid_payload`, `payload_too_large`, `reserved_event_name`,
 * `unknown_target`, `unavailable`.
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
  options: Schedule & { payload?: NoInfer<Payload> },
): Promise<Periodic>
export function startPeriodic<Name extends EventName, _ extends never>(
  event: Name,
  options: PeriodicOptions<Name>,
): Promise<Periodic>
export async function startPeriodic(event: string, options: Schedule & { payload?: unknown }): Promise<Periodic> {
  try {
    checkName(event)
    if (typeof options !== 'object' || options === null) {
      throw new EventBusError('invalid_argument', `startPeriodic of "${event}" needs options, with everyMs at least`)
    }
    const { everyMs, target, immediate, count, id, replace } = options
    checkInterval(event, everyMs)
    checkCount(event, count)
    const payload = payloadJson(event, options.payload)
    const given = { payload, to: copyOfTarget(target), immediate, count, id, replace }
    const job = { event, everyMs, ...withoutUndefined(given) }
    const started = await openInbox().send('start_periodic', { job }, payload?.length ?? 0)
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
export async function stopPeriodic(id: string, options?: { owner?: EventSource }): Promise<void> {
  try {
    const owner = options?.owner
    await openInbox().send('stop_periodic', { id, ...withoutUndefined({ owner }) }, 0)
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

function handleOf({ id, event, everyMs }: PeriodicInfo): Periodic {
  let stopped: Promise<void> | null = null
  const stop = () => {
    stopped ??= stopPeriodic(id).catch((error: EventBusError) => {
      if (error.code === 'unknown_job') return
      // It may still run, so the next call tries again.
      stopped = null
      throw error
    })
    return stopped
  }
  return { id, event, everyMs, stop, [ASYNC_DISPOSE]: stop }
}

/** JSON turns what is not finite into null, so the host could not name the value. */
function checkInterval(event: string, everyMs: unknown): void {
  if (typeof everyMs === 'number' && Number.isFinite(everyMs) && everyMs > 0) return
  throw new EventBusError(
    'invalid_interval',
    `everyMs of "${event}" is a number of milliseconds above 0, not ${typeof everyMs === 'string' ? `the string "${everyMs}"` : String(everyMs)}`,
  )
}

function checkCount(event: string, count: unknown): void {
  if (count === undefined || (typeof count === 'number' && Number.isFinite(count))) return
  throw new EventBusError(
    'invalid_argument',
    `count of "${event}" is a whole number, not ${String(count)}: leave it out for a job without an end`,
  )
}

function withoutUndefined(values: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined))
}
