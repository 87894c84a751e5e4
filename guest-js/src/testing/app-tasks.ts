import { EventBusError, toEventBusError } from '../core/error.js'
import { failureOf } from '../core/requests/failure.js'
import type { Endpoint } from '../types/endpoint.js'
import type { TaskInfo, TaskState } from '../types/task.js'
import { isSame, type PayloadText, payloadText, readPayload } from './payload.js'
import { invalidArgument } from './results.js'
import type { StreamConsumer, StreamEnd } from './streams.js'
import type { TestTask } from './types.js'

/** The most bytes of a key. */
const MAX_KEY_BYTES = 255

/** A task to start. Its arguments are JSON. */
export interface NewTask {
  name: string
  key: string
  payload?: PayloadText
  ifRunning?: 'attach' | 'fail'
}

interface Run {
  readonly name: string
  readonly key: string
  readonly args: PayloadText
  readonly startedBy: Endpoint
  readonly controller: AbortController
  readonly followers: Set<StreamConsumer>
  state: TaskState
  fraction: number | null
  detail: PayloadText | undefined
  end: StreamEnd | undefined
}

/** The tasks of an app under test. They run at once, and their ends are kept until the test is over. */
export class TestAppTasks {
  readonly registered = new Map<string, (args: never, task: TestTask) => unknown>()
  private readonly runs = new Map<string, Run>()

  /** `changed` is called whenever something happens. */
  constructor(private readonly changed: () => void) {}

  start({ name, key, payload = 'null', ifRunning = 'attach' }: NewTask, startedBy: Endpoint): TaskInfo {
    if (typeof key !== 'string' || key === '' || key.length > MAX_KEY_BYTES) {
      throw invalidArgument(`the key of a task of "${name}" has no 1 to ${MAX_KEY_BYTES} bytes`)
    }
    const active = this.runs.get(idOf(name, key))
    if (active && !active.end) {
      if (ifRunning === 'attach' && isSame(active.args, payload)) return infoOf(active)
      const text = `the task "${name}" with the key "${key}" runs already`
      throw new EventBusError('duplicate_task', text)
    }
    const task = this.registered.get(name)
    if (!task) {
      const text = `the app has no task "${name}"; register it with bus.registerTask`
      throw new EventBusError('no_responder', text)
    }
    const controller = new AbortController()
    const shown = { state: 'running' as const, fraction: null, detail: undefined, end: undefined }
    const run: Run = { name, key, args: payload, startedBy, controller, followers: new Set(), ...shown }
    this.runs.set(idOf(name, key), run)
    void this.run(run, task)
    return infoOf(run)
  }

  private async run(run: Run, task: (args: never, task: TestTask) => unknown): Promise<void> {
    const { name, key, controller } = run
    const progress = (fraction: number | null, detail?: unknown) => {
      if (fraction !== null && !(fraction >= 0 && fraction <= 1)) {
        throw invalidArgument(`the progress of "${name}" is ${fraction}; it must be a number from 0 to 1`)
      }
      if (run.end) return
      Object.assign(run, { fraction, detail: payloadText(name, detail) })
      this.tell(run)
    }
    try {
      await Promise.resolve()
      const result = await task(readPayload(run.args) as never, { name, key, signal: controller.signal, progress })
      this.finish(run, 'completed', { response: readPayload(payloadText(name, result)) })
    } catch (reason) {
      const wasCancelled = controller.signal.aborted
      this.finish(run, wasCancelled ? 'cancelled' : 'failed', {
        error: wasCancelled ? cancelled(run) : failed(name, reason),
      })
    }
  }

  private tell(run: Run): void {
    this.changed()
    for (const follower of run.followers) follower.part(partOf(run), true)
  }

  private finish(run: Run, state: TaskState, end: StreamEnd): void {
    if (run.end) return
    Object.assign(run, { state, end })
    this.changed()
    for (const follower of run.followers) follower.end(end)
    run.followers.clear()
  }

  /** Follows a task. Returns what ends that. */
  attach(name: string, key: string, follower: StreamConsumer): () => void {
    const run = this.find(name, key)
    if (run.end) follower.end(run.end)
    else {
      run.followers.add(follower)
      follower.part(partOf(run), true)
    }
    return () => run.followers.delete(follower)
  }

  /** Cancels a task, which ends once its function does. */
  cancel(name: string, key: string): Record<string, never> {
    const run = this.find(name, key)
    if (!run.end) {
      run.state = 'cancelling'
      run.controller.abort(cancelled(run))
      this.tell(run)
    }
    return {}
  }

  private find(name: string, key: string): Run {
    const run = this.runs.get(idOf(name, key))
    if (run) return run
    throw new EventBusError('unknown_task', `there is no task "${name}" with the key "${key}": it was not started`)
  }

  list(): TaskInfo[] {
    return [...this.runs.values()].map(infoOf).sort((a, b) => (idOf(a.name, a.key) < idOf(b.name, b.key) ? -1 : 1))
  }
}

const idOf = (name: string, key: string) => `${name} ${key}`
const infoOf = ({ name, key, state, fraction, startedBy }: Run): TaskInfo => ({ name, key, state, fraction, startedBy })
const partOf = ({ state, fraction, detail }: Run) => ({ state, fraction, detail: readPayload(detail) })

function cancelled({ name, key }: Run): EventBusError {
  return new EventBusError('cancelled', `the task "${name}" with the key "${key}" was cancelled`)
}

function failed(name: string, reason: unknown): EventBusError {
  const failure = failureOf(reason, false)
  const message = `the task "${name}" failed: ${failure.name}: ${failure.message}`
  return toEventBusError({ code: 'responder_failed', message, failure })
}
