import type { Extras, Head, PulledOther } from '../core/batch.js'
import { checkName } from '../core/checks.js'
import type { Command, StateCommand } from '../core/commands.js'
import type { Inbox } from '../core/contract.js'
import { EventBusError } from '../core/error.js'
import { hasWildcard } from '../core/glob.js'
import { query } from '../core/query.js'
import { report } from '../core/report.js'
import type { ErrorCode } from '../types/error-code.js'
import type { Target } from '../types/target.js'
import type { Budget } from './budget.js'
import { plainErrorOf } from './errors.js'
import { Feed } from './feed.js'
import { MemberJobs } from './jobs.js'
import type { ToMember, ToPage } from './messages.js'
import { MemberOutcomes } from './outcomes.js'
import { MemberRequests } from './requests.js'
import type { Rights } from './rights.js'
import { MemberTasks } from './tasks.js'
import { readPassing } from './texts.js'
import { type Entry, readEntry, readFields, readId, readList, readText, sizeOf, weightOf } from './values.js'
import { weigh } from './weight.js'

/**
 * The most entries of a command, and the most commands in flight beside the one that changes state: half of the requests that the
 * host grants its page.
 */
const MAX_ENTRIES = 1_024
const MAX_OTHERS = 128

/** How many subscriptions a member may have, and how many of them with a wildcard before the end of the pattern. */
const MAX_SUBSCRIPTIONS = 1_024
const MAX_GLOBS = 128

/** How many events may wait for the word of a member that it has handled them. */
const MAX_UNSETTLED = 16_384

/** The commands that do not wait for each other. */
const OTHERS: readonly string[] = [
  'request',
  'cancel_request',
  'list_jobs',
  'attach_task',
  'list_tasks',
  'pages',
  'catalog',
  'inspect',
  'compat_report',
  'tap',
  'pull',
]

/** What is a page's own, by its command. */
const FOR_PAGES = { tap: 'tap()', page: 'ready()', presence: 'presence()' }

/** A command of a member. */
type CallOfMember = Extract<ToPage, { call: number }>

/** Who a member is, and what it may do. */
export interface Admission {
  /** The component of what it sends, such as `worker:indexer`. */
  readonly source: string
  readonly inbox: Inbox
  readonly rights: Rights
  /** What it may send, where that is limited. */
  readonly budget: Budget | undefined
  /** The tasks that it has started, also before it came again, as far as they are not known to have ended. */
  readonly started: Set<string>
  /** Whether it is gone without a word, such as a frame that was removed. */
  isGone(): boolean
  /** Sends it a message. */
  send(message: ToMember, transfer: Transferable[]): void
}

/** The page's side of a member: checks its commands, and runs them in the session of the page. */
export class MemberHost {
  readonly source: string
  readonly inbox: Inbox
  private readonly subscriptions = new Map<number, () => void>()
  private readonly feed: Feed
  private readonly requests: MemberRequests
  private readonly jobs: MemberJobs
  private readonly tasks: MemberTasks
  private readonly outcomes: MemberOutcomes
  /** The subscriptions with a wildcard before the end of the pattern. */
  private readonly globs = new Set<number>()
  /** The events that the host keeps until the member has handled them, and how many subscriptions of it have to tell. */
  private readonly unsettled = new Map<number, number>()
  private session: unknown
  private isBusy = false
  private others = 0
  private isOver = false

  constructor(
    private readonly port: MessagePort,
    private readonly admission: Admission,
    private readonly ended: () => void,
  ) {
    this.source = admission.source
    this.inbox = admission.inbox
    this.feed = new Feed({
      post: (message, transfer) => this.post(message, transfer),
      lost: (seq) => this.settle(seq, false),
      stalled: () => this.fail('it has not handled what it was sent for 60 seconds', 'timeout'),
    })
    this.requests = new MemberRequests(this)
    this.jobs = new MemberJobs(this, admission.rights)
    this.tasks = new MemberTasks(this, admission.rights, admission.started)
    this.outcomes = new MemberOutcomes(this, admission.rights.isUnlimited)
    port.onmessage = ({ data }: MessageEvent<unknown>) => this.receive(data)
  }

  post(message: ToMember, transfer: Transferable[] = []): void {
    if (this.isOver) return
    if (this.admission.isGone()) this.end()
    else this.admission.send(message, transfer)
  }

  add(item: PulledOther): void {
    if (!this.isOver) this.feed.add(item)
  }

  componentOf(component: unknown): string {
    return component === undefined ? this.source : `${this.source}/${readText('component', component)}`
  }

  /** Ends all that the member has, and tells it so. */
  end(): void {
    if (this.isOver) return
    this.admission.send({ bye: true }, [])
    this.isOver = true
    this.reset()
    this.jobs.end()
    // What was posted still arrives.
    this.port.close()
    this.ended()
  }

  private fail(why: string, code: ErrorCode = 'invalid_argument'): void {
    if (this.isOver) return
    report(new EventBusError(code, `${this.source} was ended: ${why}`))
    this.end()
  }

  private receive(message: unknown): void {
    if (this.isOver) return
    const { bye, done, busy, responses, call, command, args } = (message ?? {}) as Partial<Record<string, unknown>>
    if (bye === true) this.end()
    else if (typeof done === 'number' || typeof busy === 'number') {
      if (responses !== undefined) void this.takeResponses(responses)
      if (typeof done === 'number') this.feed.done(done)
      else this.feed.busy()
    } else if (typeof call === 'number' && typeof command === 'string' && typeof args === 'object' && args !== null) {
      void this.answer(message as CallOfMember)
    } else this.fail('it sent what is no message of the event bus')
  }

  private async answer({ call, command, args }: CallOfMember): Promise<void> {
    const isOther = OTHERS.includes(command)
    if (isOther ? this.others >= MAX_OTHERS : this.isBusy) {
      if (!isOther) {
        this.fail('it sent two commands that change state at once')
        return
      }
      const text = `${this.source} has ${MAX_OTHERS} requests in flight, the limit`
      this.post({ reply: call, error: { code: 'queue_full', message: text } })
      return
    }
    if (isOther) this.others += 1
    else this.isBusy = true
    let reply: ToMember
    try {
      reply = { reply: call, value: await this.run(command as Command, args) }
    } catch (error) {
      reply = { reply: call, error: plainErrorOf(error) }
    }
    if (isOther) this.others -= 1
    else this.isBusy = false
    const transfer = new Set<ArrayBuffer>()
    if (command === 'request' && 'value' in reply) weigh(reply.value, transfer)
    this.post(reply, [...transfer])
  }

  private run(command: Command, args: Record<string, unknown>): Promise<unknown> | unknown {
    if (!OTHERS.includes(command)) {
      const session = readText('session', args.session)
      if (this.session !== undefined && session !== this.session) this.reset()
      this.session = session
    }
    switch (command) {
      case 'emit':
      case 'emit_to':
        return this.each(args.events, (entry) => this.emit(command, entry))
      case 'subscribe':
        return this.each(args.subscriptions, (entry) => this.subscribe(entry))
      case 'unsubscribe':
        for (const id of readList('ids', args.ids, MAX_ENTRIES)) this.subscriptions.get(id as number)?.()
        return null
      case 'settle':
        return this.each(args.outcomes, ({ seq, handled }) => {
          const left = this.unsettled.get(seq as number)
          if (left === undefined) return {}
          // The first success ends it, and so does the last word.
          if (handled === true || left === 1) this.unsettled.delete(seq as number)
          else this.unsettled.set(seq as number, left - 1)
          this.tell(seq as number, handled === true)
          return {}
        })
      case 'set_responders':
        return this.each(args.responders, (entry) => this.setResponder(entry))
      case 'respond':
        return this.each(
          args.responses,
          (entry) => this.requests.takeResponse(entry),
          (entry) => entry as Entry,
        )
      case 'request':
        return this.request(args)
      case 'cancel_request':
        return this.requests.cancel(args.ids)
      case 'pull':
        return this.pull(args)
      case 'start_job': {
        const job = readFields('job', args.job) as Entry
        this.spend(job)
        return this.jobs.start(job)
      }
      case 'stop_job':
      case 'pause_job':
      case 'resume_job':
        this.admission.budget?.take(0)
        return this.jobs.control(command, args)
      case 'update_job': {
        const changes = readFields('changes', args.changes) as Entry
        this.spend(changes)
        return this.jobs.control(command, args, changes)
      }
      case 'list_jobs':
        this.admission.budget?.take(0)
        return this.jobs.list()
      case 'clear_retained':
        this.checkUnlimited(command)
        return this.inbox.queue.send(command, { event: readText('event', args.event, 'invalid_event_name') })
      case 'catalog':
      case 'inspect':
      case 'compat_report':
        this.checkUnlimited(command)
        return query(command)
      case 'pages': {
        this.checkUnlimited(command)
        const { label } = args
        return query(command, label === undefined ? {} : { label: readText('label', label) })
      }
      case 'start_task': {
        const task = readFields('task', args.task) as Entry
        this.spend(task)
        return this.tasks.start(task)
      }
      case 'cancel_task':
        this.admission.budget?.take(0)
        return this.tasks.cancel(args)
      case 'attach_task':
        this.admission.budget?.take(0)
        return this.requests.attach(readId('id', args.id), this.tasks.read(args))
      case 'list_tasks':
        this.admission.budget?.take(0)
        return this.tasks.list()
      case 'tap':
      case 'page':
      case 'presence': {
        const text = `${FOR_PAGES[command]} is for pages: use it in the page of this worker or frame, and pass on what it tells`
        throw new EventBusError('unavailable', text)
      }
      default:
        throw new EventBusError('unavailable', `a page does not know the command ${JSON.stringify(command)}`)
    }
  }

  /** Runs the entries of a command in their order. Each has a result of its own. */
  private each(
    entries: unknown,
    run: (entry: Entry) => unknown,
    read: (entry: unknown) => Entry = readEntry,
  ): Promise<unknown[]> {
    const results = readList('entries of a command', entries, MAX_ENTRIES).map(async (entry) => {
      try {
        return await run(read(entry))
      } catch (error) {
        return { error: plainErrorOf(error) }
      }
    })
    return Promise.all(results)
  }

  private checkUnlimited(command: StateCommand | 'catalog' | 'inspect' | 'compat_report' | 'pages'): void {
    if (this.admission.rights.isUnlimited) return
    const text = `${this.source} may not use "${command}": expose() has limited it to some names`
    throw new EventBusError('denied', text)
  }

  private spend(entry: Entry): void {
    this.admission.budget?.take(weightOf(entry))
  }

  private emit(command: 'emit' | 'emit_to', { outcome, ...entry }: Entry): Promise<unknown> {
    const event = entry.event
    checkName(event)
    this.admission.rights.check('emit', event)
    this.spend(entry)
    const component = this.componentOf(entry.component)
    const awaited = outcome === undefined ? undefined : this.outcomes.begin(event, outcome as { id: unknown })
    const value = { ...entry, component, ...(awaited && { outcome: awaited.outcome }) }
    return new Promise((resolve, reject) => {
      this.inbox.queue.push(command, {
        value,
        size: sizeOf(entry),
        resolve(reply, session) {
          awaited?.accepted(session)
          resolve(reply)
        },
        reject(error) {
          awaited?.stop()
          reject(error)
        },
      })
    })
  }

  private request({ stream, channel, ...args }: Record<string, unknown>): Promise<unknown> {
    checkName(args.name)
    this.admission.rights.check('request', args.name)
    const entry = readEntry(args)
    this.spend(entry)
    return this.requests.send(entry, stream, channel === true)
  }

  private setResponder(entry: Entry): Promise<object> | object {
    const name = entry.name
    checkName(name)
    if (entry.on === true) {
      this.admission.rights.check('respond', name)
      this.spend(entry)
    }
    return this.requests.setResponder(entry)
  }

  private subscribe(entry: Entry): Promise<object> {
    const { event, target, replay, retained, latest } = entry
    const id = readId('id', entry.id)
    const resume = entry.resume as { after: number } | undefined
    checkName(event)
    this.admission.rights.check('listen', event)
    this.spend(entry)
    if (this.subscriptions.size >= MAX_SUBSCRIPTIONS) {
      const text = `${this.source} has ${MAX_SUBSCRIPTIONS} subscriptions, the limit of a worker or frame`
      throw new EventBusError('too_many_subscriptions', text)
    }
    this.subscriptions.get(id)?.()
    if (hasWildcard(event.slice(0, -1))) {
      if (this.globs.size >= MAX_GLOBS) {
        const text = `${this.source} has ${MAX_GLOBS} patterns with a wildcard before their end, the limit of a worker or frame`
        throw new EventBusError('too_many_subscriptions', text)
      }
      this.globs.add(id)
    }
    return new Promise((resolve, reject) => {
      const off = this.inbox.subscribe({
        event,
        target: target as Target | undefined,
        replay: replay !== false,
        retained: retained !== false,
        latest: latest === true || undefined,
        deliver: () => {},
        pass: (...passed) => this.pass(latest === true, ...passed, id),
        texts: latest === true ? undefined : { read: readPassing, pass: (...run) => this.feed.passText(id, ...run) },
        gap: (gap) => this.add({ ...gap, subscriptions: [id] }),
        accepted: (reply) => {
          const accepted = { seq: 0, ...(reply as object) }
          if (resume && accepted.seq > resume.after) {
            const lost = { from: resume.after + 1, to: accepted.seq, count: accepted.seq - resume.after, atMost: true }
            this.add({ ...lost, reason: 'session_ended', subscriptions: [id] })
          }
          resolve(accepted)
        },
        ended: (error) => {
          if (this.subscriptions.get(id) === off) {
            this.subscriptions.delete(id)
            this.globs.delete(id)
          }
          if (error) reject(error)
          else resolve({ seq: 0 })
        },
      })
      this.subscriptions.set(id, off)
    })
  }

  private pass(
    isLatest: boolean,
    head: Head,
    payload: unknown,
    seq: number,
    micros: number,
    given: Extras | undefined,
    _: number,
    id: number,
  ): void {
    const own = given?.tick ? this.jobs.localize(given) : given
    // The page has handled it for its emitter once it is passed on.
    const extras = own?.outcome ? { ...own, outcome: false } : own
    if (extras?.consume) this.unsettled.set(seq, (this.unsettled.get(seq) ?? 0) + 1)
    if (this.unsettled.size > MAX_UNSETTLED) this.fail('it does not tell what becomes of its events')
    else if (isLatest) this.feed.passLatest(id, head, payload, seq, micros, extras)
    else this.feed.pass(id, head, payload, seq, micros, extras)
  }

  private settle(seq: number, handled: boolean): void {
    this.unsettled.delete(seq)
    this.tell(seq, handled)
  }

  private tell(seq: number, handled: boolean): void {
    this.inbox.queue.send('settle', { seq, handled }).catch(report)
  }

  /** Takes the responses that a pull carries. A member pulls for nothing else. */
  private async pull({ carried }: Record<string, unknown>): Promise<object> {
    const refused = await this.refusedOf(carried ?? [])
    return { first: 0, more: false, heads: [], items: [], call: true, ...(refused.length > 0 && { refused }) }
  }

  private async takeResponses(responses: unknown): Promise<void> {
    try {
      const refused = await this.refusedOf(responses)
      if (refused.length > 0) this.post({ refused: refused as never })
    } catch {
      this.fail('it sent what are no responses')
    }
  }

  private async refusedOf(responses: unknown): Promise<unknown[]> {
    const take = (entry: Entry) => this.requests.takeResponse(entry)
    const results = await this.each(responses, take, (entry) => entry as Entry)
    return results.flatMap((result) => ('error' in (result as object) ? [(result as { error: unknown }).error] : []))
  }

  /** Ends what the member has had in a session of its own. */
  private reset(): void {
    for (const off of [...this.subscriptions.values()]) off()
    this.subscriptions.clear()
    this.globs.clear()
    this.requests.end()
    this.outcomes.end()
    for (const seq of [...this.unsettled.keys()]) this.settle(seq, false)
    this.feed.clear()
  }
}
