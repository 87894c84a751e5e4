import type { Batch, Run } from '../core/batch.js'
import type { Inbox } from '../core/contract.js'
import { lastIndexOf } from '../core/dispatch.js'
import { EventBusError, toEventBusError } from '../core/error.js'
import { newInbox } from '../core/inbox.js'
import { existingInbox, INBOX } from '../core/realm.js'
import { report } from '../core/report.js'
import { holdLock, whenReleased } from './locks.js'
import {
  type Hello,
  KEY,
  MEMBER_VERSION,
  type Posted,
  randomId,
  type ToMember,
  type ToPage,
  type Welcome,
} from './messages.js'

/**
 * How a worker or a frame is connected.
 *
 * @example
 * ```ts
 * import { connect, type Connection } from 'tauri-plugin-event-bus-api/worker'
 *
 * const { name, label }: Connection = await connect()
 * console.log(`${name} of the page in ${label}`)
 * ```
 */
export interface Connection {
  /** The component of what is emitted here, such as `worker:indexer`. */
  readonly name: string
  /** The label of the page's webview. */
  readonly label: string
}

/** What completes a pull of a member, which its page calls. */
const CALLED = { first: 0, more: false, heads: [], items: [], call: true }

/** A batch without items, which is handled when those before it are. */
const NO_MORE = { more: false, heads: [], items: [] }

/** What another page has to do again. */
const REGISTERING = ['subscribe', 'set_responders']

const ENDED = { code: 'unavailable', message: 'the page has ended the bus of this worker or frame' }
const STALE = { code: 'stale_session', message: 'the page has gone' }

interface PendingCall {
  readonly command: string
  resolve(value: unknown): void
  reject(reason: unknown): void
}

/** What a link needs of its member. */
interface Linked {
  readonly inbox: Inbox
  readonly isLinked: boolean
  welcomed(link: Link, welcome: Welcome): void
  refused(error: EventBusError): void
  ended(link: Link): void
}

/** The way to one page. */
class Link {
  connection: Connection = { name: '', label: '' }
  private readonly calls = new Map<number, PendingCall>()
  private lastCall = 0
  private stopWaiting = () => {}

  constructor(
    private readonly port: MessagePort,
    private readonly member: Linked,
  ) {
    port.onmessage = ({ data }: MessageEvent<ToMember>) => this.receive(data)
  }

  call(command: string, args: Record<string, unknown>): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.lastCall += 1
      const call = this.lastCall
      try {
        this.post({ call, command, args }, buffersOf(args))
      } catch (cause) {
        reject(new EventBusError('invalid_argument', `an option of "${command}" cannot be sent: ${cause}`, { cause }))
        return
      }
      this.calls.set(call, { command, resolve, reject })
    })
  }

  bye(): void {
    this.post({ bye: true })
  }

  private post(message: ToPage, transfer: Transferable[] = []): void {
    this.port.postMessage(message, transfer)
  }

  receive(message: ToMember): void {
    if ('welcome' in message) {
      const { lock, ...connection } = message.welcome
      this.connection = connection
      this.stopWaiting = whenReleased(lock, () => this.end())
      this.member.welcomed(this, message.welcome)
    } else if ('reply' in message) {
      const call = this.calls.get(message.reply)
      this.calls.delete(message.reply)
      if (message.error) call?.reject(message.error)
      else call?.resolve(message.value)
    } else if ('batch' in message) void this.handle(message)
    else if ('refused' in message) this.member.inbox.receive(message)
    else if ('refusal' in message) this.member.refused(new EventBusError('unavailable', message.refusal))
    else this.end()
  }

  private async handle({ batch, number, texts = [] }: Extract<ToMember, { batch: unknown }>): Promise<void> {
    for (const [item, text] of texts) {
      const run = JSON.parse(text) as Run
      const [head, step, micros] = batch.items[item] as Run
      // These three were of the page's batch.
      run[0] = head
      run[1] = step
      run[2] += micros
      batch.items[item] = run
    }
    const last = lastIndexOf(batch)
    let received: Batch = batch
    for (;;) {
      const reply = await this.member.inbox.receive(received)
      // `<session>:<index>:<carried>`, as a host gets it. A member carries nothing but responses.
      const [, handled, ...responses] = String(reply).split(':')
      const carried = responses.length > 0 && { responses: JSON.parse(responses.join(':')) }
      if (!(Number(handled) < last)) {
        this.post({ done: number, ...carried })
        return
      }
      // Its handlers are slow. The page brings no more than it has room for until they are done.
      this.post({ busy: number, ...carried })
      received = { ...NO_MORE, first: last + 1 }
    }
  }

  private end(): void {
    this.stopWaiting()
    this.port.close()
    this.member.ended(this)
    const isGoingOn = this.member.isLinked
    for (const { command, reject } of this.calls.values()) {
      reject(isGoingOn && REGISTERING.includes(command) ? STALE : ENDED)
    }
    this.calls.clear()
  }
}

/** What a worker or a frame uses instead of Tauri: the bus of a page, or of one page after the other. */
export class Member {
  readonly inbox = newInbox((command, args) => this.run(command, args))
  readonly connected: Promise<Connection>
  private readonly id = randomId()
  /** The pages that have welcomed it. It uses the first one. */
  private readonly links: Link[] = []
  /** The links whose pages post to this realm itself, by their numbers. */
  private readonly posted = new Map<number, Link>()
  private lastLink = 0
  private waiting: (() => void)[] = []
  private hasBegun = false
  private resolve: (connection: Connection) => void = () => {}
  private reject: (error: EventBusError) => void = () => {}

  /** `lock` is that of this realm. `unlinked` is called when no page is left. */
  constructor(
    private readonly lock: Promise<string | undefined>,
    private readonly unlinked: (member: Member) => void,
  ) {
    this.connected = new Promise((resolve, reject) => {
      this.resolve = resolve
      this.reject = reject
    })
  }

  get isLinked(): boolean {
    return this.links.length > 0
  }

  /** Asks a page to be let in. `isOwn`: the page may post to this realm itself. */
  async knock(post: (hello: Hello, port: MessagePort) => void, isOwn = false): Promise<void> {
    const lock = await this.lock
    const { port1, port2 } = new MessageChannel()
    const link = new Link(port1, this)
    this.lastLink += 1
    if (isOwn) this.posted.set(this.lastLink, link)
    const numbered = isOwn && { link: this.lastLink }
    const hello = { [KEY]: 'hello', version: MEMBER_VERSION, id: this.id, ...numbered } as const
    post({ ...hello, ...(lock !== undefined && { lock }) }, port2)
  }

  /** Takes what a page has posted to this realm itself. */
  take({ link, message }: Posted): void {
    this.posted.get(link)?.receive(message)
  }

  /** Tells the pages that it ends. */
  leave(): void {
    for (const link of this.links) link.bye()
  }

  welcomed(link: Link, { name, label }: Welcome): void {
    this.links.push(link)
    this.resolve({ name, label })
    if (this.links.length === 1) this.use(link)
  }

  refused(error: EventBusError): void {
    this.reject(error)
  }

  ended(link: Link): void {
    for (const [number, posted] of this.posted) if (posted === link) this.posted.delete(number)
    const place = this.links.indexOf(link)
    if (place < 0) return
    this.links.splice(place, 1)
    const [next] = this.links
    if (place === 0 && next) this.use(next)
    if (next) return
    // Nobody sends the rest of them.
    this.inbox.channel?.abandon()
    this.unlinked(this)
  }

  private use({ connection }: Link): void {
    this.inbox.label = connection.label
    for (const go of this.waiting.splice(0)) go()
    // Another page knows nothing of what the one before has accepted.
    if (this.hasBegun) this.inbox.receive({ stale: true })
    this.hasBegun = true
  }

  private async run(command: string, args: Record<string, unknown>): Promise<unknown> {
    if (command === 'pull' && args.carried === undefined) return CALLED
    if (!this.isLinked) {
      if (this.hasBegun) throw toEventBusError(ENDED)
      await new Promise<void>((resolve) => this.waiting.push(resolve))
    }
    const [link] = this.links
    if (!link) return this.run(command, args)
    return link.call(command, args)
  }
}

/** The members of this realm, by their inboxes. */
const members = new WeakMap<object, Member>()

/** Puts the bus of a page into this realm. `begin` is called once, and knocks at pages. */
export function join(
  begin: (member: Member) => void,
  unlinked: (member: Member) => void = () => {},
): Promise<Connection> {
  const existing = existingInbox()
  const known = existing && members.get(existing)
  if (known) return known.connected
  if (existing) {
    const text = 'this page has an event bus of its own; connect() is for workers and frames'
    return Promise.reject(new EventBusError('invalid_argument', text))
  }
  const member = new Member(holdLock(), unlinked)
  members.set(member.inbox, member)
  Object.defineProperty(globalThis, INBOX, { value: member.inbox, configurable: true })
  // Calls of the package that wait for the connection report that it was refused.
  member.connected.catch(report)
  begin(member)
  return member.connected
}

/** The buffers of the bytes that a command carries, which are copies that nothing else has. */
function buffersOf(args: Record<string, unknown>): ArrayBuffer[] {
  const buffers = new Set<ArrayBuffer>()
  const gather = (entry: unknown) => {
    const { bytes, argsBytes } = (entry ?? {}) as Record<string, unknown>
    for (const piece of [bytes, argsBytes].flat())
      if (piece instanceof Uint8Array) buffers.add(piece.buffer as ArrayBuffer)
  }
  gather(args)
  for (const value of Object.values(args)) {
    if (Array.isArray(value)) value.forEach(gather)
    else gather(value)
  }
  return [...buffers]
}
