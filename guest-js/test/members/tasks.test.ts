import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { attachTask, emit } from '../../src/index.js'
import { expose } from '../../src/worker.js'
import { freshRealm } from '../realm.js'
import { Workers, workerRealm } from './member.js'

interface Internals {
  invoke(command: string, ...rest: unknown[]): Promise<unknown>
}

describe('a task of a worker', () => {
  let workers: Workers
  beforeEach(() => {
    workers = new Workers()
  })
  afterEach(async () => {
    expect(workers.reported).not.toHaveBeenCalled()
    await workers.end()
  })

  it('is started, tells its progress and has a result', async () => {
    let go = () => {}
    workers.bus.registerTask('export', async ({ rows }: { rows: number }, task) => {
      task.progress(0.5, `${rows} rows`)
      await new Promise<void>((resolve) => {
        go = resolve
      })
      return Uint8Array.of(rows)
    })
    const { realm } = await workers.start()
    const task = realm.startTask<Uint8Array, string>('export', { rows: 3 }, { key: 'k' })
    await vi.waitFor(() => expect(task.progress).toMatchObject({ fraction: 0.5, detail: '3 rows' }))
    expect(await realm.listTasks()).toMatchObject([{ name: 'export', key: 'k', state: 'running' }])
    const here = attachTask('export', 'k')
    go()
    // The worker has classes of its own.
    expect([...(await task.result)]).toEqual([3])
    expect(await here.result).toEqual(Uint8Array.of(3))
  })

  it('is read again where its page came back', async () => {
    const returned = new Set<(event: { persisted: boolean }) => void>()
    vi.stubGlobal('addEventListener', (name: string, listener: (event: { persisted: boolean }) => void) => {
      if (name === 'pageshow') returned.add(listener)
    })
    vi.stubGlobal('removeEventListener', vi.fn())
    const { realm } = await workers.start()
    const { __TAURI_INTERNALS__: internals } = window as unknown as { __TAURI_INTERNALS__: Internals }
    const { invoke } = internals
    const lost: string[] = []
    internals.invoke = (command, ...rest) => {
      if (lost.includes(command)) return invoke(command, ...rest)
      lost.push(command)
      return new Promise(() => {})
    }
    const { listTasks, listJobs, pages, catalog } = realm
    const replies = Promise.all([listTasks(), listJobs(), pages(), catalog()])
    const names = ['list_tasks', 'list_jobs', 'pages', 'catalog'].map((name) => `plugin:event-bus|${name}`)
    await vi.waitFor(() => expect(lost).toEqual(expect.arrayContaining(names)))
    for (const comeBack of returned) comeBack({ persisted: true })
    const [tasks, jobs, known] = await replies
    expect([tasks, jobs, known]).toMatchObject([[], [], [{ label: 'main' }]])
  })

  it('fails with its error', async () => {
    workers.bus.registerTask('export', () => {
      throw new RangeError('no room')
    })
    const { realm } = await workers.start()
    const { result } = realm.startTask('export')
    await expect(result).rejects.toMatchObject({ code: 'responder_failed', cause: { message: 'no room' } })
    await expect(realm.startTask('other').result).rejects.toMatchObject({ code: 'no_responder' })
    await expect(realm.attachTask('export', 'k').result).rejects.toMatchObject({ code: 'unknown_task' })
  })

  it('is cancelled', async () => {
    const cancelled = vi.fn()
    workers.bus.registerTask('export', (_, { signal }) => {
      signal.addEventListener('abort', cancelled)
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    })
    const { realm } = await workers.start()
    const task = realm.startTask('export')
    await vi.waitFor(() => expect(task.progress?.state).toBe('running'))
    await task.cancel()
    await expect(task.result).rejects.toMatchObject({ code: 'cancelled' })
    expect(cancelled).toHaveBeenCalledOnce()
  })

  it('goes on when the worker ends', async () => {
    let go = () => {}
    const stopped = vi.fn()
    workers.bus.registerTask('export', async (_, { signal }) => {
      signal.addEventListener('abort', stopped)
      await new Promise<void>((resolve) => {
        go = resolve
      })
      return 'file'
    })
    const { realm, exposed } = await workers.start()
    const task = realm.startTask('export', null, { key: 'k' })
    await vi.waitFor(() => expect(task.progress?.state).toBe('running'))
    exposed.stop()
    await expect(task.result).rejects.toMatchObject({ code: 'unavailable' })
    const here = attachTask('export', 'k')
    go()
    expect(await here.result).toBe('file')
    expect(stopped).not.toHaveBeenCalled()
  })
})

describe('a task that a worker follows', () => {
  it('goes on when the session of the page is renewed', async () => {
    const page = freshRealm()
    const { port1, port2 } = new MessageChannel()
    const worker = await workerRealm()
    const exposed = expose(port1)
    await worker.connect(port2)
    const attached = (times: number) => () => expect(page.host.commands('attach_task')).toHaveLength(times)
    const tell = (stream: number, fraction: number) => {
      const parts = [{ state: 'running', fraction, detail: null }]
      page.host.push({ stream, parts, due: true } as never)
    }
    const task = worker.attachTask<number>('export', 'k')
    await vi.waitFor(attached(1))
    tell(1, 0.5)
    await vi.waitFor(() => expect(task.progress?.fraction).toBe(0.5))
    page.host.endSession()
    await emit('x')
    await vi.waitFor(attached(2))
    tell(2, 0.7)
    await vi.waitFor(() => expect(task.progress?.fraction).toBe(0.7))
    page.host.push({ stream: 2, response: 1 } as never)
    expect(await task.result).toBe(1)
    exposed.stop()
    port1.close()
    port2.close()
    expect(page.host.broken).toEqual([])
    vi.unstubAllGlobals()
  })
})
