import { checkName } from '../core/checks.js'
import { ASYNC_DISPOSE } from '../core/disposal.js'
import { EventBusError, toEventBusError } from '../core/error.js'
import { openInbox } from '../core/inbox.js'
import { encodePayload } from '../core/json.js'
import { query } from '../core/query.js'
import { currentCauses, traceOf } from '../core/realm.js'
import { FollowedTask } from '../core/requests/followed-task.js'
import { IncomingStreams, isLost } from '../core/requests/incoming.js'
import { pageRequests } from '../core/requests/open.js'
import type { PartStream } from '../types/part-stream.js'
import type { StartTaskOptions, Task, TaskInfo, TaskProgress } from '../types/task.js'

/**
 * Starts a task of the app, which Rust has registered with `register_task`, and follows it. Where one of this name and key waits or
 * runs, it is followed.
 *
 * It needs the permission `event-bus:tasks`, which is not in the default set.
 *
 * @throws {EventBusError} by rejection of `result`, and in a loop: `denied`, `no_responder`, `duplicate_task`, `too_many_tasks`,
 * `invalid_argument`, `invalid_payload`, `payload_too_large`, `event_loop`, `rate_limited`, `unavailable`; and how the task ends:
 * `responder_failed`, `cancelled`.
 *
 * @example
 * ```ts
 * import { startTask } from 'tauri-plugin-event-bus-api'
 *
 * const task = startTask<string>('export', { rows: 1_000 }, { key: 'quarter-3' })
 * for await (const { fraction } of task) console.log(fraction)
 * console.log(await task.result)
 * ```
 */
export function startTask<Result = unknown, Detail = unknown>(
  name: string,
  args?: unknown,
  options?: StartTaskOptions,
): Task<Result, Detail>
export function startTask(
  name: string,
  args?: unknown,
  { key = randomKey(), ifRunning, signal }: StartTaskOptions = {},
  component?: string,
): Task {
  const origin = { causes: currentCauses(), traceparent: traceOf() }
  const start = async () => {
    checkName(name)
    const { payload, bytes, size } = encodePayload(name, args)
    const task = { name, key, payload, bytes, ifRunning, component, ...origin }
    try {
      await openInbox().queue.send('start_task', { task }, size)
    } catch (reason) {
      const error = toEventBusError(reason)
      // Its reply may be lost. The key tells whether it has started.
      if (error.code !== 'unavailable' || !(await isThere(name, key))) throw error
    }
  }
  return follow(name, key, signal, start)
}

/**
 * Follows a task that waits or runs, or that has ended a while ago: one that another page started, or this page before it was
 * reloaded. The newest progress comes at once.
 *
 * @throws {EventBusError} by rejection of `result`, and in a loop: `unknown_task`, `denied`, `unavailable`; and how the task ends,
 * as for {@link startTask}.
 *
 * @example
 * ```ts
 * import { attachTask } from 'tauri-plugin-event-bus-api'
 *
 * const file = await attachTask<string>('export', 'quarter-3').result
 * console.log(file)
 * ```
 */
export function attachTask<Result = unknown, Detail = unknown>(
  name: string,
  key: string,
  options?: Pick<StartTaskOptions, 'signal'>,
): Task<Result, Detail>
export function attachTask(name: string, key: string, { signal }: Pick<StartTaskOptions, 'signal'> = {}): Task {
  return follow(name, key, signal, async () => checkName(name))
}

/**
 * Lists the tasks of the app that this page may see: those that wait or run, and those that have ended a while ago.
 *
 * @throws {EventBusError} by rejection: `denied`, `unavailable`.
 *
 * @example
 * ```ts
 * import { listTasks } from 'tauri-plugin-event-bus-api'
 *
 * const running = (await listTasks()).filter(({ state }) => state === 'running')
 * console.log(running.length)
 * ```
 */
export async function listTasks(): Promise<TaskInfo[]> {
  return (await query('list_tasks')) as TaskInfo[]
}

/** Starts a task, as a component if there is one. */
export type StartTaskAs = (name: string, args?: unknown, options?: StartTaskOptions, component?: string) => Task

async function isThere(name: string, key: string): Promise<boolean> {
  const tasks = await listTasks().catch(() => [])
  return tasks.some((task) => task.name === name && task.key === key)
}

function randomKey(): string {
  return crypto.getRandomValues(new Uint32Array(4)).join('-')
}

/** Stops following tasks whose handles were collected. */
const forgotten =
  typeof FinalizationRegistry === 'function'
    ? new FinalizationRegistry<FollowedTask>((task) => task.forget())
    : undefined

function follow(name: string, key: string, signal: AbortSignal | undefined, begin: () => Promise<void>): Task {
  const attach = () => attachStream(name, key)
  const followed = new FollowedTask(name, signal, begin, attach, isLost)
  const cancel = async () => {
    try {
      await openInbox().queue.send('cancel_task', { name, key })
    } catch (error) {
      throw toEventBusError(error)
    }
  }
  // Nothing else refers to what users hold, so that it is noticed when they lose it.
  const handle: Task = {
    name,
    key,
    get result() {
      return followed.result
    },
    get progress() {
      return followed.newest
    },
    cancel,
    stop: () => followed.stop(),
    [Symbol.asyncIterator]: () => followed.iterate(),
    [ASYNC_DISPOSE]: async () => followed.stop(),
  }
  forgotten?.register(handle, followed)
  return handle
}

/** Requests the stream by which the host tells of a task. */
function attachStream(name: string, key: string): PartStream<TaskProgress, unknown> {
  const streams = pageRequests().openStreams((...args) => new IncomingStreams(...args))
  return streams.request(name, undefined, () => {
    if (typeof key !== 'string') {
      throw new EventBusError('invalid_argument', `the key of a task of "${name}" is ${typeof key}; expected text`)
    }
    return { command: 'attach_task', name, key, causes: [] }
  })
}
