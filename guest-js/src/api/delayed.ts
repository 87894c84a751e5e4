import { checkName, checkText } from '../core/checks.js'
import { EventBusError, toEventBusError } from '../core/error.js'
import { openInbox } from '../core/inbox.js'
import { encodePayload } from '../core/json.js'
import { copyOfTarget } from '../core/target.js'
import type { EventName, PayloadArguments } from '../types/event-map.js'
import type { EmitAfterOptions, EmitAtOptions, Job } from '../types/job.js'
import type { JobInfo } from '../types/job-info.js'
import type { OtherName, ThePayloadOfThisEventIsMissingOrWrong } from '../types/name-kind.js'
import { handleOf } from './jobs.js'

/**
 * Emits an event once, after a delay in milliseconds, also while this page is hidden or reloads.
 *
 * It is a job of one tick: `listJobs` lists it, and its handle stops it. The delay goes on while the machine sleeps.
 *
 * @returns a {@link Job} handle, as soon as the delay runs.
 * @throws {EventBusError} by rejection, as {@link startJob}.
 *
 * @example
 * ```ts
 * import { emitAfter } from 'tauri-plugin-event-bus-api'
 *
 * const tea = await emitAfter('tea:ready', 180_000, 'Assam', { to: 'main' })
 * await tea.stop()
 * ```
 */
export function emitAfter<Payload = unknown, Name extends string = string>(
  event: OtherName<Name, ThePayloadOfThisEventIsMissingOrWrong>,
  delayMs: number,
  payload?: Payload,
  options?: EmitAfterOptions,
): Promise<Job>
export function emitAfter<Name extends EventName, _ extends never>(
  event: Name,
  delayMs: number,
  ...payload: [...payload: PayloadArguments<Name>, options?: EmitAfterOptions]
): Promise<Job>
export function emitAfter(
  event: string,
  afterMs: number,
  payload?: unknown,
  options?: EmitAfterOptions,
  component?: string,
): Promise<Job> {
  return start(event, { afterMs }, payload, options, component)
}

/**
 * Emits an event once, at a time of day: a `Date`, or milliseconds since the Unix epoch, at most a year ahead.
 *
 * It follows the clock of the machine, also where that is set. If the machine sleeps at that time, the event comes when it
 * wakes, with `tick.missed` 1, or not at all with `skipMissed`. It does not outlive the app. Otherwise as {@link emitAfter}.
 *
 * @returns a {@link Job} handle.
 * @throws {EventBusError} by rejection, as {@link startJob}.
 *
 * @example
 * ```ts
 * import { emitAt } from 'tauri-plugin-event-bus-api'
 *
 * await emitAt('lunch', new Date(Date.now() + 3_600_000), undefined, { skipMissed: true })
 * ```
 */
export function emitAt<Payload = unknown, Name extends string = string>(
  event: OtherName<Name, ThePayloadOfThisEventIsMissingOrWrong>,
  time: Date | number,
  payload?: Payload,
  options?: EmitAtOptions,
): Promise<Job>
export function emitAt<Name extends EventName, _ extends never>(
  event: Name,
  time: Date | number,
  ...payload: [...payload: PayloadArguments<Name>, options?: EmitAtOptions]
): Promise<Job>
export function emitAt(
  event: string,
  time: Date | number,
  payload?: unknown,
  options?: EmitAtOptions,
  component?: string,
): Promise<Job> {
  return start(event, { at: time }, payload, options, component)
}

/** Emits later, as a component if there is one. */
export type StartDelayed = (
  event: string,
  when: number | Date,
  payload?: unknown,
  options?: EmitAtOptions,
  component?: string,
) => Promise<Job>

async function start(
  event: string,
  given: { afterMs: number } | { at: number | Date },
  value: unknown,
  options?: EmitAtOptions,
  component?: string,
): Promise<Job> {
  try {
    checkName(event)
    checkText(options?.id, 'id')
    const [[key, time]] = Object.entries(given) as [[string, unknown]]
    const when = time instanceof Date && key === 'at' ? time.getTime() : time
    if (!Number.isFinite(when)) {
      const expected = key === 'at' ? 'a valid Date or a finite number' : 'a finite number'
      throw new EventBusError('invalid_argument', `${key} of "${event}" must be ${expected}, not ${describe(time)}`)
    }
    const { payload, bytes, size } = encodePayload(event, value)
    // JSON leaves out what is undefined. The host refuses an option that it does not know.
    const job = { ...options, event, [key]: when, payload, bytes, to: copyOfTarget(options?.to), component }
    return handleOf((await openInbox().queue.send('start_job', { job }, size)) as JobInfo)
  } catch (error) {
    throw toEventBusError(error)
  }
}

function describe(value: unknown): string {
  return value instanceof Date ? 'an invalid Date' : typeof value === 'string' ? JSON.stringify(value) : String(value)
}
