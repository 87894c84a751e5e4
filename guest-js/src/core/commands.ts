import { invoke } from '@tauri-apps/api/core'
import { bodyOf } from './bytes.js'
import { EventBusError, isErrorObject, toEventBusError } from './error.js'
import { watchFirstReply } from './first-reply.js'
import { isMocked, MOCKED } from './page.js'
import { readReply } from './replies.js'
import { currentWay } from './transport.js'

/** Every command of the plugin. A test of the crate compares this list with its own. */
export const COMMANDS = [
  'emit',
  'emit_to',
  'clear_retained',
  'subscribe',
  'unsubscribe',
  'settle',
  'pull',
  'start_job',
  'stop_job',
  'pause_job',
  'resume_job',
  'update_job',
  'list_jobs',
  'start_task',
  'attach_task',
  'cancel_task',
  'list_tasks',
  'request',
  'cancel_request',
  'set_responders',
  'respond',
  'pages',
  'page',
  'presence',
  'catalog',
  'inspect',
  'compat_report',
  'tap',
] as const

/** A command of the plugin. */
export type Command = (typeof COMMANDS)[number]

/** A command that changes state: it carries the session and its number. */
export type StateCommand = Exclude<
  Command,
  | 'pull'
  | 'list_jobs'
  | 'attach_task'
  | 'list_tasks'
  | 'request'
  | 'cancel_request'
  | 'pages'
  | 'catalog'
  | 'inspect'
  | 'compat_report'
  | 'tap'
>

/** The argument in which a command takes several calls; the others take one object of arguments. */
const BATCHED: Partial<Record<StateCommand, string>> = {
  emit: 'events',
  emit_to: 'events',
  subscribe: 'subscriptions',
  unsubscribe: 'ids',
  settle: 'outcomes',
  set_responders: 'responders',
  respond: 'responses',
  presence: 'changes',
}

/** How many calls one command carries, and how many characters of payloads. */
const MAX_CALLS = 1_024
const MAX_CHARACTERS = 1_048_576

/** How many sessions in a row may turn out stale before calls are rejected. */
export const MAX_RENEWALS = 3

/** How long to wait before the next attempt, in milliseconds, where the host does not say. */
export const RETRY_AFTER_MS = 1_000

/** One call that waits for its turn in a command. */
export interface Call {
  /** What is sent. */
  value: unknown
  /** The length of its payload, in characters. */
  size: number
  /** `session` is the one in which the host ran it. The page may be in another one by now. */
  resolve(reply: unknown, session: string): void
  reject(error: EventBusError): void
  /** Whether it means nothing in another session. */
  readonly isPassing?: boolean
}

/** A command that registers something, which a new session repeats. */
export type RegisteringCommand = 'subscribe' | 'set_responders'

/** What they change lasts as long as a session, so another one may repeat them whether or not they have run. */
const REPEATABLE: ReadonlySet<StateCommand> = new Set(['subscribe', 'unsubscribe', 'set_responders', 'presence'])

/** A call that a new session repeats from the one before. */
export interface Renewal {
  readonly command: RegisteringCommand
  readonly call: Call
}

/** Calls that travel together. */
interface Bundle {
  command: StateCommand
  calls: Call[]
  /** At least as many characters as the payloads of its calls have. */
  size: number
  /** Whether it repeats, in a new session, what an earlier one had accepted. */
  isRenewal: boolean
  /** How often it has been repeated since it may or may not have run. */
  repeats?: number
}

/** A command in flight. A bundle that is sent again in the next session has another one. */
interface InFlight {
  readonly bundle: Bundle
  readonly session: string
  readonly n: number
  readonly opening: Opening
}

/** What is known of a session's first command, which opens it. */
interface Opening {
  hasReply: boolean
}

/** Runs a command of the plugin. `read` reads a reply that comes as text. */
export async function run(
  command: Command,
  args: Record<string, unknown>,
  read?: (text: string) => unknown,
): Promise<unknown> {
  const transport = currentWay()?.transport
  if (transport) return transport(command, args)
  // These two wait for something that may never come.
  const isHeld = command === 'request' || command === 'pull'
  const replied = isHeld ? undefined : watchFirstReply(command)
  try {
    const body = bodyOf(args)
    const reply = await invoke(
      `plugin:event-bus|${command}`,
      body instanceof Promise ? await body.catch(refuseBlob) : body,
    )
    // A reply of the host is JSON, which has no `undefined`.
    if (reply === undefined && isMocked()) throw new EventBusError('unavailable', MOCKED)
    return readReply(reply, read)
  } finally {
    replied?.()
  }
}

function refuseBlob(cause: unknown): never {
  const text = `a Blob in a payload cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`
  throw new EventBusError('invalid_payload', text, { cause })
}

/** 128 random bits as 32 lower-case hexadecimal digits. */
function newSession(): string {
  let id = ''
  for (const byte of crypto.getRandomValues(new Uint8Array(16))) id += byte.toString(16).padStart(2, '0')
  return id
}

/**
 * The outgoing commands of one session. One is in flight, until the page is left. Calls that gather meanwhile join their
 * neighbor of the same kind, so the host runs them in the order in which the page made them.
 */
export interface CommandQueue {
  /** The id of the session that the next command belongs to. */
  readonly session: string
  /** Whether the session has ended and the next command opens another. */
  readonly isExpired: boolean
  /** Whether sessions keep turning out stale, so that renewing at once would be a tight loop. */
  isUnsettled(): boolean
  /** Notes that the session works. */
  settle(): void
  /** Queues a call and resolves to its reply. `size` is the length of its payload, in characters. */
  send(command: StateCommand, value: unknown, size?: number): Promise<unknown>
  /** Queues a call at the end, in the last command if that is of its kind. */
  push(command: StateCommand, call: Call): void
  /** Queues a renewal that the host has rate limited, unless it is no longer wanted or another session began with it. */
  renewLater(renewal: Renewal, isWanted: () => boolean, wait?: number): void
  /** Takes a call back; false if it was sent already. */
  withdraw(call: Call): boolean
  /** Notes that the session has ended: the next command opens another. */
  expire(): void
  /** Notes that the session has ended, and waits until another one has replaced it. */
  renewed(): Promise<void>
  /** The page is left: sends what waits at once, and from then on every command without waiting for the one before. */
  leave(): void
  /** The page is back: sends the newest command in flight again, under its number. The host runs it once. */
  repeat(): void
}

/** `renewSession` is called when a new session replaces a stale one. It returns the calls that begin it. */
export function createCommandQueue(renewSession: () => Renewal[]): CommandQueue {
  let session = newSession()
  let isExpired = false
  let n = 1
  let opening: Opening = { hasReply: false }
  let renewals = 0
  let waiting: Bundle[] = []
  const inFlight = new Set<InFlight>()
  let isLeaving = false
  let isScheduled = false
  /** Whether the host lets this page open no session yet. */
  let isHeld = false
  const waitingForRenewal: (() => void)[] = []

  const isUnsettled = () => renewals >= MAX_RENEWALS

  /** Waits for the end of the microtask, so that calls made together travel together. */
  const schedule = () => {
    if (isScheduled) return
    isScheduled = true
    // Fake timers may hold queueMicrotask up.
    void Promise.resolve().then(() => {
      isScheduled = false
      drain()
    })
  }

  const drain = () => {
    while (isLeaving || (inFlight.size === 0 && !isHeld)) {
      if (isExpired) renew()
      const bundle = waiting.shift()
      if (!bundle) return
      const sending = { bundle, session, n, opening }
      n += 1
      inFlight.add(sending)
      void transmit(sending)
    }
  }

  const renew = () => {
    isExpired = false
    renewals += 1
    session = newSession()
    n = 1
    opening = { hasReply: false }
    for (const resolve of waitingForRenewal.splice(0)) resolve()
    const begin: Bundle[] = []
    for (const { command, call } of renewSession()) {
      const last = begin[begin.length - 1]
      if (last?.command === command && last.calls.length < MAX_CALLS) last.calls.push(call)
      else begin.push({ command, calls: [call], size: 0, isRenewal: true })
    }
    const remaining: Bundle[] = []
    for (const bundle of waiting) {
      if (bundle.isRenewal) continue
      if (bundle.command !== 'respond') remaining.push(...lastingOf(bundle))
      // The callers of an earlier session no longer wait for responses, but who responds may wait.
      else for (const call of bundle.calls) call.reject(new EventBusError('stale_session', 'its caller is gone'))
    }
    waiting = [...begin, ...remaining]
  }

  const transmit = async (sending: InFlight) => {
    const { bundle, session, n } = sending
    let settle: () => void
    let hasReply = true
    try {
      const reply = await run(bundle.command, { session, n, ...argumentsOf(bundle) })
      settle = () => succeed(sending, reply)
    } catch (reason) {
      settle = () => fail(sending, reason)
      hasReply = !isUncertain(reason)
    }
    // A command that was sent again gets two replies.
    if (!inFlight.delete(sending)) return
    if (n === 1) sending.opening.hasReply = hasReply
    settle()
    drain()
  }

  const succeed = (sending: InFlight, reply: unknown) => {
    const { bundle } = sending
    const { command, calls } = bundle
    if (!BATCHED[command] || command === 'unsubscribe') {
      if (!bundle.isRenewal) renewals = 0
      for (const call of calls) call.resolve(reply, sending.session)
      return
    }
    const results = Array.isArray(reply) ? reply : []
    const stale: [Call, EventBusError][] = []
    for (const [index, call] of calls.entries()) {
      const result: unknown = results[index]
      if (typeof result !== 'object' || result === null) {
        const got = `${results.length} results for ${calls.length} entries`
        const reason = isMocked() ? MOCKED : `"${command}" got a reply with ${got}`
        call.reject(new EventBusError('unavailable', reason))
      } else if ('error' in result) {
        const error = toEventBusError(result.error)
        if (error.code === 'stale_session') stale.push([call, error])
        else call.reject(error)
      } else call.resolve(result, sending.session)
    }
    if (stale.length > 0) retry(sending, stale)
    else if (!bundle.isRenewal) renewals = 0
  }

  /** The session ended while the host ran a bundle, so these calls of it had no effect. */
  const retry = ({ bundle, session: ended }: InFlight, stale: [Call, EventBusError][]) => {
    if (ended === session) isExpired = true
    if (isUnsettled()) {
      for (const [call, error] of stale) call.reject(error)
      return
    }
    // The next session drops renewals that wait, since it makes its own.
    waiting.unshift(...lastingOf({ ...bundle, calls: stale.map(([call]) => call) }))
  }

  const fail = (sending: InFlight, reason: unknown) => {
    const { bundle } = sending
    const { calls } = bundle
    const isCurrent = sending.session === session
    const error = toEventBusError(reason, bundle.command)
    if (typeof reason === 'string') {
      // Bare strings come from Tauri: the command never reached the plugin, so its number is used again.
      if (isCurrent && n === sending.n + 1) n -= 1
      if (error.code === 'invalid_argument' && calls.length > 1) {
        // The parser refuses a whole command for one malformed call. Sent alone, each call is judged by itself.
        waiting.unshift(...calls.map((call) => ({ ...bundle, calls: [call] })))
        return
      }
    } else if (reason instanceof EventBusError) {
      // It was not sent.
      if (isCurrent && n === sending.n + 1) n -= 1
    } else if (isUncertain(reason)) {
      // It may or may not have run, so neither its number nor the next one can be used.
      const isRepeated = !isUnsettled()
      if (isCurrent) isExpired = true
      // The next session subscribes again anyway.
      if (isRepeated && bundle.isRenewal) return
      // Anything else might happen twice.
      const { repeats = 0 } = bundle
      if (isRepeated && REPEATABLE.has(bundle.command) && repeats < MAX_RENEWALS) {
        waiting.unshift({ ...bundle, repeats: repeats + 1 })
        return
      }
    } else if (error.code === 'rate_limited' && sending.n === 1) {
      // The host has opened no session. What waits belongs to the next one, which the host will let this page open later.
      if (isCurrent) holdSession(error.retryAfterMs)
      // The next session subscribes again anyway.
      if (bundle.isRenewal) return
    } else if (error.code === 'stale_session') {
      const isRepeated = !isUnsettled()
      if (isCurrent) isExpired = true
      if (mayStillRun(sending)) {
        const text = `"${bundle.command}" may or may not have run: the page was left before the reply to its first command came`
        for (const call of calls) call.reject(new EventBusError('unavailable', text))
        return
      }
      // The next session drops renewals that wait, since it makes its own.
      if (isRepeated) {
        waiting.unshift(...lastingOf(bundle))
        return
      }
    }
    for (const call of calls) call.reject(error)
  }

  const holdSession = (wait = RETRY_AFTER_MS) => {
    isExpired = true
    isHeld = true
    // It was no session that turned out stale.
    if (renewals > 0) renewals -= 1
    setTimeout(() => {
      isHeld = false
      drain()
    }, wait)
  }

  const push = (command: StateCommand, call: Call) => {
    const last = waiting[waiting.length - 1]
    if (last && fits(last, command, call)) {
      last.calls.push(call)
      last.size += call.size
    } else {
      waiting.push({ command, calls: [call], size: call.size, isRenewal: false })
    }
    schedule()
  }

  const expire = () => {
    isExpired = true
    drain()
  }

  return {
    get session() {
      return session
    },
    get isExpired() {
      return isExpired
    },
    isUnsettled,
    settle() {
      renewals = 0
    },
    push,
    send: (command, value, size = 0) =>
      new Promise((resolve, reject) => push(command, { value, size, resolve, reject })),
    renewLater({ command, call }, isWanted, wait = RETRY_AFTER_MS) {
      const limited = session
      setTimeout(() => {
        if (session !== limited || isExpired || !isWanted()) return
        waiting.push({ command, calls: [call], size: 0, isRenewal: true })
        schedule()
      }, wait)
    },
    withdraw(call) {
      for (const [index, bundle] of waiting.entries()) {
        const position = bundle.calls.indexOf(call)
        if (position < 0) continue
        bundle.calls.splice(position, 1)
        bundle.size -= call.size
        if (bundle.calls.length === 0) waiting.splice(index, 1)
        return true
      }
      return false
    },
    expire,
    renewed: () =>
      new Promise((resolve) => {
        waitingForRenewal.push(resolve)
        expire()
      }),
    leave() {
      isLeaving = true
      drain()
    },
    repeat() {
      isLeaving = false
      // What was cut off by the leaving is no loop of stale sessions, and what is registered has to be renewed.
      renewals = 0
      const sent = [...inFlight]
      const newest = sent.pop()
      // The host has recorded only the newest reply. What is repeated goes before what waits, so the last one is first.
      for (const sending of sent.reverse()) {
        inFlight.delete(sending)
        fail(sending, new Error('the page was left before the reply came'))
      }
      if (newest) void transmit(newest)
    },
  }
}

/** Whether a command that failed so may have run. */
function isUncertain(reason: unknown): boolean {
  return typeof reason !== 'string' && !(reason instanceof EventBusError) && !isErrorObject(reason)
}

/**
 * Whether a command that the host has refused as stale may run all the same, and more than once is wrong. The host does not
 * know a session whose first command is on its way, and runs another copy that arrives after it.
 */
function mayStillRun({ bundle, n, opening }: InFlight): boolean {
  return n > 1 && !opening.hasReply && !bundle.isRenewal && !REPEATABLE.has(bundle.command)
}

function fits(bundle: Bundle, command: StateCommand, call: Call): boolean {
  return (
    bundle.command === command &&
    !bundle.isRenewal &&
    BATCHED[command] !== undefined &&
    bundle.calls.length < MAX_CALLS &&
    bundle.size + call.size <= MAX_CHARACTERS
  )
}

/** What a bundle has for another session. */
function lastingOf(bundle: Bundle): Bundle[] {
  const calls = bundle.calls.filter(({ isPassing }) => !isPassing)
  return calls.length > 0 ? [{ ...bundle, calls }] : []
}

function argumentsOf(bundle: Bundle): Record<string, unknown> {
  const name = BATCHED[bundle.command]
  const values = bundle.calls.map((call) => call.value)
  return name ? { [name]: values } : (values[0] as Record<string, unknown>)
}
