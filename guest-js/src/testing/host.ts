import type { Emit, EmitTo, Receipt } from '../api/emit.js'
import type { RequestContext } from '../api/request.js'
import type { Batch, Extras, Head, PulledEnding, PulledQuestion } from '../core/batch.js'
import type { StateCommand } from '../core/commands.js'
import { type ErrorCode, EventBusError, report, toEventBusError } from '../core/error.js'
import { nextTask, reportLater } from '../core/inbox.js'
import { chainOf } from '../core/realm.js'
import { ReceivedEvent } from '../core/received.js'
import type { Asked, Failure } from '../core/requests/responders.js'
import { type BusEvent, type EventSource, type Gap, payloadJson } from '../types/event.js'
import type { Target } from '../types/target.js'
import { checkEventName, hasWildcard, matcherOf } from './glob.js'
import { type Changes, type Named, type Started, TestJobs } from './jobs.js'
import { type Label, PlayedRespondent, type Question, type Reply, type Respondent, TestQuestions } from './requests.js'
import { isForAll, isForHost, isForPage, labelsOf, neededTarget, partsOf } from './target.js'

/** What the bus itself says; patterns hear it only where they begin like this, and nobody else may. */
const OWN_PREFIX = 'event-bus:'

/** The most bytes of a payload, as the host takes by default. */
const LONGEST_PAYLOAD = 16_777_216

/** The most events that one follows from, as the host takes by default. */
const MOST_HOPS = 16

/** The most bytes of a component's name. */
const LONGEST_COMPONENT = 128

/** How long a question waits for a page that is still starting, in milliseconds, as with the host. */
const GRACE = 3_000

/** The sessions of pages whose test is over. */
const over = new Set<unknown>()

/** An event that was accepted. */
export interface Accepted {
  event: string
  payload: unknown
  seq: number
  timestamp: number
  source: EventSource
  to: Target | undefined
  retain: boolean
  /** What it says of itself besides. */
  extras: Pick<Extras, 'periodic' | 'component' | 'causes'>
}

/** What is to be accepted. The payload is JSON; none is `null`. */
export interface Emitted {
  event: string
  payload?: string | undefined
  to?: Target | undefined
  retain?: boolean | undefined
  component?: string | undefined
  /** The names of what caused it, oldest first. */
  causes?: readonly string[] | undefined
}

/** Somebody other than the page under test who hears events: Rust, or a page that the test plays. */
export interface Listener {
  /** The page's label; `null` for Rust. */
  readonly label: Label
  /** Whether it hears what is sent to others, too. */
  readonly hearsAny?: boolean
  readonly hears: (name: string) => boolean
  readonly deliver: (event: BusEvent<unknown>) => unknown
}

/** What can be refused on demand. */
export type Refusable = 'emit' | 'listen' | 'request' | 'respond'

/** What is to be asked. Without causes it follows from what is being handled. */
export interface Asking extends Omit<Question, 'to' | 'asker' | 'causes'> {
  to: Target
  causes?: readonly string[] | undefined
}

/** What is refused on demand. */
export interface Refusal {
  readonly matches: (text: string) => boolean
  readonly command: Refusable | undefined
  readonly code: ErrorCode
  readonly message: string
}

interface Subscribed {
  readonly hears: (name: string) => boolean
  /** Whether it hears only what is sent to this page. */
  readonly narrowed: boolean
}

interface Item {
  index: number
  readonly event?: Accepted
  readonly ids: number[]
  readonly conversing?: PulledQuestion | PulledEnding
  readonly extras?: Extras
  readonly gap?: Gap
}

interface Session {
  readonly id: string
  /** When it began, in milliseconds since the Unix epoch. */
  readonly since: number
  n: number
  recorded: unknown
  readonly subscriptions: Map<number, Subscribed>
  /** The names that the page answers. */
  readonly names: Set<string>
  /** What it has asked and has no answer to, by its own numbers. */
  readonly asking: Map<number, string>
  index: number
  /** The index of the last item that was given. */
  given: number
  /** What the page has not acknowledged. */
  queue: Item[]
  pull: ((answer: Batch) => void) | null
}

interface Subscription {
  id: number
  event: string
  target?: Target
  replay?: boolean
  retained?: boolean
}

/** The arguments of a pull. */
interface Pulling {
  session: string
  ack: number
  ahead?: boolean
  /** The answers that it carries. */
  replies?: Reply[]
}

/** The arguments of a command that changes state. */
interface Numbered extends Record<string, unknown> {
  session: string
  n: number
}

/** The host's side of the wire protocol, in memory, for one page and those whom a test plays. */
export class TestHost {
  /** The labels of the pages there are. */
  readonly labels: Set<string>
  readonly listeners = new Set<Listener>()
  readonly refusals = new Set<Refusal>()
  /** Everything that was accepted, in order. */
  readonly accepted: Accepted[] = []
  /** How many commands have come and how many events were accepted: it stands still when nothing happens. */
  activity = 0
  private seq = 0
  private session: Session | null = null
  private readonly retained = new Map<string, Accepted>()
  readonly jobs: TestJobs
  private readonly questions = new TestQuestions(checkPayload, () => {
    this.activity += 1
  })
  private readonly played = new Map<Label, PlayedRespondent>()
  /** Who handles what at the moment, an event or a question, which causes what they emit and ask. */
  private acting: { label: Label; causes: string[] } | null = null
  private telling = false
  /** What Rust has still to listen to: one after the other, so that all its listeners see one order. */
  private readonly due: (() => void)[] = []

  constructor(
    readonly label: string,
    private readonly isRetained: (name: string) => boolean,
    private readonly replays: boolean,
  ) {
    this.labels = new Set([label])
    this.jobs = new TestJobs({
      label,
      check: (event, payload, to) => this.checkEmitted(event, payload, to),
      isHeard: (event, to) => this.isHeard(event, to),
      accept: (emitted, source, periodic) => this.accept(emitted, source, periodic),
    })
    this.questions.join(label, this.respondent)
    this.play(null)
  }

  /** The page under test, as it is asked. */
  private get respondent(): Respondent {
    const host = this
    return {
      get names() {
        return host.session?.names ?? new Set<string>()
      },
      get grace() {
        return host.replays ? (host.session?.since ?? Date.now()) + GRACE - Date.now() : 0
      },
      take: (conversing) => host.push({ ids: [], conversing }),
      withdraw: (request) => host.withdraw(request),
    }
  }

  /** Whether the page has handled everything that was for it. */
  get isIdle(): boolean {
    const { session } = this
    return !session || !isHearing(session) || session.queue.length === 0
  }

  /** How many subscriptions of the page hear a name, or how many there are. */
  listening(name?: string): number {
    const subscriptions = [...(this.session?.subscriptions.values() ?? [])]
    return subscriptions.filter(({ hears }) => name === undefined || hears(name)).length
  }

  /** How many names of questions the page answers: that one, or all. */
  answering(name?: string): number {
    const names = [...this.questions.namesOf(this.label)]
    return names.filter((one) => name === undefined || one === name).length
  }

  /** Answers a command of the page under test. */
  async answer(command: string, args: Record<string, unknown>): Promise<unknown> {
    if (over.has(args.session)) return new Promise(() => {})
    this.activity += 1
    try {
      const answer = await this.work(command, args)
      return over.has(args.session) ? new Promise(() => {}) : answer
    } catch (error) {
      if (over.has(args.session)) return new Promise(() => {})
      throw errorOf(error)
    }
  }

  /** Leaves the page without answers from now on, so that it stays quiet while the bus of the next test is there. */
  leave(): void {
    if (this.session) over.add(this.session.id)
    this.questions.end(this.label)
  }

  /** A page is there from now on whom the test plays, or Rust. */
  play(label: Label): void {
    if (label !== null) this.labels.add(label)
    this.played.set(label, new PlayedRespondent(label, this.questions))
  }

  /** A page that the test plays is there no more. */
  close(label: string): void {
    this.labels.delete(label)
    this.questions.leave(label)
    this.played.get(label)?.close()
    for (const listener of this.listeners) if (listener.label === label) this.listeners.delete(listener)
  }

  /** Answers questions of this name, as Rust or as a page that the test plays. Returns what ends it. */
  respond(label: Label, event: string, responder: (question: never, context: RequestContext) => unknown): () => void {
    this.checkQuestion('respond', event)
    const name = responder.name === '' ? 'a function without a name' : `the function "${responder.name}"`
    const answer = (question: unknown, { source, signal, chain }: Asked) => {
      const context = { event, source, signal, causes: chain.slice(0, -1), ...this.emitterAfter(label, chain) }
      return this.within(label, chain, () => responder(question as never, context))
    }
    return this.played.get(label)?.respond(event, name, answer) ?? (() => {})
  }

  /** Asks, as Rust or as a page. */
  ask(
    label: Label,
    { to, causes = this.causesOf(label), ...asking }: Asking,
  ): { request: string; answer: Promise<unknown> } {
    const { event } = asking
    this.checkQuestion('request', event)
    checkChain(event, causes, 'asked')
    const asked = this.respondentOf(to)
    return this.questions.ask({ ...asking, to: asked, asker: label, causes })
  }

  private checkQuestion(command: Refusable, event: string): void {
    this.refuse(command, event)
    checkEventName(event)
    checkOwn(event)
  }

  /** Whom a question is for: one page, or Rust. */
  private respondentOf(to: Target): Label {
    const [label] = labelsOf(to)
    if (partsOf(to).length > 1 || isForAll(to) || (label !== undefined && hasWildcard(label))) {
      throw new EventBusError('invalid_argument', 'a question goes to one webview, named by its label, or to Rust')
    }
    this.checkTarget(to)
    return label ?? null
  }

  /** The names of what whoever emits or asks now is handling. */
  private causesOf(label: Label): readonly string[] {
    return this.acting?.label === label ? this.acting.causes : []
  }

  private within<Returned>(label: Label, causes: string[], run: () => Returned): Returned {
    const before = this.acting
    this.acting = { label, causes }
    try {
      return run()
    } finally {
      this.acting = before
    }
  }

  private async work(command: string, args: Record<string, unknown>): Promise<unknown> {
    if (command === 'catalog') return { strict: false, events: [], components: [], $defs: {} }
    if (command === 'inspect') {
      throw new EventBusError('unavailable', 'the test bus counts nothing: see bus.history() and bus.listeners()')
    }
    if (command === 'list_periodic') return this.jobs.list()
    if (command === 'request') return this.answerRequest(args as unknown as Asking & { session: string; id: number })
    if (command === 'cancel_request') return this.cancel(args as { session: string; ids: number[] })
    if (command !== 'pull') return this.runOnce(command as StateCommand, args as Numbered)
    const { replies = [], ...rest } = args as unknown as Pulling
    const refused = replies.flatMap((reply) => refusalOf(() => this.reply(reply)))
    const batch = await this.pull(rest)
    // As with a real host, the page has its turn before an answer, so that handlers cannot keep it from that.
    await nextTask()
    return refused.length > 0 ? { ...batch, refused } : batch
  }

  private answerRequest({ session: id, id: number, ...asking }: Asking & { session: string; id: number }) {
    const { asking: open } = this.open(id)
    const { request, answer } = this.ask(this.label, { ...asking, causes: asking.causes ?? [] })
    open.set(number, request)
    return answer.finally(() => open.delete(number))
  }

  private cancel({ session: id, ids }: { session: string; ids: number[] }): null {
    for (const number of ids) this.questions.giveUp(this.open(id).asking.get(number) ?? '')
    return null
  }

  private reply(reply: Reply): Record<string, never> {
    this.questions.reply(this.label, reply)
    return {}
  }

  /** Accepts what Rust, or a page that the test plays, emits: within a handler it follows from what that handles. */
  emit(label: Label, emitted: Emitted): Receipt {
    const { causes = this.causesOf(label) } = emitted
    return this.accept({ ...emitted, causes }, label === null ? { kind: 'host' } : { kind: 'webview', label })
  }

  private acceptSent(emitted: Emitted, source: EventSource): Receipt {
    if (isForAll(neededTarget(emitted.to))) {
      throw new EventBusError('invalid_argument', 'an event for everyone goes through emit')
    }
    return this.accept(emitted, source)
  }

  /** Accepts an event and queues it for whoever hears it. */
  accept(emitted: Emitted, source: EventSource, periodic?: Extras['periodic']): Receipt {
    const { event, payload, retain, component, causes = [] } = emitted
    this.refuse('emit', event)
    if (component !== undefined) checkComponentName(component)
    checkChain(event, causes, 'emitted')
    this.checkEmitted(event, payload, emitted.to)
    const to = isForAll(emitted.to) ? undefined : emitted.to
    this.activity += 1
    this.seq += 1
    const accepted: Accepted = {
      event,
      payload: JSON.parse(payload ?? 'null'),
      seq: this.seq,
      timestamp: Date.now(),
      source,
      to,
      retain: retain ?? this.isRetained(event),
      extras: {
        ...(periodic && { periodic }),
        ...(component !== undefined && { component }),
        ...(causes.length > 0 && { causes: [...causes] }),
      },
    }
    this.accepted.push(accepted)
    if (accepted.retain) this.retained.set(JSON.stringify([event, to === undefined ? [] : partsOf(to)]), accepted)
    const heard = this.deliver(accepted)
    const told = [...this.listeners].filter((listener) => reaches(accepted, listener))
    const pages = new Set(told.flatMap(({ label }) => (label === null ? [] : [label])))
    for (const listener of told) this.tell(listener, accepted)
    this.callListeners()
    return {
      seq: accepted.seq,
      pages: pages.size + (heard ? 1 : 0),
      listeners: told.filter(({ label }) => label === null).length,
    }
  }

  private checkEmitted(event: string, payload: string | undefined, to: Target | undefined): void {
    checkEventName(event)
    checkOwn(event)
    checkPayload(event, payload)
    if (to !== undefined) this.checkTarget(to)
  }

  private isHeard(event: string, to: Target | undefined): boolean {
    const hears = [...this.listeners].some((listener) => reaches({ event, to }, listener))
    return hears || this.hearing(event, to).length > 0
  }

  /** Hands a listener of the test's the retained events that it hears, as a new subscription gets them. */
  giveRetained(listener: Listener): void {
    for (const event of inOrder(this.retained.values())) {
      if (reaches(event, listener)) this.tell(listener, event, true)
    }
    this.callListeners()
  }

  private tell(listener: Listener, event: Accepted, retained = false): void {
    const received = this.receivedOf(event, retained)
    if (listener.label === null) this.due.push(() => this.call(listener, received))
    else listener.deliver(received)
  }

  private callListeners(): void {
    // What a listener emits is told by the loop that has called it.
    if (this.telling) return
    this.telling = true
    for (let next = this.due.shift(); next; next = this.due.shift()) next()
    this.telling = false
  }

  private call(listener: Listener, received: BusEvent<unknown>): void {
    if (!this.listeners.has(listener)) return
    try {
      reportLater(this.within(null, chainOf(received), () => listener.deliver(received)))
    } catch (error) {
      report(error)
    }
  }

  /** An event as Rust gets it, which emits as Rust. */
  private receivedOf({ event, payload, seq, timestamp, source, extras }: Accepted, retained: boolean): ReceivedEvent {
    const copy: unknown = structuredClone(payload)
    const received = new ReceivedEvent(event, copy, 0, seq, timestamp, source, false, retained, extras)
    const { emit, emitTo } = this.emitterAfter(null, chainOf(received))
    return Object.defineProperties(received, { emit: { value: emit }, emitTo: { value: emitTo } })
  }

  /** Emits as Rust, or as a page that the test plays, what follows from these causes. */
  private emitterAfter(label: Label, causes: readonly string[]): { emit: Emit; emitTo: EmitTo } {
    const send = (to: Target | undefined, name: string, value?: unknown, options?: { retain?: boolean }) =>
      this.emit(label, { event: name, payload: payloadJson(name, value), to, retain: options?.retain, causes })
    type Rest = [unknown?, { retain?: boolean }?]
    const emit: Emit = async (name: string, ...rest: Rest) => send(undefined, name, ...rest)
    const emitTo = async (to: Target, name: string, ...rest: Rest) => send(neededTarget(to), name, ...rest)
    return { emit, emitTo: emitTo as EmitTo }
  }

  /** Loses events of that name: the page is told instead. */
  lose(event: string, count: number, reason: string): Gap {
    checkEventName(event)
    const gap: Gap = { from: this.seq + 1, to: this.seq + count, count, atMost: false, reason }
    this.seq += count
    this.activity += 1
    const ids = this.idsOf(({ hears }) => hears(event))
    if (ids.length > 0) this.push({ ids, gap })
    return gap
  }

  private refuse(command: Refusable, event: string): void {
    for (const refusal of this.refusals) {
      if (refusal.command !== undefined && refusal.command !== command) continue
      if (refusal.matches(event)) throw new EventBusError(refusal.code, refusal.message)
    }
  }

  private checkTarget(target: Target): void {
    partsOf(target)
    for (const label of labelsOf(target)) {
      if (hasWildcard(label) || this.labels.has(label)) continue
      const known = [...this.labels].join('", "')
      throw new EventBusError(
        'unknown_target',
        `no webview has the label "${label}"; there is "${known}". In a test, bus.page("${label}") makes one`,
      )
    }
  }

  private idsOf(picks: (subscription: Subscribed) => boolean): number[] {
    const subscriptions = this.session ? [...this.session.subscriptions] : []
    return subscriptions.filter(([, subscription]) => picks(subscription)).map(([id]) => id)
  }

  /** The subscriptions of the page that hear an event of this name and target. */
  private hearing(event: string, to: Target | undefined): number[] {
    if (!isForPage(to, this.label)) return []
    const isForEach = isForAll(to)
    return this.idsOf(({ hears, narrowed }) => hears(event) && !(narrowed && isForEach))
  }

  /** Queues an event for the page; false if it does not hear it. */
  private deliver(event: Accepted): boolean {
    const ids = this.hearing(event.event, event.to)
    if (ids.length > 0) this.push({ event, ids, extras: event.extras })
    return ids.length > 0
  }

  /** Takes back a question that the page has not been given; false if it has. */
  private withdraw(request: string): boolean {
    const { session } = this
    const isIt = ({ conversing }: Item) => conversing && 'request' in conversing && conversing.request === request
    const item = session?.queue.find(isIt)
    if (!session || !item || item.index <= session.given) return false
    session.queue = session.queue.filter((one) => one !== item)
    for (const later of session.queue) if (later.index > item.index) later.index -= 1
    session.index -= 1
    return true
  }

  private push(item: Omit<Item, 'index'>): void {
    const { session } = this
    if (!session) return
    session.index += 1
    session.queue.push({ ...item, index: session.index })
    this.give(session)
  }

  /** Answers the pull that waits, if there is one and something for it. */
  private give(session: Session): void {
    const { pull, given } = session
    const due = session.queue.filter(({ index }) => index > given)
    if (!pull || (due.length === 0 && isHearing(session))) return
    session.pull = null
    session.given = session.index
    pull(batchOf(due))
  }

  private pull({ session: id, ack, ahead }: Pulling): Promise<Batch> {
    const { session } = this
    if (session?.id !== id) throw new EventBusError('stale_session', 'the session has ended')
    session.queue = session.queue.filter(({ index }) => index > ack)
    return new Promise((resolve) => {
      if (ahead) {
        resolve(batchOf([]))
        return
      }
      session.pull?.(batchOf([]))
      session.given = ack
      session.pull = resolve
      this.give(session)
    })
  }

  /** A command that was sent again is answered as before. */
  private runOnce(command: StateCommand, args: Numbered): unknown {
    const session = this.open(args.session)
    if (args.n !== session.n) {
      session.n = args.n
      session.recorded = this.run(session, command, args)
    }
    return session.recorded
  }

  private open(id: string): Session {
    if (this.session?.id === id) return this.session
    // What the session before was asked, and what it asked, ends with it.
    if (this.session) {
      this.questions.leave(this.label)
      this.questions.join(this.label, this.respondent)
    }
    this.session = {
      id,
      since: Date.now(),
      n: 0,
      recorded: null,
      subscriptions: new Map(),
      names: new Set(),
      asking: new Map(),
      index: 0,
      given: 0,
      queue: [],
      pull: null,
    }
    return this.session
  }

  private run(session: Session, command: StateCommand, args: Record<string, unknown>): unknown {
    const source: EventSource = { kind: 'webview', label: this.label }
    switch (command) {
      case 'emit':
        return (args.events as Emitted[]).map((entry) => resultOf(() => this.accept(entry, source)))
      case 'emit_to':
        return (args.events as Emitted[]).map((entry) => resultOf(() => this.acceptSent(entry, source)))
      case 'subscribe':
        return (args.subscriptions as Subscription[]).map((entry) => resultOf(() => this.subscribe(session, entry)))
      case 'unsubscribe':
        for (const id of args.ids as number[]) session.subscriptions.delete(id)
        this.give(session)
        return null
      case 'respond':
        return (args.responders as { event: string; on: boolean }[]).map((entry) =>
          resultOf(() => this.answers(session, entry)),
        )
      case 'reply':
        return (args.replies as Reply[]).map((entry) => resultOf(() => this.reply(entry)))
      case 'start_periodic':
        return this.jobs.start(args.job as Started)
      case 'stop_periodic':
        this.jobs.stop(args as unknown as Named)
        return null
      case 'pause_periodic':
        return this.jobs.hold(args as unknown as Named, 'paused')
      case 'resume_periodic':
        return this.jobs.hold(args as unknown as Named, 'running')
      case 'update_periodic':
        return this.jobs.update(args as unknown as Named, args.changes as Changes)
      default:
        throw new EventBusError('unavailable', `the test bus does not know the command "${command}"`)
    }
  }

  private answers(session: Session, { event, on }: { event: string; on: boolean }): Record<string, never> {
    if (on) {
      this.checkQuestion('respond', event)
      this.questions.addName(this.label, event)
    } else {
      this.questions.removeName(this.label, event)
      this.give(session)
    }
    return {}
  }

  private subscribe(session: Session, entry: Subscription): { seq: number } {
    const { id, event, target, replay, retained } = entry
    this.refuse('listen', event)
    const hears = hearingOf(event)
    if (target !== undefined) partsOf(target)
    if (!isForPage(target, this.label)) {
      const text = `a page hears only what is sent to itself; this one is in the webview "${this.label}"`
      throw new EventBusError('denied', text)
    }
    const narrowed = !isForAll(target)
    session.subscriptions.set(id, { hears, narrowed })
    const isDue = (before: Accepted) =>
      hears(before.event) && isForPage(before.to, this.label) && !(narrowed && isForAll(before.to))
    const kept = retained === false ? [] : [...this.retained.values()]
    const replayed = replay === false || !this.replays ? [] : this.accepted
    for (const before of inOrder(new Set([...kept, ...replayed]))) {
      if (!isDue(before)) continue
      const isKept = kept.includes(before)
      this.push({
        event: before,
        ids: [id],
        extras: {
          ...before.extras,
          ...(isKept && { retained: true }),
          ...(replayed.includes(before) && { replayed: true }),
        },
      })
    }
    return { seq: this.seq }
  }
}

/** What a name or pattern hears: what the bus itself says only where it begins like that. */
export function hearingOf(pattern: string): (name: string) => boolean {
  const matches = matcherOf(pattern)
  return (name) => matches(name) && (!name.startsWith(OWN_PREFIX) || pattern.startsWith(OWN_PREFIX))
}

function reaches({ event, to }: Pick<Accepted, 'event' | 'to'>, { label, hears, hearsAny }: Listener): boolean {
  return hears(event) && (hearsAny || (label === null ? isForHost(to) : isForPage(to, label)))
}

function checkComponentName(name: string): void {
  const bytes = new TextEncoder().encode(name).length
  const wrong = /[^\p{Alphabetic}\p{Number}\-_.:/]/u.exec(name)
  if (!wrong && bytes >= 1 && bytes <= LONGEST_COMPONENT) return
  const problem = wrong ? `has the character "${wrong[0]}"` : `has ${bytes} bytes`
  throw new EventBusError(
    'invalid_argument',
    `the name of the component "${name}" ${problem}; it has 1 to ${LONGEST_COMPONENT} bytes, of letters, digits and - _ . : / only`,
  )
}

function checkOwn(event: string): void {
  if (!event.startsWith(OWN_PREFIX)) return
  throw new EventBusError('reserved_event_name', `names that begin with ${OWN_PREFIX} are what the bus itself says`)
}

function checkPayload(event: string, payload: string | undefined): void {
  const bytes = payload === undefined ? 0 : new TextEncoder().encode(payload).length
  if (bytes <= LONGEST_PAYLOAD) return
  const text = `the payload of "${event}" has ${bytes} bytes of JSON; the limit is ${LONGEST_PAYLOAD}`
  throw new EventBusError('payload_too_large', text)
}

function checkChain(event: string, causes: readonly string[], what: 'emitted' | 'asked'): void {
  if (causes.length <= MOST_HOPS) return
  throw new EventBusError(
    'event_loop',
    `"${event}" was not ${what}: it follows from more than ${MOST_HOPS} events, the limit of a chain (hops). ` +
      `Where its events cause each other without end, let one of them stop: ${[...causes, event].join(' → ')}`,
  )
}

/** Whether the page may be given something, so that it pulls. */
function isHearing({ subscriptions, names }: Session): boolean {
  return subscriptions.size + names.size > 0
}

function inOrder(events: Iterable<Accepted>): Accepted[] {
  return [...events].sort((a, b) => a.seq - b.seq)
}

function batchOf(items: Item[]): Batch {
  const heads: Head[] = []
  let before = { seq: 0, micros: 0 }
  const written = items.map(({ event, ids, extras, gap, conversing }): Batch['items'][number] => {
    if (conversing) return conversing
    if (!event) return { ...(gap as Gap), subscriptions: ids }
    const source = event.source.kind === 'host' ? 0 : event.source.label
    const head = heads.push([event.event, source, ids]) - 1
    const micros = Math.round(event.timestamp * 1000)
    const differences = [head, event.seq - before.seq, micros - before.micros] as const
    before = { seq: event.seq, micros }
    // What a handler does to its payload reaches nobody else.
    return [...differences, structuredClone(event.payload), extras]
  })
  return { items: written, heads, first: items[0]?.index ?? 0, more: false }
}

function resultOf(run: () => unknown): unknown {
  try {
    return run()
  } catch (error) {
    return { error: errorOf(error) }
  }
}

function refusalOf(run: () => unknown): unknown[] {
  try {
    run()
    return []
  } catch (error) {
    return [errorOf(error)]
  }
}

/** What crosses the boundary has a code and a message, also of what a responder threw, and nothing of a class. */
function errorOf(error: unknown): { code: ErrorCode; message: string; failure?: Failure } {
  const { code, message, cause } = toEventBusError(error)
  if (code !== 'responder_failed' || !(cause instanceof Error)) return { code, message }
  return { code, message, failure: { name: cause.name, message: cause.message, stack: cause.stack ?? '' } }
}
