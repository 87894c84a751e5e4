import type { Extras } from '../core/batch.js'
import { checkTraceparent } from '../core/checks.js'
import type { StateCommand } from '../core/commands.js'
import { EventBusError } from '../core/error.js'
import { checkEventName } from '../core/glob.js'
import type { RequestOrigin } from '../core/requests/responders.js'
import type { Receipt } from '../types/emit.js'
import type { Endpoint } from '../types/endpoint.js'
import type { Gap } from '../types/gap.js'
import type { Handled } from '../types/outcome.js'
import type { RequestContext } from '../types/request.js'
import type { Target } from '../types/target.js'
import { Acting } from './acting.js'
import { type NewTask, TestAppTasks } from './app-tasks.js'
import { checkChain, checkComponentName, checkLifetime, checkOwn, checkPayload, filterOf } from './checks.js'
import type {
  HostOptions,
  Listener,
  NewEvent,
  PageRequest,
  Refusable,
  Refusal,
  ResponderEntry,
  StateArguments,
  SubscribeEntry,
  TestRequest,
} from './contract.js'
import { emitterOf } from './emitter.js'
import { TestJobs } from './jobs.js'
import { TestListeners } from './listeners.js'
import { awaiting, DROPPED, handled, type OutcomeWait, TestOutcomes, type ToldOutcome } from './outcomes.js'
import type { PayloadText } from './payload.js'
import type { PlayedRecipient } from './played.js'
import { type PresenceEntry, TestPresence } from './presence.js'
import { type Addressed, inOrder, keyOf, reaches, receives } from './reach.js'
import { readFrom } from './reading.js'
import {
  type CallerEntry,
  type Label,
  type PageResponse,
  type Recipient,
  type ResponderKind,
  TestRequests,
} from './requests.js'
import { errorOf, refusalOf, resultOf } from './results.js'
import { checkSent } from './sent.js'
import {
  type AcceptedEvent,
  acceptedOf,
  GRACE_MS,
  hasExpired,
  isMeant,
  type PullArguments,
  TestSession,
} from './session.js'
import { creditOf } from './streams.js'
import { checkLabels, isForAll, isForPage, partsOf, recipientIn } from './target.js'
import { nextTask } from './tasks.js'
import { type Outcome, Unconsumed } from './unconsumed.js'
import { TestWills, type WillEntry } from './wills.js'

/** The sessions of pages whose test is over. */
const over = new Set<unknown>()

/** The host's side of the wire protocol, in memory, for one page and everyone whom a test plays. */
export class TestHost {
  /** The labels of the pages that exist. */
  readonly labels: Set<string>
  readonly refusals = new Set<Refusal>()
  /** Is told which names or patterns the page has cleared. */
  cleared: (pattern: string) => void = () => {}
  /** Everything that was accepted, in order. */
  readonly accepted: AcceptedEvent[] = []
  /** How many commands have come and how many events were accepted. It does not change while nothing happens. */
  activity = 0
  private seq = 0
  private readonly since = Date.now()
  private readonly presence = new TestPresence((event, payload) => this.tell(event, payload))
  private readonly wills = new TestWills((event) => {
    this.refuse('emit', event.event)
    this.checkEvent(event.event, event.payload, event.to)
  })
  private session: TestSession | null = null
  private readonly retained = new Map<string, AcceptedEvent>()
  private readonly unconsumed = new Unconsumed()
  private readonly outcomes = new TestOutcomes()
  readonly jobs: TestJobs
  readonly tasks = new TestAppTasks(() => {
    this.activity += 1
  })
  private readonly requests = new TestRequests(checkPayload, () => {
    this.activity += 1
  })
  /** Who plays the host, and the other pages. */
  readonly played = new Map<Label, PlayedRecipient>()
  private readonly acting = new Acting()
  private readonly listeners = new TestListeners({
    acting: this.acting,
    outcomes: this.outcomes,
    emit: (label, event) => this.emit(label, event),
    handled: (seq) => this.unconsumed.consume(seq),
  })

  constructor(
    readonly label: string,
    private readonly isRetained: (name: string) => boolean,
    private readonly options: HostOptions,
  ) {
    this.labels = new Set([label])
    this.jobs = new TestJobs({
      label,
      check: (event, payload, to) => this.checkEvent(event, payload, to),
      hasListeners: (event, to) => this.hasListeners(event, to),
      accept: (event, source, tick) => this.accept(event, source, tick),
    })
    this.requests.join(label, this.recipient)
    this.play(null)
  }

  /** The page under test, as a receiver of requests. */
  private get recipient(): Recipient {
    const host = this
    return {
      get names() {
        return host.session?.names ?? new Map<string, ResponderKind>()
      },
      get grace() {
        return host.options.waits ? (host.session?.since ?? Date.now()) + GRACE_MS - Date.now() : 0
      },
      take: (request) => host.session?.push({ ids: [], request }),
      withdraw: (request) => host.session?.withdraw(request) ?? false,
    }
  }

  /** Whether the page has handled everything that was for it. */
  get isIdle(): boolean {
    return this.session?.isIdle ?? true
  }

  /** How many subscriptions of the page match a name, or how many there are. */
  countListeners(name?: string): number {
    const subscriptions = [...(this.session?.subscriptions.values() ?? [])]
    return subscriptions.filter(({ matches }) => name === undefined || matches(name)).length
  }

  /** How many responders the page has for a name, or altogether. */
  countResponders(name?: string): number {
    const names = [...this.requests.namesOf(this.label).keys()]
    return names.filter((one) => name === undefined || one === name).length
  }

  /** Handles a command of the page under test. */
  async handle(command: string, args: Record<string, unknown>): Promise<unknown> {
    if (over.has(args.session)) return new Promise(() => {})
    this.activity += 1
    try {
      const reply = await this.runCommand(command, args)
      return over.has(args.session) ? new Promise(() => {}) : reply
    } catch (error) {
      if (over.has(args.session)) return new Promise(() => {})
      throw errorOf(error)
    }
  }

  /** Replies to the page no more, so that it stays quiet during the next test. */
  leave(): void {
    if (this.session) over.add(this.session.id)
    this.requests.end(this.label)
  }

  /** Adds a page that the test plays, or the host. */
  play(label: Label): void {
    if (label !== null && !this.labels.has(label)) {
      this.labels.add(label)
      for (const news of ['opened', 'ready']) this.tell(`event-bus:page-${news}`, { label, window: label })
    }
    const played = this.options.play?.(label, this.requests)
    if (played) this.played.set(label, played)
  }

  /** Closes a page that the test plays. */
  close(label: string): void {
    if (this.labels.delete(label)) this.tell('event-bus:page-closed', { label, window: label, reason: 'closed' })
    this.presence.leave(label)
    this.requests.leave(label)
    this.outcomes.leave(label)
    this.played.get(label)?.close()
    this.listeners.leave(label)
  }

  /** Registers a responder of the host, or of a page that the test plays. Returns what ends it. */
  respond(
    label: Label,
    name: string,
    kind: ResponderKind,
    responder: (request: never, context: RequestContext) => unknown,
  ): () => void {
    this.checkRequest('respond', name)
    const title = responder.name === '' ? 'an unnamed function' : `the function "${responder.name}"`
    const respond = (payload: unknown, origin: RequestOrigin) => {
      const { chain, ...own } = origin
      const context = { name, ...own, causes: chain.slice(0, -1), ...emitterOf(this.emitAs(label), chain, origin) }
      const handled = { causes: chain, traceparent: own.traceparent }
      return this.acting.actAs(label, handled, () => responder(payload as never, context))
    }
    return this.played.get(label)?.respond(name, title, kind, respond) ?? (() => {})
  }

  /** Sends a request, as the host or as a page. */
  request(label: Label, { to, ...request }: TestRequest): { request: string; response: Promise<unknown> } {
    const { name, causes = [], traceparent } = { ...this.acting.originOf(label), ...request }
    if (traceparent !== undefined) checkTraceparent(traceparent)
    this.checkRequest('request', name)
    checkChain(name, causes)
    if (request.component !== undefined) checkComponentName(request.component)
    return this.requests.send({
      ...request,
      to: recipientIn(to, this.labels, this.options.adviceFor),
      caller: label,
      causes,
      traceparent,
    })
  }

  private checkRequest(command: Refusable, name: string): void {
    this.refuse(command, name)
    checkEventName(name)
    checkOwn(name)
  }

  private async runCommand(command: string, args: Record<string, unknown>): Promise<unknown> {
    const read = readFrom(command, this.labels, this.since)
    if (read) return read
    if (command === 'list_jobs') return this.jobs.list()
    if (command === 'list_tasks') return this.tasks.list()
    if (command === 'attach_task') return this.open(args.session as string).followTask(args as never, this.tasks)
    if (command === 'request') return this.runRequest(args as unknown as PageRequest)
    if (command === 'cancel_request') return this.cancelRequests(args as { session: string; ids: number[] })
    if (command !== 'pull') return this.runStateCommand(command as StateCommand, args as StateArguments)
    const { carried = [], ...pulled } = args as unknown as PullArguments
    const refused = carried.flatMap((entry) => refusalOf(() => this.take(entry)))
    if (!this.session) {
      throw new EventBusError(
        'stale_session',
        `the session "${pulled.session}" has ended, and this page has no open session`,
      )
    }
    const batch = await this.session.pull(pulled)
    // As with a real host, the page has its turn before a reply, so that handlers cannot keep it from that.
    await nextTask()
    return refused.length > 0 ? { ...batch, refused } : batch
  }

  private runRequest({ session, id, stream, ...sent }: PageRequest): unknown {
    const page = this.open(session)
    const consumer = stream && { ...creditOf(stream), consumer: page.consumerOf(id) }
    const { request, response } = this.request(this.label, { ...sent, causes: sent.causes ?? [], stream: consumer })
    page.requests.set(id, request)
    if (!stream) return response.finally(() => page.requests.delete(id))
    page.streams.add(id)
    return consumer && sent.channel ? { credit: { bytes: consumer.bytes, parts: consumer.parts } } : {}
  }

  private cancelRequests({ session, ids }: { session: string; ids: number[] }): null {
    for (const id of ids) this.requests.cancel(this.open(session).requests.get(id) ?? '')
    return null
  }

  /** Takes a response, an entry of a stream, or what the page tells of an event. */
  private take(entry: PageResponse | CallerEntry | ToldOutcome): Record<string, never> {
    if ('seq' in entry) return this.outcomes.settle(this.label, entry)
    if (!('stream' in entry)) {
      this.requests.respond(this.label, entry)
      return {}
    }
    const request = this.session?.requests.get(entry.stream) ?? ''
    if (entry.stop && this.session?.leaveTask(entry.stream)) return {}
    this.requests.takeEntry(request, entry)
    return {}
  }

  /** Accepts what the host, or a page that the test plays, emits. Within a handler it follows from what that handles. */
  emit(label: Label, event: NewEvent, wait?: OutcomeWait): Receipt {
    const source: Endpoint = label === null ? { kind: 'host' } : { kind: 'webview', label }
    return this.accept({ ...this.acting.originOf(label), ...event }, source, undefined, wait)
  }

  /** Emits, and waits for what becomes of the event. */
  emitHandled(label: Label, { timeoutMs, ...event }: NewEvent & { timeoutMs?: number | undefined }): Promise<Handled> {
    return handled((done) => this.emit(label, event, { timeoutMs, done }))
  }

  private emitAs(label: Label): (event: NewEvent) => Receipt {
    return (event) => this.emit(label, event)
  }

  /** Accepts an event of the page, which may wait for what becomes of it. */
  private acceptFrom(session: TestSession, { outcome, ...event }: NewEvent, source: Endpoint): Receipt {
    return awaiting(session, outcome, (wait) => this.accept(event, source, undefined, wait))
  }

  /** Accepts an event and queues it for its receivers. */
  accept(emitted: NewEvent, source: Endpoint, tick?: Extras['tick'], wait?: OutcomeWait): Receipt {
    const { event, except, component, causes = [], traceparent } = emitted
    this.refuse('emit', event)
    if (traceparent !== undefined) checkTraceparent(traceparent)
    if (component !== undefined) checkComponentName(component)
    checkChain(event, causes)
    this.checkEvent(event, emitted.payload, emitted.accepted ? undefined : emitted.to)
    if (except !== undefined) partsOf(except)
    checkLifetime(emitted)
    if (wait) this.outcomes.check(event, wait)
    this.activity += 1
    this.seq += 1
    const retain = emitted.retain ?? this.isRetained(event)
    const accepted = acceptedOf({ ...emitted, retain }, this.seq, source, tick)
    this.unconsumed.keep(accepted, emitted.maxDeliveries)
    this.accepted.push(accepted)
    if (retain) this.retained.set(keyOf(accepted), accepted)
    const ids = this.subscriptionsOf(accepted, emitted.accepted === 'before')
    const receivers = this.listeners.of(accepted)
    const items = Array<Label>(this.session?.countItems(accepted, ids) ?? 0).fill(this.label)
    if (wait) this.outcomes.begin(accepted.seq, wait, [...items, ...receivers.map(({ label }) => label)])
    this.session?.pushEvent(accepted, ids, wait ? { ...accepted.extras, outcome: true } : accepted.extras)
    if (ids.length > 0 || receivers.some(({ isRecord }) => !isRecord)) this.unconsumed.noteDelivery(accepted.seq)
    const pages = new Set(receivers.flatMap(({ label }) => (label === null ? [] : [label])))
    for (const listener of receivers) this.listeners.deliver(listener, accepted)
    this.listeners.callAll()
    return {
      seq: accepted.seq,
      pages: pages.size + (ids.length > 0 ? 1 : 0),
      listeners: receivers.filter(({ label }) => label === null).length,
    }
  }

  /** Hands the page under test an event of the bus itself, which is in no history. */
  private tell(event: string, payload: unknown, only?: number[]): void {
    this.activity += 1
    this.seq += 1
    const accepted = { ...acceptedOf({ event, retain: false }, this.seq, { kind: 'host' }, undefined), payload }
    this.session?.pushEvent(accepted, only ?? this.subscriptionsOf(accepted), only ? { retained: true } : {})
  }

  private checkEvent(event: string, payload: PayloadText | undefined, to: Target | undefined): void {
    checkEventName(event)
    checkOwn(event)
    checkPayload(event, payload)
    if (to !== undefined) checkLabels(to, this.labels, this.options.adviceFor)
  }

  private hasListeners(event: string, to: Target | undefined): boolean {
    const emitted = { event, to, except: undefined }
    return this.listeners.of(emitted).length > 0 || this.subscriptionsOf(emitted).length > 0
  }

  /** Adds a listener of the test, which receives what is kept for new subscriptions. Returns what ends it. */
  listen(listener: Listener): () => void {
    const off = this.listeners.add(listener)
    const isDue = (event: AcceptedEvent) => !hasExpired(event) && receives(listener, event)
    const retained = [...this.retained.values()].filter(isDue)
    const isKept = (event: AcceptedEvent) => !listener.isRecord && isDue(event)
    const { events, redelivered } = this.unconsumed.counted(() => this.unconsumed.deliver(isKept))
    for (const event of inOrder([...retained, ...events])) {
      const mark = { retained: event.retain, replayed: !event.retain, redelivered: redelivered.has(event) }
      this.listeners.deliver(listener, event, mark)
    }
    this.listeners.callAll()
    return off
  }

  /** Forgets the retained events of a name or pattern but for some, and returns how many of them still counted. */
  clearRetained(pattern: string, isKept: (event: AcceptedEvent) => boolean = () => false): number {
    const matches = filterOf(pattern)
    const found = [...this.retained].filter(([, accepted]) => matches(accepted.event) && !isKept(accepted))
    for (const [key] of found) this.retained.delete(key)
    return found.filter(([, accepted]) => !hasExpired(accepted)).length
  }

  /** Loses events of that name: the page receives a gap instead. */
  lose(event: string, count: number, reason: string): Gap {
    checkEventName(event)
    const gap: Gap = { from: this.seq + 1, to: this.seq + count, count, atMost: false, reason }
    this.seq += count
    this.activity += 1
    const ids = this.session?.idsOf(({ matches }) => matches(event)) ?? []
    if (ids.length > 0) this.session?.push({ ids, gap })
    return gap
  }

  private refuse(command: Refusable, name: string): void {
    for (const refusal of this.refusals) {
      if (refusal.command !== undefined && refusal.command !== command) continue
      if (refusal.matches(name)) throw new EventBusError(refusal.code, refusal.message)
    }
  }

  /** The subscriptions of the page that receive an event. */
  private subscriptionsOf(event: Addressed, retained?: boolean): number[] {
    if (!reaches(event, this.label)) return []
    return this.session?.idsOf((own) => isMeant(own, event) && !(retained && own.retained === false)) ?? []
  }

  private open(id: string): TestSession {
    if (this.session?.id === id) return this.session
    // What the session before has received and sent ends with it.
    if (this.session) {
      this.requests.leave(this.label)
      this.requests.join(this.label, this.recipient)
      this.outcomes.leave(this.label)
    }
    this.session = new TestSession(id, (seq) => this.outcomes.tell(seq, this.label, DROPPED))
    return this.session
  }

  private runStateCommand(command: StateCommand, args: StateArguments): unknown {
    const session = this.open(args.session)
    return session.runOnce(args.n, () => this.change(session, command, args))
  }

  private change(session: TestSession, command: StateCommand, args: Record<string, unknown>): unknown {
    const source: Endpoint = { kind: 'webview', label: this.label }
    switch (command) {
      case 'emit':
        return (args.events as WillEntry[]).map((entry) =>
          resultOf(() => this.wills.keep(session, entry) ?? this.acceptFrom(session, entry, source)),
        )
      case 'emit_to':
        return (args.events as WillEntry[]).map((entry) =>
          resultOf(() => this.wills.keep(session, entry) ?? this.acceptFrom(session, checkSent(entry), source)),
        )
      case 'clear_retained':
        this.refuse('emit', args.event as string)
        return this.clear(args.event as string)
      case 'subscribe':
        return this.unconsumed.counted(() =>
          (args.subscriptions as SubscribeEntry[]).map((entry) => resultOf(() => this.subscribe(session, entry))),
        )
      case 'settle':
        return (args.outcomes as (Outcome | ToldOutcome)[]).map((outcome) =>
          'handled' in outcome ? this.unconsumed.settle(outcome) : this.outcomes.settle(this.label, outcome),
        )
      case 'unsubscribe':
        return session.unsubscribe(args.ids as number[])
      case 'set_responders':
        return (args.responders as ResponderEntry[]).map((entry) => resultOf(() => this.setResponder(session, entry)))
      case 'respond':
        return (args.responses as (PageResponse | CallerEntry)[]).map((entry) => resultOf(() => this.take(entry)))
      case 'page':
        return null
      case 'presence':
        return session.holding((args.changes as PresenceEntry[]).map((one) => this.presence.change(this.label, one)))
      case 'start_task':
        return this.tasks.start(args.task as NewTask, source)
      case 'cancel_task':
        return this.tasks.cancel(args.name as string, args.key as string)
      default:
        return this.jobs.run(command, args)
    }
  }

  private clear(pattern: string): { cleared: number } {
    const cleared = this.clearRetained(pattern, ({ to }) => to !== undefined)
    this.cleared(pattern)
    return { cleared }
  }

  private setResponder(session: TestSession, { name, on, stream }: ResponderEntry): Record<string, never> {
    if (on) {
      this.checkRequest('respond', name)
      this.requests.addName(this.label, name, stream ? 'stream' : 'single')
    } else {
      this.requests.removeName(this.label, name)
      session.give()
    }
    return {}
  }

  private subscribe(session: TestSession, entry: SubscribeEntry): { seq: number } {
    const { id, event, target, replay, retained, latest } = entry
    this.refuse('listen', event)
    const matches = filterOf(event)
    if (target !== undefined) partsOf(target)
    if (!isForPage(target, this.label)) {
      const text = `a page receives only what is sent to itself; this one is in the webview "${this.label}"`
      throw new EventBusError('denied', text)
    }
    const isNarrowed = !isForAll(target)
    const own = { matches, isNarrowed, isLatest: latest === true, retained }
    session.subscriptions.set(id, own)
    const isDue = (before: AcceptedEvent) => isMeant(own, before) && reaches(before, this.label)
    const kept = retained === false ? [] : [...this.retained.values()]
    const earlier = this.accepted.filter(({ extras }) => !extras.consume)
    const replayed = replay !== false && this.options.replays ? earlier.filter(isDue) : []
    const { events, redelivered } = this.unconsumed.deliver((before) => replay !== false && isDue(before))
    session.catchUp(id, kept.filter(isDue), [...replayed, ...events], redelivered)
    const members = this.presence.snapshot(event)
    if (members) this.tell(event, members, [id])
    return { seq: this.seq }
  }
}
