import type { AsyncUsable } from './disposable.js'
import type { Endpoint } from './endpoint.js'

/**
 * What a task does at the moment, or how it has ended. One that is `queued` waits until fewer tasks of its name run, and one that
 * is `cancelling` was cancelled and has not ended yet.
 *
 * @example
 * ```ts
 * import type { TaskState } from 'tauri-plugin-event-bus-api'
 *
 * const isEnded = (state: TaskState) => ['completed', 'failed', 'cancelled'].includes(state)
 * ```
 */
export type TaskState = 'queued' | 'running' | 'cancelling' | 'completed' | 'failed' | 'cancelled'

/**
 * What a task tells while it has not ended.
 *
 * @example
 * ```ts
 * import type { TaskProgress } from 'tauri-plugin-event-bus-api'
 *
 * const percent = ({ fraction }: TaskProgress) => (fraction === null ? '' : `${Math.round(100 * fraction)} %`)
 * ```
 */
export interface TaskProgress<Detail = unknown> {
  state: 'queued' | 'running' | 'cancelling'
  /** How much is done, from 0 to 1; `null` if it has not said. */
  fraction: number | null
  /** What it says beside that; `null` if it has not said. */
  detail: Detail | null
}

/**
 * A task, as {@link listTasks} lists it.
 *
 * @example
 * ```ts
 * import { listTasks, type TaskInfo } from 'tauri-plugin-event-bus-api'
 *
 * const line = ({ name, key, state }: TaskInfo) => `${name} ${key} ${state}`
 * console.log((await listTasks()).map(line).join('\n'))
 * ```
 */
export interface TaskInfo {
  name: string
  key: string
  state: TaskState
  /** How much is done, from 0 to 1; `null` if it has not said. */
  fraction: number | null
  /** Who started it. */
  startedBy: Endpoint
}

/**
 * How a task is started.
 *
 * @example
 * ```ts
 * import { startTask, type StartTaskOptions } from 'tauri-plugin-event-bus-api'
 *
 * const once: StartTaskOptions = { key: 'quarter-3', ifRunning: 'fail' }
 * const task = startTask('export', { rows: 1_000 }, once)
 * ```
 */
export interface StartTaskOptions {
  /** The key by which the run is found, 1 to 255 bytes; a random one by default. Of one name and key, one runs at a time. */
  key?: string
  /**
   * What happens where one with the key waits or runs: it is followed (`attach`, the default), if it has the same arguments; or
   * this is refused with `duplicate_task` (`fail`).
   */
  ifRunning?: 'attach' | 'fail'
  /** Stops following the task when it aborts. The task goes on; {@link Task.cancel} cancels it. */
  signal?: AbortSignal
}

/**
 * Follows a task; the result of {@link startTask} and {@link attachTask}. A loop over it gets the newest progress, until the task
 * has ended. It attaches again by itself when the session of this page is renewed. Closing the page ends nothing.
 *
 * @example
 * ```ts
 * import { startTask, type Task } from 'tauri-plugin-event-bus-api'
 *
 * const task: Task<string, string> = startTask('export', { rows: 1_000 })
 * for await (const { fraction, detail } of task) console.log(fraction, detail)
 * console.log(await task.result)
 * ```
 */
export interface Task<Result = unknown, Detail = unknown> extends AsyncUsable {
  readonly name: string
  readonly key: string
  /**
   * The result. It rejects with the error of the task, with `cancelled` if it was cancelled or this has stopped following, or with
   * what refused to start or to follow it; also if nobody handles that.
   */
  readonly result: Promise<Result>
  /** The newest progress; `undefined` before the first. */
  readonly progress: TaskProgress<Detail> | undefined
  /** The newest progress, whenever there is one, until the task has ended. */
  [Symbol.asyncIterator](): AsyncIterableIterator<TaskProgress<Detail>>
  /** Cancels the task. It may go on for a while to clean up. */
  cancel(): Promise<void>
  /** Stops following the task, which goes on. */
  stop(): void
}
