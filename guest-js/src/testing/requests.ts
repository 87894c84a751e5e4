import type { PulledEnding, PulledQuestion } from '../core/batch.js'
import { EventBusError, toEventBusError } from '../core/error.js'
import { type Asked, type Failure, Responders } from '../core/requests/responders.js'

/** How long a question waits for its answer unless it says otherwise, in milliseconds, as with the host. */
const USUAL_TIMEOUT = 30_000

/** The longest that a question may wait, in milliseconds. */
const LONGEST_TIMEOUT = 86_400_000

/** Who asks or answers: the page of this label, or Rust. */
export type Label = string | null

/** What a page, or Rust, is told of questions. */
export interface Respondent {
  /** The names that it answers. */
  readonly names: Set<string>
  /** How many milliseconds a question waits for its responder: a page that is starting may have it soon. */
  readonly grace: number
  /** Takes a question, or the word that nobody waits for an answer any more. */
  take(item: PulledQuestion | PulledEnding): void
  /** Takes back a question that has not been handed out; false if it has. */
  withdraw(request: string): boolean
}

/** Something to be asked. The payload is JSON; none is `null`. */
export interface Question {
  event: string
  to: Label
  payload: string | undefined
  asker: Label
  causes: readonly string[]
  timeoutMs?: number | undefined
  /** Gives it up when it aborts. */
  signal?: AbortSignal | undefined
}

/** An answer as its page sends it. */
export interface Reply {
  request: string
  payload?: string
  failure?: Failure
  declined?: boolean
}

interface Open extends Question {
  /** Whether its responder has been found. */
  isHandedOver: boolean
  readonly timers: ReturnType<typeof setTimeout>[]
  abort(): void
  readonly answer: Promise<unknown>
  resolve(answer: unknown): void
  reject(error: EventBusError): void
}

/** The questions of an app: of the page under test, and of those whom a test plays. */
export class TestQuestions {
  private readonly open = new Map<string, Open>()
  private readonly respondents = new Map<Label, Respondent>()
  private newest = 0

  /** `check` refuses payloads that are too long; `changed` is called whenever something happens. */
  constructor(
    private readonly check: (event: string, payload: string | undefined) => void,
    private readonly changed: () => void,
  ) {}

  /** A page is there from now on, or Rust. */
  join(label: Label, respondent: Respondent): void {
    this.respondents.set(label, respondent)
  }

  /** A page is gone, and with it what it was asked and what it asked. */
  leave(label: Label): void {
    this.respondents.delete(label)
    for (const [request, { to, asker, event }] of [...this.open]) {
      if (to === label) {
        const text = `${whom(label)} was closed, left or reloaded before it answered "${event}"`
        this.close(request)?.reject(new EventBusError('page_gone', text))
      } else if (asker === label) this.giveUp(request)
    }
  }

  /** Ends everything. What still waits for an answer need not look at how its question ended. */
  end(label: Label): void {
    for (const { answer } of this.open.values()) answer.catch(() => {})
    this.leave(label)
    for (const request of [...this.open.keys()]) this.giveUp(request)
  }

  /** The names that are answered there. */
  namesOf(label: Label): ReadonlySet<string> {
    return this.respondents.get(label)?.names ?? new Set()
  }

  /** Answers questions of this name from now on, those included that wait for it. */
  addName(label: Label, name: string): void {
    const respondent = this.respondents.get(label)
    if (respondent?.names.has(name)) {
      const text = `${whom(label)} answers "${name}" already; a name has one responder there, so end that one first`
      throw new EventBusError('duplicate_responder', text)
    }
    respondent?.names.add(name)
    for (const [request, open] of this.open) {
      if (open.to === label && open.event === name && !open.isHandedOver) this.handOver(request, open)
    }
  }

  /** Answers questions of this name no more. Those that were handed out may still be answered. */
  removeName(label: Label, name: string): void {
    const respondent = this.respondents.get(label)
    if (!respondent?.names.delete(name)) return
    for (const [request, { to, event }] of [...this.open]) {
      if (to !== label || event !== name || !respondent.withdraw(request)) continue
      this.close(request)?.reject(noResponder(label, name))
    }
  }

  /** Asks, and says under which number. */
  ask(question: Question): { request: string; answer: Promise<unknown> } {
    const { event, to, payload, signal } = question
    const timeoutMs = question.timeoutMs ?? USUAL_TIMEOUT
    if (!(timeoutMs >= 1 && timeoutMs <= LONGEST_TIMEOUT)) {
      const text = `timeoutMs is ${timeoutMs}; it is at least 1 and at most ${LONGEST_TIMEOUT}`
      throw new EventBusError('invalid_argument', text)
    }
    this.check(event, payload)
    if (signal?.aborted) throw givenUp(signal)
    const isAnswered = this.namesOf(to).has(event)
    const grace = this.respondents.get(to)?.grace ?? 0
    if (!isAnswered && grace <= 0) throw noResponder(to, event)
    this.newest += 1
    const request = this.newest.toString(16).padStart(32, '0')
    const settle: Pick<Open, 'resolve' | 'reject'> = { resolve: () => {}, reject: () => {} }
    const answer = new Promise((resolve, reject) => Object.assign(settle, { resolve, reject }))
    const abort = () => this.stop(request, givenUp(signal))
    const open: Open = { ...question, ...settle, isHandedOver: false, timers: [], abort, answer }
    this.open.set(request, open)
    signal?.addEventListener('abort', abort)
    this.changed()
    const late = new EventBusError('timeout', `"${event}" was not answered within ${timeoutMs} ms`)
    open.timers.push(setTimeout(() => this.stop(request, late), timeoutMs))
    if (isAnswered) this.handOver(request, open)
    else {
      const missing = () => open.isHandedOver || this.close(request)?.reject(noResponder(to, event))
      open.timers.push(setTimeout(missing, grace))
    }
    return { request, answer }
  }

  /** Whoever asked does not want to know any more. */
  giveUp(request: string): void {
    this.stop(request, givenUp())
  }

  /** Takes an answer. What this page was not asked, or what has ended, is refused. */
  reply(label: Label, { request, payload, failure, declined }: Reply): void {
    const asked = this.open.get(request)
    if (asked?.to !== label || !asked.isHandedOver) {
      const text = `this page was not asked ${request}, or it has answered that already, or whoever asked has given it up`
      throw new EventBusError('not_asked', text)
    }
    const { event, resolve, reject } = asked
    this.close(request)
    if (declined) reject(noResponder(label, event))
    else if (failure) reject(failed(label, event, failure))
    else {
      try {
        this.check(event, payload)
      } catch (error) {
        // Whoever asked would else wait for its time to be over.
        reject(toEventBusError(error))
        throw error
      }
      resolve(JSON.parse(payload ?? 'null'))
    }
  }

  private handOver(request: string, open: Open): void {
    const { event, asker, payload, causes } = open
    open.isHandedOver = true
    this.respondents.get(open.to)?.take({
      request,
      event,
      source: asker ?? 0,
      payload: JSON.parse(payload ?? 'null'),
      ...(causes.length > 0 && { causes }),
    })
  }

  /** Ends a question, and tells its responder that nobody waits any more. What it has not been given it is not given. */
  private stop(request: string, error: EventBusError): void {
    const open = this.close(request)
    if (!open) return
    const respondent = this.respondents.get(open.to)
    if (open.isHandedOver && !respondent?.withdraw(request)) respondent?.take({ ended: request, code: error.code })
    open.reject(error)
  }

  private close(request: string): Open | undefined {
    const open = this.open.get(request)
    this.open.delete(request)
    this.changed()
    if (!open) return undefined
    for (const timer of open.timers) clearTimeout(timer)
    open.signal?.removeEventListener('abort', open.abort)
    return open
  }
}

/** Whoever answers what a test plays: a page, or Rust. It does so by what real pages answer with. */
export class PlayedRespondent implements Respondent {
  readonly names = new Set<string>()
  readonly grace = 0
  private isClosed = false
  private readonly responders = new Responders(
    {
      push: (command, { value, resolve, reject }) => this.run(command, value, resolve, reject),
      withdraw: () => false,
      renewLater: () => {},
    },
    () => {},
  )

  constructor(
    private readonly label: Label,
    private readonly questions: TestQuestions,
  ) {
    questions.join(label, this)
  }

  /** Answers questions of this name. Returns what ends it. */
  respond(event: string, name: string, answer: (question: unknown, asked: Asked) => unknown): () => void {
    let refused: EventBusError | undefined
    const ended = (error?: EventBusError) => {
      refused = error
    }
    const off = this.responders.add({ event, name, stack: false, answer, accepted: () => {}, ended })
    if (refused) throw refused
    return off
  }

  /** Nothing of it reaches anybody any more, nor what comes later under its label. */
  close(): void {
    this.isClosed = true
    // So that what it is at ends, too.
    this.responders.respondAgain()
  }

  take(item: PulledQuestion | PulledEnding): void {
    // A question takes its way, so whoever asks has gone on by then.
    void Promise.resolve().then(() => {
      if (this.isClosed) return
      if ('ended' in item) return this.responders.stop(item)
      const { source } = item
      this.responders.ask(item, source === 0 ? { kind: 'host' } : { kind: 'webview', label: source })
    })
  }

  withdraw(): boolean {
    return false
  }

  private run(
    command: string,
    value: unknown,
    resolve: (answer: unknown) => void,
    reject: (error: EventBusError) => void,
  ): void {
    if (this.isClosed) return
    try {
      if (command === 'reply') this.questions.reply(this.label, value as Reply)
      else {
        const { event, on } = value as { event: string; on: boolean }
        if (on) this.questions.addName(this.label, event)
        else this.questions.removeName(this.label, event)
      }
      resolve({})
    } catch (error) {
      reject(toEventBusError(error))
    }
  }
}

function whom(label: Label): string {
  return label === null ? 'Rust' : `the page in "${label}"`
}

function givenUp(signal?: AbortSignal): EventBusError {
  return new EventBusError('cancelled', 'whoever asked has given it up', { cause: signal?.reason })
}

function noResponder(label: Label, event: string): EventBusError {
  const help = 'register one with respond(…), which the test bus has, too, for whom the test plays'
  return new EventBusError('no_responder', `${whom(label)} has no responder for "${event}"; ${help}`)
}

function failed(label: Label, event: string, failure: Failure): EventBusError {
  const who = label === null ? 'Rust' : `"${label}"`
  const message = `the responder of "${event}" in ${who} failed: ${failure.name}: ${failure.message}`
  return toEventBusError({ code: 'responder_failed', message, failure })
}
