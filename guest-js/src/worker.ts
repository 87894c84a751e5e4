/**
 * The event bus in dedicated and shared workers, through their page.
 *
 * @module
 */

import { type Exposed, Gate } from './members/gate.js'
import { holdLock } from './members/locks.js'
import { type Connection, join, type Member } from './members/member.js'
import { type Hello, type Invite, KEY, kindOf, type Posted } from './members/messages.js'
import type { Allowed } from './members/rights.js'

export type { Exposed } from './members/gate.js'
export type { Connection } from './members/member.js'
export type { Allowed } from './members/rights.js'

/**
 * What a worker may do, and how it is called. A list that is left out allows what its page may do.
 *
 * @example
 * ```ts
 * import { expose, type ExposeOptions } from 'tauri-plugin-event-bus-api/worker'
 *
 * const options: ExposeOptions = { name: 'logger', listen: ['log:*'], emit: [] }
 * expose(new Worker('logger.js'), options)
 * ```
 */
export interface ExposeOptions extends Allowed {
  /** The name of the worker: 1 to 64 letters, digits and `- _ .`; a number by default. Its source is `worker:<name>`. */
  name?: string
  /** Takes the bus away from the worker when it aborts. */
  signal?: AbortSignal
}

/** A `SharedWorker`, whose type the scope of a worker lacks. */
type SharedWorkerLike = { readonly port: MessagePort }

/** Where a page and a worker post to each other. */
type Place = Pick<MessagePort, 'postMessage' | 'addEventListener' | 'removeEventListener'> & { start?(): void }

/**
 * Passes the event bus of this page on to a worker, which calls {@link connect}. What the worker emits has the component
 * `worker:<name>`. It ends with the worker.
 *
 * @throws {EventBusError} `unavailable` where this page has no bus; `invalid_argument` for a name that is invalid or in use;
 * `invalid_pattern` and `invalid_event_name` for an entry of a list.
 *
 * @example
 * ```ts
 * import { expose } from 'tauri-plugin-event-bus-api/worker'
 *
 * const worker = new Worker(new URL('./logger.js', import.meta.url), { type: 'module' })
 * expose(worker, { name: 'logger', listen: ['log:*'], emit: [] })
 * ```
 */
export function expose(worker: Worker | SharedWorkerLike | MessagePort, options: ExposeOptions = {}): Exposed {
  const { name, signal, ...allowed } = options
  const isShared = 'port' in worker
  const place: Place = isShared ? worker.port : worker
  const receive: EventListener = (event) => {
    const { data, ports } = event as MessageEvent<Hello>
    if (kindOf(data) !== 'hello') return
    event.stopImmediatePropagation()
    gate.admit(data, ports[0])
  }
  const invite = () => place.postMessage({ [KEY]: 'invite' } satisfies Invite)
  // A shared worker lives on while this page is in the back/forward cache.
  const leave = () => gate.end()
  const comeBack = ({ persisted }: PageTransitionEvent) => {
    if (persisted) invite()
  }
  const hasEvents = isShared && typeof addEventListener === 'function'
  const gate = new Gate({
    kind: 'worker',
    name,
    allowed,
    signal,
    hasLocks: true,
    post: (message, transfer) => place.postMessage(message, transfer),
    closed() {
      place.removeEventListener('message', receive)
      if (!hasEvents) return
      removeEventListener('pagehide', leave)
      removeEventListener('pageshow', comeBack)
    },
  })
  if (signal?.aborted) {
    gate.stop()
    return gate
  }
  place.addEventListener('message', receive)
  if (hasEvents) {
    addEventListener('pagehide', leave)
    addEventListener('pageshow', comeBack)
  }
  const begin = () => {
    place.start?.()
    invite()
  }
  if (!isShared) begin()
  else {
    void holdLock().then((lock) => {
      gate.lock = lock
      begin()
    })
  }
  return gate
}

/**
 * Connects this worker to the bus of its page, which has called {@link expose}. From then on the package works here as it
 * does in the page. Calls that are made before the page is there wait for it.
 *
 * Call it while the worker's script is first run: a shared worker learns of a page only then. `port` is needed only where the
 * page has given `expose` a port.
 *
 * @throws {EventBusError} by rejection: `unavailable` where the page has another version of this package.
 *
 * @example
 * ```ts
 * import { emit, listen } from 'tauri-plugin-event-bus-api'
 * import { connect } from 'tauri-plugin-event-bus-api/worker'
 *
 * connect()
 * listen('log:*', (event) => emit('logged', event.event))
 * ```
 */
export function connect(port?: MessagePort): Promise<Connection> {
  return join((member) => {
    const scope = globalThis as unknown as Place & EventTarget
    if (port) meet(port, member)
    else if ('onconnect' in scope) {
      scope.addEventListener('connect', (event: Event) => {
        const [at] = (event as MessageEvent).ports
        if (at) meet(at, member)
      })
    } else meet(scope, member, true)
  })
}

/** Knocks at a page, and again when it invites. `isOwn`: it posts to this realm itself. */
function meet(place: Place, member: Member, isOwn = false): void {
  const knock = () => void member.knock((hello, port) => place.postMessage(hello, [port]), isOwn)
  place.addEventListener('message', ((event: MessageEvent) => {
    const kind = kindOf(event.data)
    if (kind !== 'invite' && kind !== 'posted') return
    event.stopImmediatePropagation()
    if (kind === 'invite') knock()
    else member.take(event.data as Posted)
  }) as EventListener)
  place.start?.()
  knock()
}
