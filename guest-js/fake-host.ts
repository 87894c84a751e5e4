import { vi } from 'vitest'
import { INBOX } from './inbox.js'

/** A command as it reached the fake host. */
export interface Sent {
  command: string
  args: Record<string, unknown>
}

interface Held extends Sent {
  resolve(answer: unknown): void
  reject(reason: unknown): void
}

interface Queued {
  index: number
  item: unknown
}

interface FakeSession {
  id: string
  n: number
  recorded: unknown
  subscriptions: Map<number, { event: string }>
  index: number
  queue: Queued[]
  pull: Held | null
}

/** A small host in memory that speaks the wire protocol and fails on command. */
export class FakeHost {
  /** Everything that arrived, in order. */
  readonly sent: Sent[] = []
  /** Commands whose answers are held back. */
  readonly held: Held[] = []
  /** Which commands to hold back instead of answering. */
  hold: (sent: Sent) => boolean = () => false
  /** What to reject a command with, if anything. */
  refuse: (sent: Sent) => unknown = () => undefined
  /** What to refuse one entry of a batch with, if anything. */
  refuseEntry: (command: string, entry: Record<string, unknown>) => unknown = () => undefined
  session: FakeSession | null = null
  /** How many sessions were opened. */
  opened = 0
  seq = 0
  jobs = new Map<string, Record<string, unknown>>()
  readonly broken: string[] = []
  private readonly ended = new Set<string>()
  private readonly pulling = new Map<string, number>()
  stateInFlight = 0

  invoke = (name: string, args: Record<string, unknown>): Promise<unknown> => {
    const command = name.replace('plugin:event-bus|', '')
    // What crosses the boundary is JSON.
    const sent: Sent = { command, args: JSON.parse(JSON.stringify(args)) }
    this.sent.push(sent)
    const isPull = command === 'pull'
    const isState = !isPull && command !== 'list_periodic'
    if (isPull && this.countPull(sent, 1) > 1) this.broken.push('two pulls in flight')
    if (isState && ++this.stateInFlight > 1) this.broken.push('two state-changing commands in flight')
    return new Promise((resolve, reject) => {
      const leave = () => {
        if (isPull) this.countPull(sent, -1)
        if (isState) this.stateInFlight -= 1
      }
      const held: Held = {
        ...sent,
        resolve: (answer) => {
          leave()
          resolve(answer)
        },
        reject: (reason) => {
          leave()
          reject(reason)
        },
      }
      if (this.hold(sent)) this.held.push(held)
      else this.answer(held)
    })
  }

  /** Answers what was held back, in order. */
  release(): void {
    this.hold = () => false
    for (const held of this.held.splice(0)) this.answer(held)
  }

  /** How many pulls of the current session wait. */
  get pullsInFlight(): number {
    return this.pulling.get(this.session?.id ?? '') ?? 0
  }

  private countPull({ args }: Sent, change: number): number {
    const session = args.session as string
    const count = (this.pulling.get(session) ?? 0) + change
    this.pulling.set(session, count)
    return count
  }

  /** Forgets what is in flight, as when a page is frozen: no answer will ever arrive. */
  loseAnswers(): Held[] {
    this.pulling.clear()
    this.stateInFlight = 0
    return this.held.splice(0)
  }

  /** Ends the session and leaves its pull without an answer. */
  endSilently(): void {
    if (this.session) this.session.pull = null
    this.endSession()
  }

  /** Ends the session as the host does when its lease runs out. */
  endSession(): void {
    if (!this.session) return
    this.ended.add(this.session.id)
    const { pull } = this.session
    this.session = null
    pull?.reject(STALE)
  }

  /** Emits from Rust to every subscription whose name is equal, or `*`. */
  emit(event: string, payload: unknown = null, extras?: object): number {
    this.seq += 1
    const { session } = this
    const ids = session
      ? [...session.subscriptions].filter(([, s]) => s.event === event || s.event === '*').map(([id]) => id)
      : []
    if (ids.length > 0) {
      const subscriptions = ids.length === 1 ? ids[0] : ids
      const item = [0, this.seq, 1000.25, event, 0, subscriptions, payload]
      this.push(extras ? [...item, extras] : item)
    }
    return this.seq
  }

  /** Queues a raw item under the next index, and answers a waiting pull. */
  push(item: unknown): void {
    const { session } = this
    if (!session) return
    session.index += 1
    const { index } = session
    const numbered = Array.isArray(item) ? [index, ...item.slice(1)] : { ...(item as object), index }
    session.queue.push({ index, item: numbered })
    this.wake()
  }

  commands(...names: string[]): Sent[] {
    return this.sent.filter(({ command }) => (names.length > 0 ? names.includes(command) : command !== 'pull'))
  }

  private wake(): void {
    const { session } = this
    if (!session?.pull || session.queue.length === 0) return
    const { pull } = session
    session.pull = null
    pull.resolve(session.queue.map(({ item }) => item))
  }

  private answer(held: Held): void {
    const refusal = this.refuse(held)
    if (refusal !== undefined) {
      if (typeof refusal !== 'string' && this.session && refusal !== STALE) this.session.n += 1
      held.reject(refusal)
      return
    }
    if (held.command === 'list_periodic') held.resolve([...this.jobs.values()])
    else if (held.command === 'pull') this.answerPull(held)
    else this.answerState(held)
  }

  private answerPull(held: Held): void {
    const { session } = this
    if (!session || session.id !== held.args.session) {
      held.reject(STALE)
      return
    }
    const ack = held.args.ack as number
    if (ack > session.index) this.broken.push(`ack ${ack} was never delivered`)
    session.queue = session.queue.filter(({ index }) => index > ack)
    session.pull?.resolve([])
    session.pull = null
    if (session.subscriptions.size === 0) {
      held.resolve([])
      return
    }
    session.pull = held
    this.wake()
  }

  private answerState(held: Held): void {
    const { session: id, n } = held.args as { session: string; n: number }
    if (this.ended.has(id)) {
      held.reject(STALE)
      return
    }
    if (this.session?.id !== id) {
      if (n !== 1) this.broken.push(`a session opened with n = ${n}`)
      this.endSession()
      this.opened += 1
      const subscriptions = new Map<number, { event: string }>()
      this.session = { id, n: 0, recorded: null, subscriptions, index: 0, queue: [], pull: null }
    }
    const session = this.session as FakeSession
    if (n === session.n) {
      held.resolve(session.recorded)
      return
    }
    if (n !== session.n + 1) this.broken.push(`n = ${n} follows ${session.n}`)
    session.n = n
    try {
      session.recorded = this.run(session, held)
      held.resolve(session.recorded)
    } catch (error) {
      held.reject(error)
    }
  }

  private run(session: FakeSession, { command, args }: Sent): unknown {
    switch (command) {
      case 'subscribe':
        return (args.subscriptions as { id: number; event: string }[]).map((entry) => {
          const error = this.refuseEntry(command, entry as unknown as Record<string, unknown>)
          if (error) return { error }
          if (session.subscriptions.has(entry.id)) this.broken.push(`subscription ${entry.id} twice`)
          session.subscriptions.set(entry.id, { event: entry.event })
          return { seq: this.seq }
        })
      case 'unsubscribe': {
        for (const id of args.ids as number[]) session.subscriptions.delete(id)
        if (session.subscriptions.size === 0) {
          session.pull?.resolve([])
          session.pull = null
        }
        return null
      }
      case 'emit':
      case 'emit_to':
        return (args.events as Record<string, unknown>[]).map((entry) => {
          const error = this.refuseEntry(command, entry)
          if (error) return { error }
          const payload = JSON.parse((entry.payload as string | undefined) ?? 'null')
          return { seq: this.emit(entry.event as string, payload), pages: 1, listeners: 0 }
        })
      case 'start_periodic': {
        const job = args.job as Record<string, unknown>
        const id = (job.id as string | undefined) ?? `job-${this.jobs.size + 1}`
        const info = { id, event: job.event, everyMs: job.everyMs, to: job.to ?? null, ticks: 0 }
        this.jobs.set(id, info)
        return info
      }
      case 'stop_periodic':
        if (!this.jobs.delete(args.id as string)) throw { code: 'unknown_job', message: `no job ${args.id}` }
        return null
      default:
        throw `Command ${command} not found`
    }
  }
}

export const STALE = { code: 'stale_session', message: 'the session has ended' }

/** Puts a fresh realm around a test: a window with a fake host, no inbox, and watched reports. */
export function freshRealm(): { host: FakeHost; reported: ReturnType<typeof vi.fn>; warned: ReturnType<typeof vi.fn> } {
  const host = new FakeHost()
  const reported = vi.fn()
  const warned = vi.fn()
  Reflect.deleteProperty(globalThis, INBOX)
  const page: Record<string, unknown> = { __TAURI_INTERNALS__: { invoke: host.invoke } }
  page.top = page
  vi.stubGlobal('window', page)
  vi.stubGlobal('reportError', reported)
  vi.spyOn(console, 'warn').mockImplementation(warned)
  return { host, reported, warned }
}

/** Lets everything run that waits for nothing but microtasks. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 60; turn += 1) await Promise.resolve()
}

/** Lets the task end, as unhandled rejections are judged by it. */
export function endOfTask(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0))
}
