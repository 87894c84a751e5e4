import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { holdLock, whenReleased } from '../../src/members/locks.js'
import { expose } from '../../src/worker.js'
import { type WorkerRealm, Workers, workerRealm } from './member.js'

/** Web Locks as far as the package uses them. */
class FakeLocks {
  private readonly held = new Map<string, Promise<unknown>>()

  async request(name: string, ...rest: unknown[]): Promise<unknown> {
    const run = rest[rest.length - 1] as () => unknown
    const { signal } = (rest.length > 1 ? rest[0] : {}) as { signal?: AbortSignal }
    const aborted = new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)))
    await Promise.race([this.held.get(name), aborted])
    const done = Promise.resolve(run())
    this.held.set(name, Promise.race([done, this.released(name)]))
    return done
  }

  private readonly releases = new Map<string, () => void>()

  private released(name: string): Promise<void> {
    return new Promise((resolve) => this.releases.set(name, resolve))
  }

  get names(): string[] {
    return [...this.held.keys()]
  }

  /** The realm that holds a lock has ended. */
  release(name: string): void {
    this.releases.get(name)?.()
  }
}

let workers: Workers
let locks: FakeLocks
beforeEach(() => {
  workers = new Workers()
  locks = new FakeLocks()
})
afterEach(async () => {
  await workers.end()
})

const navigator = () => ({ locks })

/** A shared worker, and its end of a new port for a page. */
async function sharedWorker() {
  const scope = new EventTarget()
  const realm: WorkerRealm = await workerRealm({
    onconnect: null,
    addEventListener: scope.addEventListener.bind(scope),
    removeEventListener: scope.removeEventListener.bind(scope),
    navigator: navigator(),
  })
  const connect = () => {
    const { port1, port2 } = new MessageChannel()
    scope.dispatchEvent(Object.assign(new Event('connect'), { ports: [port2] }))
    return { port: port1 } as unknown as SharedWorker
  }
  return { realm, connect }
}

describe('a worker with a lock', () => {
  it('ends when its realm does', async () => {
    vi.stubGlobal('navigator', navigator())
    const realm = await workerRealm({ navigator: navigator() })
    const { exposed, port } = workers.expose()
    await realm.connect(port)
    await realm.listen('a', vi.fn())
    expect(workers.bus.listeners('a')).toBe(1)
    const [name] = locks.names
    locks.release(String(name))
    await vi.waitFor(() => expect(workers.bus.listeners()).toBe(0))
    exposed.stop()
    vi.unstubAllGlobals()
  })

  it('is no longer waited for after its end', async () => {
    vi.stubGlobal('navigator', navigator())
    const name = await holdLock()
    const ended = vi.fn()
    whenReleased(name, ended)()
    locks.release(String(name))
    await new Promise((resolve) => setTimeout(resolve, 0))
    expect(ended).not.toHaveBeenCalled()
    vi.unstubAllGlobals()
  })

  it('works where there are none', async () => {
    await expect(holdLock()).resolves.toBeUndefined()
    vi.stubGlobal('navigator', { locks: { request: () => Promise.reject(new Error('an opaque origin')) } })
    await expect(holdLock()).resolves.toBeUndefined()
    vi.unstubAllGlobals()
  })
})

describe('a shared worker', () => {
  it('goes on with the next page', async () => {
    const { realm, connect } = await sharedWorker()
    const connected = realm.connect()
    const first = expose(connect(), { name: 'first' })
    expect(await connected).toMatchObject({ name: 'worker:first' })
    const second = expose(connect(), { name: 'second' })
    await second.connected
    const received = vi.fn()
    const gaps = vi.fn()
    await realm.listen('a', received, { onGap: gaps })
    await realm.respond('who', () => 'me')
    await realm.emit('from')
    workers.bus.emit('a', 1)
    await vi.waitFor(() => expect(received).toHaveBeenCalledTimes(1))
    first.stop()
    // What was on its way to the first page is rejected.
    await vi.waitFor(() => realm.emit('from'))
    await vi.waitFor(() => expect(workers.bus.responders('who')).toBe(1))
    expect(workers.bus.listeners('a')).toBe(1)
    const sources = workers.bus.history('from').map(({ component }) => component)
    expect(sources).toEqual(['worker:first', 'worker:second'])
    workers.bus.emit('a', 2)
    await vi.waitFor(() => expect(received).toHaveBeenCalledTimes(2))
    await expect(workers.bus.request('main', 'who')).resolves.toBe('me')
    second.stop()
    await expect(realm.emit('from')).rejects.toMatchObject({ code: 'unavailable' })
    expect(realm.reports).toEqual([])
  })

  it('notices the end of a page by its lock', async () => {
    vi.stubGlobal('navigator', navigator())
    const { realm, connect } = await sharedWorker()
    const connected = realm.connect()
    const first = expose(connect(), { name: 'first' })
    await connected
    const second = expose(connect(), { name: 'second' })
    await second.connected
    // The worker holds the first lock, and the pages those after it.
    const [, ofFirst] = locks.names
    locks.release(String(ofFirst))
    await vi.waitFor(async () => {
      await realm.emit('from')
      const [last] = workers.bus.history('from').slice(-1)
      expect(last?.component).toBe('worker:second')
    })
    first.stop()
    second.stop()
    vi.unstubAllGlobals()
  })
})
