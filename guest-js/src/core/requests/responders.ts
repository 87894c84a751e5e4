import { type EventSource, payloadJson } from '../../types/event.js'
import type { PulledEnding, PulledQuestion } from '../batch.js'
import type { CommandQueue, Entry, Renewal } from '../commands.js'
import { EventBusError, report, toEventBusError } from '../error.js'
import { chainOf } from '../realm.js'

/** Who answers questions of one name. */
export interface Answerer {
  readonly event: string
  /** What people would call it, for messages. */
  readonly name: string
  /** Whether whoever asks is told the stack of what it throws. */
  readonly stack: boolean
  /** Answers; may throw or return a promise. */
  answer(question: unknown, asked: Asked): unknown
  /** The host has accepted it. */
  accepted(): void
  /** It answers nothing any more. `error` tells why, unless the page ended it. */
  ended(error?: EventBusError): void
}

/** What a responder learns of a question beside the question itself. */
export interface Asked {
  readonly source: EventSource
  readonly signal: AbortSignal
  /** The names of what caused the question, oldest first, and at last its own. */
  readonly chain: string[]
}

interface Registered {
  readonly answerer: Answerer
  /** The call that registers, until it is answered. */
  call: Entry | null
}

/** The responders of a page, and the questions that they are at. */
export class Responders {
  private readonly registered = new Map<string, Registered>()
  private readonly running = new Map<string, AbortController>()
  /** Answers that have not left. The next pull takes them along, if one is sent before the microtasks are through. */
  private outgoing: Reply[] = []
  private pulling = false

  /** `changed` is called when there is something to pull for. */
  constructor(
    private readonly queue: Pick<CommandQueue, 'push' | 'withdraw' | 'renewLater'>,
    private readonly changed: () => void,
  ) {}

  /** Whether the host knows of any, so that questions may come, or one may end that is being answered. */
  get listening(): boolean {
    for (const { call } of this.registered.values()) if (call === null) return true
    return this.running.size > 0
  }

  add(answerer: Answerer): () => void {
    const { event } = answerer
    const first = this.registered.get(event)
    if (first) {
      throw new EventBusError(
        'duplicate_responder',
        `"${event}" is answered in this page already, by ${first.answerer.name}: end that one first`,
      )
    }
    const registered: Registered = { answerer, call: null }
    registered.call = this.call(registered)
    this.registered.set(event, registered)
    this.queue.push('respond', registered.call)
    return () => this.end(registered)
  }

  private call(registered: Registered): Entry {
    return {
      value: { event: registered.answerer.event, on: true },
      size: 0,
      resolve: () => {
        if (!this.isThere(registered)) return
        if (registered.call) {
          registered.call = null
          registered.answerer.accepted()
        }
        this.changed()
      },
      reject: (error) => {
        if (!this.isThere(registered)) return
        if (!registered.call && error.code === 'rate_limited') {
          this.queue.renewLater(this.renewal(registered), () => this.isThere(registered), error.retryAfterMs)
          return
        }
        // Its promise was kept long ago, so nobody else hears of an acceptance that the host took back.
        if (!registered.call) report(error)
        this.registered.delete(registered.answerer.event)
        registered.answerer.ended(error)
      },
    }
  }

  private isThere(registered: Registered): boolean {
    return this.registered.get(registered.answerer.event) === registered
  }

  private end(registered: Registered): void {
    if (!this.isThere(registered)) return
    const { event } = registered.answerer
    this.registered.delete(event)
    if (!(registered.call && this.queue.withdraw(registered.call))) this.endAtHost(event)
    registered.answerer.ended()
  }

  /** Whatever the host answers, the responder has ended here, and what is still asked of it is declined. */
  private endAtHost(event: string): void {
    this.queue.push('respond', { value: { event, on: false }, size: 0, resolve: () => {}, reject: () => {} })
  }

  /** This page may not pull, so no question will come. */
  lose(error: EventBusError): void {
    for (const [event, registered] of [...this.registered]) {
      if (registered.call) continue
      this.registered.delete(event)
      this.endAtHost(event)
      registered.answerer.ended(error)
    }
  }

  /** The calls with which a new session begins. What the one before was asked, nobody waits for any more. */
  respondAgain(): Renewal[] {
    for (const controller of this.running.values()) {
      controller.abort(new EventBusError('stale_session', 'the session in which this was asked has ended'))
    }
    this.running.clear()
    const accepted = [...this.registered.values()].filter(({ call }) => call === null)
    return accepted.map((registered) => this.renewal(registered))
  }

  private renewal(registered: Registered): Renewal {
    return { command: 'respond', entry: this.call(registered) }
  }

  /** Answers a question as soon as its responder has. */
  ask(question: PulledQuestion, source: EventSource): void {
    const { request, event, payload } = question
    const answerer = this.registered.get(event)?.answerer
    if (!answerer) {
      this.reply({ request, declined: true }, 0)
      return
    }
    const controller = new AbortController()
    this.running.set(request, controller)
    // What a responder answers or throws after nobody waits any more is passed over.
    const finish = (settle: () => void) => {
      if (this.running.get(request) !== controller) return
      this.running.delete(request)
      settle()
    }
    const answered = (answer: unknown) => finish(() => this.replyWith(request, event, answer))
    const failed = (reason: unknown) => finish(() => this.fail(request, answerer, reason))
    try {
      const answer = answerer.answer(payload, { source, signal: controller.signal, chain: chainOf(question) })
      if (isThenable(answer)) Promise.resolve(answer).then(answered, failed)
      else answered(answer)
    } catch (reason) {
      failed(reason)
    }
  }

  /** Tells a responder that nobody waits any more. */
  stop({ ended, code }: PulledEnding): void {
    const controller = this.running.get(ended)
    if (!controller) return
    this.running.delete(ended)
    const message = code === 'timeout' ? 'the time for this answer is over' : 'whoever asked has given it up'
    controller.abort(toEventBusError({ code, message }))
  }

  private replyWith(request: string, event: string, answer: unknown): void {
    let payload: string | undefined
    try {
      payload = payloadJson(event, answer)
    } catch (reason) {
      // Whoever asked is told, and so is this page, whose mistake it is.
      report(reason)
      this.reply({ request, failure: failureOf(reason, false) }, 0)
      return
    }
    this.reply({ request, ...(payload !== undefined && { payload }) }, payload?.length ?? 0)
  }

  private fail(request: string, answerer: Answerer, reason: unknown): void {
    this.reply({ request, failure: failureOf(reason, answerer.stack) }, 0)
  }

  private reply(value: object, size: number): void {
    this.outgoing.push({ value, size })
    if (!this.pulling) this.flush()
  }

  /** A pull is about to be sent, so answers need no command of their own. */
  hold(): void {
    this.pulling = true
  }

  /** Whether a pull that is sent in a moment may find more answers than there are now. */
  get unsettled(): boolean {
    return this.running.size > 0
  }

  /** Takes what a pull may carry; the host reads that where other pages wait. */
  take(): object[] {
    let size = 0
    const fitting = this.outgoing.findIndex((reply, index) => {
      size += reply.size
      return index >= CARRIED || size > CARRIED_CHARACTERS
    })
    return this.outgoing.splice(0, fitting < 0 ? CARRIED : fitting).map(({ value }) => value)
  }

  /** Sends what no pull has taken. */
  flush(): void {
    this.pulling = false
    for (const { value, size } of this.outgoing.splice(0)) {
      this.queue.push('reply', { value, size, resolve: () => {}, reject: reportUnlessGone })
    }
  }

  /** The pull that carried these has failed. The host may have them, and then it has no use for them twice. */
  sendAgain(replies: readonly object[]): void {
    const reject = (error: EventBusError) => error.code === 'not_asked' || reportUnlessGone(error)
    for (const value of replies) this.queue.push('reply', { value, size: 0, resolve: () => {}, reject })
  }
}

interface Reply {
  readonly value: object
  readonly size: number
}

/** How many answers a pull carries, and how many characters of them. */
const CARRIED = 256
const CARRIED_CHARACTERS = 65_536

/** A question that ended while its answer was on the way is nobody's mistake, but is told. */
function reportUnlessGone(error: EventBusError): void {
  if (error.code !== 'stale_session') report(error)
}

/** What was thrown, as it travels. */
export interface Failure {
  readonly name: string
  readonly message: string
  readonly stack?: string
}

function failureOf(reason: unknown, withStack: boolean): Failure {
  try {
    if (typeof reason !== 'object' || reason === null) return { name: 'Error', message: String(reason) }
    const { name, message, stack } = reason as { name?: unknown; message?: unknown; stack?: unknown }
    return {
      name: typeof name === 'string' ? name : 'Error',
      message: typeof message === 'string' ? message : 'it threw an object without a message',
      ...(withStack && typeof stack === 'string' && { stack }),
    }
  } catch {
    // A getter or a proxy may throw in its turn.
    return { name: 'Error', message: 'it threw what cannot be read' }
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}
