import { DISPOSE } from '../core/disposal.js'
import { EventBusError } from '../core/error.js'
import { openInbox } from '../core/inbox.js'
import { ownLabel } from '../core/page.js'
import { report } from '../core/report.js'
import type { Usable } from '../types/disposable.js'
import { Budget } from './budget.js'
import { MemberHost } from './host.js'
import { whenReleased } from './locks.js'
import { type Hello, KEY, MEMBER_VERSION, type Posted, type ToMember } from './messages.js'
import { type Allowed, Rights } from './rights.js'

/** How many members a gate lets in within so many milliseconds. */
const MAX_ADMISSIONS = 16
const ADMISSIONS_MS = 10_000

/**
 * The bus of this page, as a worker or a frame has it.
 *
 * @example
 * ```ts
 * import { type Exposed, expose } from 'tauri-plugin-event-bus-api/worker'
 *
 * const worker = new Worker('indexer.js')
 * const exposed: Exposed = expose(worker, { name: 'indexer', listen: ['file:*'] })
 * await exposed.connected
 * exposed.stop()
 * ```
 */
export interface Exposed extends Usable {
  /** The component of what it emits, such as `worker:indexer`. */
  readonly name: string
  /** Resolves once it has connected for the first time. */
  readonly connected: Promise<void>
  /** Takes the bus away from it: its subscriptions, responders, requests and jobs end. */
  stop(): void
}

/** What a gate needs to know. */
export interface GateOptions {
  readonly kind: 'worker' | 'frame'
  readonly name: string | undefined
  readonly allowed: Allowed
  /** How many entries it may send in a second. Without it, the limits of the page are its own. */
  readonly perSecond?: number | undefined
  readonly signal: AbortSignal | undefined
  /** Whether the member shares the Web Locks of this page. */
  readonly hasLocks: boolean
  isGone?(): boolean
  /** Posts to the member itself, if that may ask for it. */
  post?(message: Posted, transfer: Transferable[]): void
  /** Stops to listen for it. */
  closed(): void
}

/** The names of the workers and frames that are exposed. */
const names = new Set<string>()

/** Lets one worker or frame in, and after a reload the next one. */
export class Gate implements Exposed {
  readonly name: string
  readonly connected: Promise<void>
  /** The name of a lock that the page holds, where members outlive it. */
  lock: string | undefined
  private readonly inbox = openInbox()
  private readonly rights: Rights
  private readonly budget: Budget | undefined
  private readonly started = new Set<string>()
  private current: { readonly id: string; readonly host: MemberHost } | undefined
  private readonly admissions: number[] = []
  private isOver = false
  private connect: () => void = () => {}

  constructor(private readonly options: GateOptions) {
    const { kind, allowed, perSecond, signal } = options
    this.name = `${kind}:${checkedName(kind, options.name)}`
    if (names.has(this.name)) {
      throw new EventBusError(
        'invalid_argument',
        `${this.name} is exposed already: stop it first, or choose another name`,
      )
    }
    this.rights = new Rights(this.name, allowed, kind === 'worker')
    if (perSecond !== undefined && !(perSecond >= 1 && Number.isFinite(perSecond))) {
      throw new EventBusError('invalid_argument', `maxPerSecond of ${this.name} is ${perSecond}; expected at least 1`)
    }
    this.budget = perSecond === undefined ? undefined : new Budget(this.name, perSecond)
    this.connected = new Promise((resolve) => {
      this.connect = resolve
    })
    names.add(this.name)
    this.stop = this.stop.bind(this)
    signal?.addEventListener('abort', this.stop)
    if (typeof addEventListener === 'function') addEventListener('pagehide', this.left)
  }

  /** Takes a hello whose sender was checked. */
  admit(hello: Hello, port: MessagePort | undefined): void {
    if (this.isOver || !port || typeof hello.id !== 'string') return
    // The same realm has knocked twice, since it did not know whether the page was there.
    if (hello.id === this.current?.id) {
      port.close()
      return
    }
    const now = performance.now()
    while (this.admissions.length > 0 && now - (this.admissions[0] as number) > ADMISSIONS_MS) this.admissions.shift()
    if (this.admissions.length >= MAX_ADMISSIONS) {
      port.close()
      return
    }
    this.admissions.push(now)
    if (hello.version !== MEMBER_VERSION) {
      const refusal =
        `${this.name} has another version of tauri-plugin-event-bus-api than its page: ` +
        `it speaks version ${Number(hello.version)}, and the page version ${MEMBER_VERSION}`
      port.postMessage({ refusal } satisfies ToMember)
      report(new EventBusError('unavailable', refusal))
      return
    }
    this.current?.host.end()
    this.welcome(hello, port)
  }

  private welcome({ id, lock, link }: Hello, port: MessagePort): void {
    const { hasLocks, isGone = () => false, post } = this.options
    let stopWaiting = () => {}
    const { name, inbox, rights, budget, started } = this
    const send =
      post && typeof link === 'number'
        ? (message: ToMember, transfer: Transferable[]) => post({ [KEY]: 'posted', link, message }, transfer)
        : (message: ToMember, transfer: Transferable[]) => port.postMessage(message, transfer)
    const host = new MemberHost(port, { source: name, inbox, rights, budget, started, isGone, send }, () => {
      stopWaiting()
      if (this.current?.host === host) this.current = undefined
    })
    this.current = { id, host }
    if (hasLocks && typeof lock === 'string') stopWaiting = whenReleased(lock, () => host.end())
    host.post({ welcome: { name, label: ownLabel(), ...(this.lock !== undefined && { lock: this.lock }) } })
    this.connect()
  }

  /** Ends the member, which may come again. */
  end(): void {
    this.current?.host.end()
  }

  stop(): void {
    if (this.isOver) return
    this.isOver = true
    names.delete(this.name)
    this.options.signal?.removeEventListener('abort', this.stop)
    if (typeof removeEventListener === 'function') removeEventListener('pagehide', this.left)
    this.options.closed()
    this.end()
  }

  [DISPOSE](): void {
    this.stop()
  }

  /** What is in the back/forward cache may come back, with its frames and workers. */
  private readonly left = ({ persisted }: PageTransitionEvent) => {
    if (!persisted) this.end()
  }
}

let unnamed = 0

function checkedName(kind: string, name: string | undefined): string {
  if (name === undefined) {
    unnamed += 1
    return `${unnamed}`
  }
  if (typeof name === 'string' && /^[\p{XID_Continue}.-]{1,64}$/u.test(name)) return name
  const text = `invalid name ${JSON.stringify(name)} of a ${kind}: expected 1 to 64 letters, digits and - _ .`
  throw new EventBusError('invalid_argument', text)
}
