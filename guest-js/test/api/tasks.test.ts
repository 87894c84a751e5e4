import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { emit } from '../../src/api/emit.js'
import { attachTask, listTasks, startTask } from '../../src/api/tasks.js'
import type { EventBusError } from '../../src/core/error.js'
import { FollowedTask } from '../../src/core/requests/followed-task.js'
import { freshRealm, settled } from '../realm.js'

let realm: ReturnType<typeof freshRealm>
beforeEach(() => {
  realm = freshRealm()
})
afterEach(() => {
  expect(realm.host.broken).toEqual([])
  vi.unstubAllGlobals()
})

const commands = (command: string) => realm.host.commands(command)
const progress = (fraction: number | null, state = 'running') => ({ state, fraction, detail: null })
/** Sends progress of the task that the page follows by this stream. */
const tell = (stream: number, ...parts: object[]) => realm.host.push({ stream, parts, due: true })
const end = (stream: number, outcome: object) => realm.host.push({ stream, ...outcome })
const failed = (promise: Promise<unknown>) =>
  promise.then(
    () => expect.fail('it did not fail'),
    (error: EventBusError) => error,
  )
async function tasks(): Promise<void> {
  for (let task = 0; task < 6; task += 1) {
    await settled()
    await new Promise((resolve) => setTimeout(resolve, 0))
  }
}

describe('startTask', () => {
  it('starts a task and follows it', async () => {
    const task = startTask<string>('export', { rows: 3 }, { key: 'k', ifRunning: 'fail' })
    const seen: unknown[] = []
    const loop = (async () => {
      for await (const own of task) seen.push(own.fraction)
    })()
    await tasks()
    const sent = { name: 'export', key: 'k', payload: '{"rows":3}', ifRunning: 'fail', causes: [] }
    expect(commands('start_task')[0]?.args.task).toEqual(sent)
    expect(commands('attach_task')[0]?.args).toMatchObject({ id: 1, name: 'export', key: 'k' })
    tell(1, progress(null, 'queued'))
    await tasks()
    tell(1, progress(0.5))
    await tasks()
    expect(task.progress).toEqual(progress(0.5))
    // It is taken at once, so the host goes on.
    expect(realm.host.responses.slice(-1)[0]).toEqual({ stream: 1, taken: 2 })
    end(1, { response: 'file' })
    await loop
    expect(seen).toEqual([null, 0.5])
    expect([task.name, task.key, await task.result]).toEqual(['export', 'k', 'file'])
  })

  it('gives loops the newest, and each loop its own', async () => {
    const task = startTask('export')
    expect(task.key).toMatch(/^[\d-]{7,}$/)
    const first = task[Symbol.asyncIterator]()
    await tasks()
    tell(1, progress(0.1), progress(0.2))
    await tasks()
    tell(1, progress(0.3))
    await tasks()
    expect(await first.next()).toEqual({ done: false, value: progress(0.3) })
    expect(await task[Symbol.asyncIterator]().next()).toEqual({ done: false, value: progress(0.3) })
    const next = first.next()
    end(1, { response: null })
    expect(await next).toEqual({ done: true, value: undefined })
    expect(await task.result).toBe(null)
  })

  it('rejects with what refused it, in loops too', async () => {
    realm.host.refuse = ({ command }) => (command === 'start_task' ? { code: 'denied', message: 'no' } : undefined)
    const task = startTask('export')
    expect((await failed(task.result)).code).toBe('denied')
    expect((await failed(task[Symbol.asyncIterator]().next() as Promise<unknown>)).code).toBe('denied')
    expect((await failed(startTask(7 as never).result)).code).toBe('invalid_event_name')
    expect((await failed(startTask('x', Number.NaN).result)).code).toBe('invalid_payload')
    expect(commands('attach_task')).toEqual([])
  })

  it('finds its run where the reply was lost', async () => {
    realm.host.hold = ({ command }) => command === 'start_task'
    const task = startTask('export', null, { key: 'k' })
    const other = startTask('export', null, { key: 'other' })
    await tasks()
    realm.host.tasks = [{ name: 'export', key: 'k' }]
    for (const held of realm.host.held.splice(0)) held.reject(undefined)
    await tasks()
    for (const held of realm.host.held.splice(0)) held.reject(undefined)
    await tasks()
    expect((await failed(other.result)).code).toBe('unavailable')
    // The second loss has renewed the session.
    end(2, { response: 7 })
    expect(await task.result).toBe(7)
  })
})

describe('attachTask', () => {
  it('follows a task of another page', async () => {
    const task = attachTask<number>('export', 'k')
    await tasks()
    expect(commands('start_task')).toEqual([])
    end(1, { error: { code: 'cancelled', message: 'it was cancelled' } })
    expect((await failed(task.result)).code).toBe('cancelled')
  })

  it('learns that there is none', async () => {
    const unknown = { code: 'unknown_task', message: 'no' }
    realm.host.refuse = ({ command }) => (command === 'attach_task' ? unknown : undefined)
    expect((await failed(attachTask('export', 'k').result)).code).toBe('unknown_task')
    expect((await failed(attachTask('export', 7 as never).result)).code).toBe('invalid_argument')
  })

  it('attaches again when the session was renewed', async () => {
    const task = attachTask<number>('export', 'k')
    await tasks()
    tell(1, progress(0.5))
    await tasks()
    realm.host.endSession()
    await emit('x')
    await tasks()
    expect(commands('attach_task')).toHaveLength(2)
    tell(2, progress(0.7))
    await tasks()
    expect(task.progress?.fraction).toBe(0.7)
    end(2, { response: 1 })
    expect(await task.result).toBe(1)
  })
})

describe('a task that is followed', () => {
  it('is cancelled by a command of its own', async () => {
    const task = attachTask('export', 'k')
    await tasks()
    await task.cancel()
    expect(commands('cancel_task')[0]?.args).toMatchObject({ name: 'export', key: 'k' })
    task.stop()
  })

  it('goes on where this page follows it no longer', async () => {
    const task = attachTask('export', 'k')
    const loop = (async () => {
      for await (const _ of task);
    })()
    await tasks()
    task.stop()
    await loop
    expect((await failed(task.result)).code).toBe('cancelled')
    await tasks()
    expect(realm.host.responses).toEqual([{ stream: 1, stop: true }])
    expect(commands('cancel_task')).toEqual([])
  })

  it('makes loops throw where its signal aborts', async () => {
    const controller = new AbortController()
    const task = attachTask('export', 'k', { signal: controller.signal })
    const next = task[Symbol.asyncIterator]().next()
    await tasks()
    controller.abort('enough')
    expect(await failed(next)).toMatchObject({ code: 'cancelled', cause: 'enough' })
    expect((await failed(task.result)).code).toBe('cancelled')
    await tasks()
    expect(realm.host.responses).toEqual([{ stream: 1, stop: true }])
    const before = startTask('export', null, { signal: AbortSignal.abort() })
    expect((await failed(before.result)).code).toBe('cancelled')
    expect(commands('start_task')).toEqual([])
  })
})

describe('a task whose handle is lost', () => {
  const following = () => {
    const stop = vi.fn()
    const stream = { stop, [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }) }
    const task = new FollowedTask(
      'export',
      undefined,
      async () => {},
      () => stream as never,
      () => false,
    )
    return { task, stop }
  }

  it('is followed no longer', async () => {
    const { task, stop } = following()
    await tasks()
    task.forget()
    expect(stop).toHaveBeenCalledTimes(1)
  })

  it('is followed while a loop or an await goes on', async () => {
    const { task, stop } = following()
    const loop = task.iterate()
    void loop.next()
    await tasks()
    task.forget()
    expect(stop).not.toHaveBeenCalled()
    task.stop()
    const awaited = following()
    void awaited.task.result.catch(() => {})
    await tasks()
    awaited.task.forget()
    expect(awaited.stop).not.toHaveBeenCalled()
  })
})

it('lists tasks', async () => {
  realm.host.tasks = [{ name: 'export', key: 'k', state: 'running', fraction: 0.5, startedBy: { kind: 'host' } }]
  expect(await listTasks()).toEqual(realm.host.tasks)
})
