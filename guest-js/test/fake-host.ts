import { batchOf } from './batches.js'
import { FakeJobs } from './fake-jobs.js'
import {
  bodyOf,
  errorOf,
  type FakeEvent,
  type FakeSession,
  type Held,
  isIdle,
  isOnlyRetained,
  type KeptEvent,
  keepPull,
  keptOf,
  type Marks,
  matches,
  noteItem,
  noteResponse,
  type Queued,
  readEmitted,
  type Sent,
  STALE,
  STATELESS,
  type SubscribeEntry,
} from './fake-session.js'

export { type Held, type Sent, STALE } from './fake-session.js'

/** A small host in memory that speaks the wire protocol and fails on command. */
export class FakeHost {
  /** Everything that arrived, in order. */
  readonly sent: Sent[] = []
  /** Commands whose replies are held back. */
  readonly held: Held[] = []
  /** Which commands to hold back instead of replying. */
  hold: (sent: Sent) => boolean = () => false
  /** What to reject a command with, if anything. */
  refuse: (sent: Sent) => unknown = () => undefined
  /** What to refuse one entry of a batch with, if anything. */
  refuseEntry: (command: string, entry: Record<string, unknown>) => unknown = () => undefined
  /** Whether replies are strings, as where Tauri evaluates them. */
  quotes = false
  session: FakeSession | null = null
  /** How many sessions were opened. */
  opened = 0
  seq = 0
  /** What is kept for a page that is away or starting; `null` once its start-up phase is over. */
  backlog: KeptEvent[] | null = null
  /** The session that the backlog follows on. */
  private before: string | null = null
  /** The sequence number after which the backlog has every event. */
  private completeAfter = 0
  /** The sequence number after which the next page resumes. */
  resumesAfter = 0
  /** The newest event of each name that is retained. */
  readonly retained = new Map<string, FakeEvent>()
  /** After which sequence number a new subscription began, by its id. */
  readonly began = new Map<number, number>()
  /** How many events and other items a batch holds. */
  batch = Number.POSITIVE_INFINITY
  readonly jobs = new FakeJobs()
  pages: unknown[] = []
  /** What the answers to new subscriptions say of a replay. */
  replay: { after: number } | undefined
  /** The tasks that the host lists. */
  tasks: unknown[] = []
  inspection: unknown = { seq: 0, refused: 0, webviews: [], consumers: [], jobs: [] }
  catalog: unknown = { strict: false, events: [], requests: [], streams: [], channels: [], components: [], $defs: {} }
  /** Requests of the page that wait for their responses. */
  readonly requests: Held[] = []
  /** The responses of the page. */
  readonly responses: Record<string, unknown>[] = []
  /** What the page has told of events that are kept until they are consumed, or whose emitters wait. */
  readonly outcomes: Record<string, unknown>[] = []
  readonly broken: string[] = []
  private readonly ended = new Set<string>()
  private readonly pulling = new Map<string, number>()
  stateInFlight = 0

  invoke = (name: string, args: Record<string, unknown>): Promise<unknown> => {
    const command = name.replace('plugin:event-bus|', '')
    // What crosses the boundary is JSON, or a frame.
    const sent: Sent = { command, ...bodyOf(args) }
    this.sent.push(sent)
    const isPull = command === 'pull'
    const isOrdinary = isPull && args.ahead !== true
    const isState = !isPull && !STATELESS.includes(command)
    if (isOrdinary && this.countPull(sent, 1) > 1) this.broken.push('two pulls in flight')
    if (isState && ++this.stateInFlight > 1) this.broken.push('two state-changing commands in flight')
    return new Promise((resolve, reject) => {
      let hasReply = false
      const leave = () => {
        if (hasReply) return
        hasReply = true
        if (isOrdinary) this.countPull(sent, -1)
        if (isState) this.stateInFlight -= 1
      }
      const held: Held = {
        ...sent,
        resolve: (reply) => {
          leave()
          resolve(this.quotes ? [JSON.stringify(reply)] : reply)
        },
        reject: (reason) => {
          leave()
          reject(reason)
        },
      }
      if (this.hold(sent)) this.held.push(held)
      else this.reply(held)
    })
  }

  /** Replies to what was held back, in order. */
  release(): void {
    this.hold = () => false
    for (const held of this.held.splice(0)) this.reply(held)
  }

  /** Replies to one that was held back. */
  replyNow(held: Held | undefined): void {
    if (held) this.reply(held)
  }

  /** How many pulls of the current session wait, without those that read ahead. */
  get pullsInFlight(): number {
    return this.pulling.get(this.session?.id ?? '') ?? 0
  }

  private countPull({ args }: Sent, change: number): number {
    const session = args.session as string
    const count = (this.pulling.get(session) ?? 0) + change
    this.pulling.set(session, count)
    return count
  }

  /** Forgets what is in flight, as when a page is frozen: no reply will ever arrive. */
  loseReplies(): Held[] {
    this.pulling.clear()
    this.stateInFlight = 0
    return this.held.splice(0)
  }

  /** Ends the session and leaves its pull without a reply. */
  endSilently(): void {
    if (this.session) this.session.pull = null
    this.endSession()
  }

  /** Ends the session as the host does when its lease runs out. */
  endSession(): void {
    if (!this.session) return
    this.ended.add(this.session.id)
    const { id, pull, queue } = this.session
    const unacknowledged = queue.flatMap(({ item }) => (Array.isArray(item) ? [keptOf(item)] : []))
    const missed = unacknowledged.filter(({ pendingFor }) => !isOnlyRetained(pendingFor?.marks))
    const oldest = Math.min(...missed.map(({ seq }) => seq), this.seq + 1)
    const unclaimed = (this.backlog ?? []).filter(({ seq }) => seq >= oldest)
    this.resumesAfter = oldest - 1
    this.backlog = [...unacknowledged, ...unclaimed.map((kept) => ({ ...kept, pendingFor: { ids: [], marks: {} } }))]
    this.backlog.sort((a, b) => a.seq - b.seq)
    this.before = id
    this.completeAfter = this.seq
    this.session = null
    pull?.reject(STALE)
  }

  /** Ends the start-up phase: later subscriptions receive nothing of what came before them. */
  endStartUp(): void {
    this.backlog = null
  }

  /** Keeps what comes from now on and nothing of what was kept before, as after another page of the webview. */
  keepFromNow(): void {
    this.backlog = []
    this.before = null
    this.resumesAfter = this.seq
    this.completeAfter = this.seq
  }

  /** Emits from the host to every subscription whose name is equal, or `*`. */
  emit(event: string, payload: unknown = null, extras?: object, retain = false): number {
    this.seq += 1
    const accepted: FakeEvent = { seq: this.seq, event, payload, ...(extras && { extras }) }
    const { session } = this
    const ids = session ? [...session.subscriptions].filter(([, s]) => matches(s, event)).map(([id]) => id) : []
    if (ids.length > 0) this.deliver(accepted, ids)
    this.backlog?.push(accepted)
    if (retain) this.retained.set(event, accepted)
    return this.seq
  }

  private deliver({ seq, event, payload, extras }: FakeEvent, ids: number[], marks?: object): void {
    const item = [0, seq, 1000.25, event, 0, ids.length === 1 ? ids[0] : ids, payload]
    this.push(extras || marks ? [...item, { ...extras, ...marks }] : item)
  }

  /** Queues what these new subscriptions get of what came before them. */
  private deliverEarlier(subscriptions: SubscribeEntry[]): void {
    const due = new Map<string, { event: FakeEvent; marks: Marks; ids: number[] }>()
    for (const subscription of subscriptions) {
      const { id, resume, retained = true } = subscription
      const marked = this.earlierOf(subscription)
      for (const event of retained ? this.retained.values() : []) {
        if (!matches(subscription, event.event) || event.seq <= (resume?.handled ?? 0)) continue
        marked.set(event.seq, { event, marks: { ...marked.get(event.seq)?.marks, retained: true } })
      }
      for (const { event, marks } of marked.values()) {
        const key = `${event.seq} ${Object.keys(marks).sort()}`
        const entry = due.get(key) ?? { event, marks, ids: [] }
        entry.ids.push(id)
        due.set(key, entry)
      }
    }
    const inOrder = [...due.values()].sort((a, b) => a.event.seq - b.event.seq)
    for (const { event, marks, ids } of inOrder) this.deliver(event, ids, marks)
  }

  /** What a new subscription gets of the backlog, by sequence number. */
  private earlierOf(subscription: SubscribeEntry): Map<number, { event: FakeEvent; marks: Marks }> {
    const { id, resume, replay = true } = subscription
    const found = new Map<number, { event: FakeEvent; marks: Marks }>()
    if (resume && this.backlog && this.before === resume.session) {
      for (const { pendingFor, ...event } of this.backlog) {
        if (pendingFor ? !pendingFor.ids.includes(id) : !matches(subscription, event.event)) continue
        if (event.seq <= resume.handled && !isOnlyRetained(pendingFor?.marks)) continue
        found.set(event.seq, { event, marks: pendingFor?.marks.retained ? { retained: true } : { replayed: true } })
      }
      return found
    }
    const complete = this.backlog ? this.completeAfter : this.seq
    if (resume && resume.after < complete) {
      const lost = { from: resume.after + 1, to: complete, count: complete - resume.after, atMost: true }
      this.push({ ...lost, reason: 'session_ended', subscriptions: [id] })
    }
    if (!resume && !replay) return found
    const start = resume ? resume.after : this.resumesAfter
    for (const { pendingFor, ...event } of this.backlog ?? []) {
      if (event.seq <= start || !matches(subscription, event.event) || isOnlyRetained(pendingFor?.marks)) continue
      found.set(event.seq, { event, marks: { replayed: true } })
    }
    return found
  }

  /** Queues a raw item under the next index, and replies a waiting pull. */
  push(item: unknown): void {
    const { session } = this
    if (!session) return
    const index = session.index + 1
    session.index += noteItem(session, item)
    const numbered = Array.isArray(item) ? [index, ...item.slice(1)] : { ...(item as object), index }
    session.queue.push({ index: session.index, item: numbered })
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
    this.give(session, pull)
  }

  /** Replies to a pull with what follows on the reply before. */
  private give(session: FakeSession, pull: Held): void {
    const due = session.queue.filter(({ index }) => index > session.given)
    const given = due.slice(0, this.batch)
    if (given.length > 0) session.given = (given[given.length - 1] as Queued).index
    const items = given.map(({ item }) => item)
    pull.resolve(batchOf(items, due.length > given.length))
  }

  private reply(held: Held): void {
    const refusal = this.refuse(held)
    if (refusal !== undefined) {
      const isError = typeof refusal === 'object' && refusal !== null
      const isCounted =
        isError && refusal !== STALE && !['pull', 'request', 'attach_task', 'tap'].includes(held.command)
      if (isCounted && this.session !== null && this.session.id === held.args.session) this.session.n += 1
      // A session that was not opened is as unknown as one that has ended.
      else if (isCounted) this.ended.add(held.args.session as string)
      held.reject(refusal)
      return
    }
    if (['request', 'attach_task', 'tap'].includes(held.command)) this.acceptRequest(held)
    else if (held.command === 'cancel_request') this.cancelRequests(held)
    else if (held.command === 'catalog') held.resolve(this.catalog)
    else if (held.command === 'inspect') held.resolve(this.inspection)
    else if (held.command === 'compat_report') held.resolve({ notes: [], omitted: 0 })
    else if (held.command === 'list_tasks') held.resolve(this.tasks)
    else if (held.command === 'pages') held.resolve(this.pages)
    else if (held.command === 'list_jobs') held.resolve([...this.jobs.values()])
    else if (held.command === 'pull') this.acceptPull(held)
    else this.runState(held)
  }

  /** A request of the page waits until the test responds. */
  private acceptRequest(held: Held): void {
    const { session: id, id: number } = held.args as { session: string; id: number }
    if (this.ended.has(id)) {
      held.reject(STALE)
      return
    }
    const { sent } = this.open(id)
    if (sent.has(number)) {
      held.reject({ code: 'invalid_argument', message: `the request ${number} was sent before` })
      return
    }
    sent.add(number)
    if (held.args.stream || held.command !== 'request') {
      this.session?.streams.add(number)
      const { channel, stream } = held.args as { channel?: true; stream?: { bytes?: number; parts?: number } }
      const credit = { bytes: 1 << 20, parts: 4_096, ...stream }
      if (channel) this.session?.sending.set(`${number}`, { credit, sizes: [], told: 0 })
      held.resolve(channel ? { credit } : {})
    } else this.requests.push(held)
  }

  /** Cancels requests. The id of one that has not come is used up, unless the session has not begun either. */
  private cancelRequests(held: Held): void {
    const { session: id, ids } = held.args as { session: string; ids: number[] }
    held.resolve(null)
    if (this.session?.id !== id) return
    for (const number of ids) this.session.sent.add(number)
    const cancelled = this.requests.filter(({ args }) => args.session === id && ids.includes(args.id as number))
    for (const { reject } of cancelled) reject({ code: 'cancelled', message: 'cancelled' })
  }

  /** Sends a request to this page. */
  request(request: string, name: string, payload: unknown = null, source: 0 | string = 0): void {
    this.push({ request, name, source, payload })
  }

  private note(session: FakeSession, response: Record<string, unknown>): void {
    ;('seq' in response ? this.outcomes : this.responses).push(response)
    if (response.stop) session.streams.delete(response.stream as number)
    else if (!noteResponse(session, response)) this.broken.push(`part ${response.part} came without credit`)
    this.retire(session)
  }

  /** Replies to the pull of a page that no more items come for. */
  private retire(session: FakeSession): void {
    if (!isIdle(session)) return
    session.pull?.resolve(batchOf([]))
    session.pull = null
  }

  private acceptPull(held: Held): void {
    const { session } = this
    if (!session || session.id !== held.args.session) {
      held.reject(STALE)
      return
    }
    const ack = held.args.ack as number
    const refused: unknown[] = []
    for (const entry of (held.args.carried ?? []) as Record<string, unknown>[]) {
      const error = this.refuseEntry('respond', entry)
      if (error) refused.push(error)
      else this.note(session, entry)
    }
    if (refused.length > 0) {
      held.resolve({ ...batchOf([]), refused })
      return
    }
    if (ack > session.index) this.broken.push(`ack ${ack} was never delivered`)
    session.queue = session.queue.filter(({ index }) => index > ack)
    if (held.args.ahead === true) {
      this.give(session, held)
      return
    }
    session.pull?.resolve(batchOf([]))
    session.given = ack
    const isHeld = !isIdle(session) || session.queue.length > 0
    session.pull = isHeld ? held : null
    if (isHeld) this.wake()
    else held.resolve(batchOf([]))
  }

  /** The session of this id, which takes the place of another one. */
  private open(id: string): FakeSession {
    if (this.session?.id === id) return this.session
    this.endSession()
    this.opened += 1
    this.session = {
      id,
      n: 0,
      command: '',
      recorded: null,
      subscriptions: new Map(),
      responders: new Set(),
      streams: new Set(),
      keepsPull: false,
      sent: new Set(),
      received: new Set(),
      sending: new Map(),
      index: 0,
      queue: [],
      given: 0,
      pull: null,
    }
    return this.session
  }

  private runState(held: Held): void {
    const { session: id, n } = held.args as { session: string; n: number }
    if (this.ended.has(id)) {
      held.reject(STALE)
      return
    }
    if (this.session?.id !== id && n !== 1) this.broken.push(`a session opened with n = ${n}`)
    const session = this.open(id)
    if (n === session.n) {
      if (session.command !== held.command) {
        held.reject({ code: 'invalid_argument', message: `${n} was the number of ${session.command}` })
        return
      }
      held.resolve(session.recorded)
      return
    }
    if (n !== session.n + 1) this.broken.push(`n = ${n} follows ${session.n}`)
    session.n = n
    session.command = held.command
    try {
      session.recorded = this.run(session, held)
      held.resolve(session.recorded)
    } catch (error) {
      held.reject(error)
    }
  }

  private run(session: FakeSession, { command, args }: Sent): unknown {
    switch (command) {
      case 'subscribe': {
        const accepted: SubscribeEntry[] = []
        const replies = (args.subscriptions as SubscribeEntry[]).map((entry) => {
          const error = this.refuseEntry(command, entry as unknown as Record<string, unknown>)
          if (error) return { error }
          if (session.subscriptions.has(entry.id)) this.broken.push(`subscription ${entry.id} twice`)
          session.subscriptions.set(entry.id, { event: entry.event })
          if (!entry.resume) this.began.set(entry.id, this.seq)
          accepted.push(entry)
          return { seq: this.seq, ...(!entry.resume && this.replay) }
        })
        this.deliverEarlier(accepted)
        return replies
      }
      case 'settle':
        this.outcomes.push(...(args.outcomes as Record<string, unknown>[]))
        return (args.outcomes as object[]).map(() => ({}))
      case 'unsubscribe':
        for (const id of args.ids as number[]) session.subscriptions.delete(id)
        this.retire(session)
        return null
      case 'start_task':
      case 'cancel_task':
        return {}
      case 'set_responders':
        return (args.responders as { name: string; on: boolean }[]).map((entry) => {
          const error = this.refuseEntry(command, entry)
          if (error) return { error }
          if (entry.on && session.responders.has(entry.name)) this.broken.push(`responder ${entry.name} twice`)
          if (entry.on) session.responders.add(entry.name)
          else session.responders.delete(entry.name)
          this.retire(session)
          return {}
        })
      case 'respond':
        return (args.responses as Record<string, unknown>[]).map((entry) => {
          const error = this.refuseEntry(command, entry)
          if (!error) this.note(session, entry)
          return errorOf(error)
        })
      case 'emit':
      case 'emit_to':
        return (args.events as Record<string, unknown>[]).map((entry) => {
          const error = this.refuseEntry(command, entry)
          if (error) return { error }
          if (entry.will) return keepPull(session)
          if (entry.outcome) keepPull(session)
          const { payload, extras } = readEmitted(entry)
          const seq = this.emit(entry.event as string, payload, extras, entry.retain === true)
          return { seq, pages: 1, listeners: 0 }
        })
      case 'clear_retained': {
        const found = [...this.retained.keys()].filter((event) => matches({ event: args.event as string }, event))
        return { cleared: found.filter((event) => this.retained.delete(event)).length }
      }
      case 'page':
        return null
      case 'presence':
        session.keepsPull = true
        return (args.changes as Record<string, unknown>[]).map((entry) => errorOf(this.refuseEntry(command, entry)))
      default:
        return this.jobs.run(command, args)
    }
  }
}
