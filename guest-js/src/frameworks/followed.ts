import { attachTask, startTask } from '../api/tasks.js'
import type { Piece } from '../core/bytes.js'
import type { EventBusError } from '../core/error.js'
import { toEventBusError } from '../core/error.js'
import { encodePayload } from '../core/json.js'
import { report } from '../core/report.js'
import type { PartStream, StreamRequestOptions } from '../types/part-stream.js'
import type { Target } from '../types/target.js'
import type { StartTaskOptions, Task, TaskProgress, TaskState } from '../types/task.js'
import type { Source } from './shared-state.js'

/**
 * How a component requests a stream.
 *
 * @example
 * ```ts
 * import type { StreamOptions } from 'tauri-plugin-event-bus-api/react'
 *
 * const lines: string[] = []
 * const options: StreamOptions<string> = { onPart: (line) => lines.push(line), credit: { parts: 16 } }
 * ```
 */
export interface StreamOptions<Part = unknown> extends Omit<StreamRequestOptions, 'signal'> {
  /** Receives every part. The view has the newest. What it throws is reported (`reportError`), and the stream goes on. */
  onPart?: (part: Part) => unknown
  /** Whether it is requested; it is by default. */
  enabled?: boolean
}

/**
 * What a component shows of a stream.
 *
 * @example
 * ```ts
 * import type { StreamView } from 'tauri-plugin-event-bus-api/react'
 *
 * const text = ({ state, part, error }: StreamView<string>) => error?.message ?? part ?? state
 * ```
 */
export interface StreamView<Part = unknown, Response = unknown> {
  /** `idle` before it is requested, and `stopped` once this page has left it. */
  readonly state: 'idle' | 'running' | 'completed' | 'failed' | 'stopped'
  /** The newest part. */
  readonly part: Part | undefined
  /** The response, once it is completed. */
  readonly response: Response | undefined
  /** Why it failed. */
  readonly error: EventBusError | undefined
}

/**
 * What a component shows of a task.
 *
 * @example
 * ```ts
 * import type { TaskView } from 'tauri-plugin-event-bus-api/react'
 *
 * const percent = ({ progress }: TaskView) => Math.round(100 * (progress?.fraction ?? 0))
 * ```
 */
export interface TaskView<Result = unknown, Detail = unknown> {
  /** `idle` while there is no such task. */
  readonly state: 'idle' | TaskState
  /** The newest progress. */
  readonly progress: TaskProgress<Detail> | undefined
  /** The result, once it is completed. */
  readonly result: Result | undefined
  /** Why it failed or was cancelled. */
  readonly error: EventBusError | undefined
}

/**
 * What a component does with a task.
 *
 * @example
 * ```ts
 * import type { TaskActions } from 'tauri-plugin-event-bus-api/react'
 *
 * const restart = async ({ start, cancel }: TaskActions) => {
 *   await cancel()
 *   return start({ rows: 1_000 })
 * }
 * ```
 */
export interface TaskActions<Result = unknown> {
  /** Starts it, or follows the one that runs. Resolves to its result. It need not be awaited. */
  start(args?: unknown, options?: Pick<StartTaskOptions, 'ifRunning'>): Promise<Result>
  /** Cancels it, if it is there. */
  cancel(): Promise<void>
}

/** A stream that runs while it has a subscriber. */
export interface FollowedStream extends Source<StreamView<never, never>> {
  stop(): void
}

/** A task that is followed while this has a subscriber. */
export interface FollowedTask extends Source<TaskView<never, never>>, TaskActions<never> {}

const NO_STREAM: StreamView<never, never> = { state: 'idle', part: undefined, response: undefined, error: undefined }
const NO_TASK: TaskView<never, never> = { state: 'idle', progress: undefined, result: undefined, error: undefined }

/** A stream that is requested whenever somebody subscribes, and left with them. `begin` requests it, or not. */
export function followStream(
  begin: () => PartStream<unknown, unknown> | undefined,
  onPart: (part: never) => unknown,
): FollowedStream {
  const { get, show, listen } = viewOf(NO_STREAM)
  let current: PartStream<unknown, unknown> | undefined
  const leave = () => {
    const left = current
    current = undefined
    left?.stop()
    return left !== undefined
  }
  const follow = async (own: PartStream<unknown, unknown>) => {
    try {
      for await (const part of own) {
        if (current !== own) return
        // What it throws is not the end of the stream.
        new Promise((resolve) => resolve(onPart(part as never))).catch(report)
        show({ part: part as never })
      }
      const response = await own.result
      if (current === own) show({ state: 'completed', response: response as never })
    } catch (error) {
      if (current === own) show({ state: 'failed', error: toEventBusError(error) })
    }
  }
  return {
    get,
    subscribe(changed) {
      const off = listen(changed)
      current = begin()
      show({ ...NO_STREAM, state: current ? 'running' : 'idle' })
      if (current) void follow(current)
      return () => {
        off()
        leave()
      }
    },
    stop() {
      if (get().state === 'running' && leave()) show({ state: 'stopped' })
    },
  }
}

/** A task that is attached to whenever somebody subscribes. */
export function followTask(name: string, key: string): FollowedTask {
  const { get, show, listen } = viewOf(NO_TASK)
  let current: Task | undefined
  const leave = () => {
    const left = current
    current = undefined
    left?.stop()
  }
  const follow = async (own: Task) => {
    leave()
    current = own
    try {
      for await (const progress of own) {
        if (current !== own) return
        show({ state: progress.state, progress: progress as never })
      }
      const result = await own.result
      if (current === own) show({ state: 'completed', result: result as never })
    } catch (reason) {
      if (current !== own) return
      const error = toEventBusError(reason)
      if (error.code === 'unknown_task') show(NO_TASK)
      else show({ state: error.code === 'cancelled' ? 'cancelled' : 'failed', error })
    }
  }
  return {
    get,
    subscribe(changed) {
      const off = listen(changed)
      void follow(attachTask(name, key))
      return () => {
        off()
        leave()
      }
    },
    start(args, options) {
      const started = startTask<never>(name, args, { ...options, key })
      show({ ...NO_TASK, state: 'queued' })
      void follow(started)
      return started.result
    },
    cancel: async () => {
      await current?.cancel().catch((error: EventBusError) => {
        // The task has ended and is forgotten, or never began.
        if (error.code !== 'unknown_task') throw error
      })
    },
  }
}

/** What shows, and who is told that it has changed. */
function viewOf<View extends object>(first: View) {
  let view = first
  let told = () => {}
  return {
    get: () => view,
    show(change: Partial<View>) {
      view = { ...view, ...change }
      told()
    },
    listen(changed: () => void) {
      told = changed
      return () => {
        if (told === changed) told = () => {}
      }
    },
  }
}

/** What needs another stream when it changes. */
export function contentOfStream(to: Target, name: string, payload: unknown, options: StreamOptions<never>): string {
  let sent: unknown[] = []
  try {
    const { payload: text, bytes = [] } = encodePayload(name, payload)
    sent = [text, ...bytes.map(contentOfPiece)]
  } catch {
    // The stream fails with it, whichever it is.
  }
  return JSON.stringify([to, name, options, ...sent])
}

/** The Blobs of payloads, by number. They cannot be read at once, and do not change. */
const blobs = new WeakMap<Piece, number>()
let newest = 0

function contentOfPiece(piece: Piece): string | number | undefined {
  if (!('size' in piece)) return new TextDecoder('latin1').decode(piece)
  if (!blobs.has(piece)) blobs.set(piece, ++newest)
  return blobs.get(piece)
}
