import { vi } from 'vitest'
import type * as api from '../../src/index.js'
import { createTestBus, type TestBus, type TestBusOptions } from '../../src/testing/index.js'
import type { Exposed, ExposeOptions } from '../../src/worker.js'
import * as worker from '../../src/worker.js'
import { inRealm } from '../bundle.js'

/** A worker in a realm of its own. */
export type WorkerRealm = typeof api &
  typeof worker & {
    /** What it has reported. */
    readonly reports: unknown[]
  }

const CODE = `export * from './index.js'\nexport * from './worker.js'`

export async function workerRealm(globals: Record<string, unknown> = {}): Promise<WorkerRealm> {
  const reports: unknown[] = []
  const reportError = (error: unknown) => reports.push(error)
  const { exports } = await inRealm<typeof api & typeof worker>(CODE, { reportError, ...globals })
  return { ...exports, reports }
}

/** A dedicated worker: its realm and scope, and what a page has of it. */
export async function dedicatedWorker() {
  const [worker, scope] = [new EventTarget(), new EventTarget()]
  const postTo = (target: EventTarget) => (message: unknown, given: Transferable[]) => {
    const ports = given.filter((one) => one instanceof MessagePort)
    const transfer = given.filter((one) => !ports.includes(one as MessagePort))
    const data = structuredClone(message, { transfer })
    setTimeout(() => target.dispatchEvent(Object.assign(new Event('message'), { data, ports })), 0)
  }
  const realm = await workerRealm({
    postMessage: postTo(worker),
    addEventListener: scope.addEventListener.bind(scope),
    removeEventListener: scope.removeEventListener.bind(scope),
  })
  const posted = vi.fn((message: unknown, transfer: Transferable[] = []) => postTo(scope)(message, transfer))
  return { realm, scope, posted, worker: Object.assign(worker, { postMessage: posted }) as unknown as Worker }
}

/** A page on a test bus, its workers, and what the page has reported. */
export class Workers {
  readonly bus: TestBus
  readonly reported = vi.fn()
  private readonly exposed: Exposed[] = []
  private readonly ports: MessagePort[] = []

  constructor(options?: TestBusOptions) {
    this.bus = createTestBus(options)
    vi.stubGlobal('reportError', this.reported)
  }

  /** A worker that the page exposes the bus to, and the handle. */
  async start(options?: ExposeOptions): Promise<{ realm: WorkerRealm; exposed: Exposed; port: MessagePort }> {
    const realm = await workerRealm()
    const { exposed, port } = this.expose(options)
    await realm.connect(port)
    return { realm, exposed, port }
  }

  /** The end of the page of such a port. */
  pagePort(port: MessagePort): MessagePort {
    return this.ports[this.ports.indexOf(port) - 1] as MessagePort
  }

  /** Exposes the bus over a port. */
  expose(options?: ExposeOptions): { exposed: Exposed; port: MessagePort } {
    const { port1, port2 } = new MessageChannel()
    this.ports.push(port1, port2)
    return { exposed: this.exposeTo(port1, options), port: port2 }
  }

  /** Exposes the bus to a worker. */
  exposeTo(place: Worker | MessagePort, options?: ExposeOptions): Exposed {
    const exposed = worker.expose(place, options)
    this.exposed.push(exposed)
    return exposed
  }

  async end(): Promise<void> {
    for (const exposed of this.exposed) exposed.stop()
    await this.bus.settled()
    for (const port of this.ports) port.close()
    this.bus.dispose()
    vi.unstubAllGlobals()
  }
}
