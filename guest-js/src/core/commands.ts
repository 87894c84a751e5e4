import { invoke } from '@tauri-apps/api/core'
import { EventBusError, isErrorObject, toEventBusError } from './error.js'

/** Every command of the plugin. A test of the crate compares this list with its own. */
export const COMMANDS = [
  'emit',
  'emit_to',
  'subscribe',
  'unsubscribe',
  'pull',
  'start_periodic',
  'stop_periodic',
  'pause_periodic',
  'resume_periodic',
  'update_periodic',
  'list_periodic',
  'request',
  'cancel_request',
  'respond',
  'reply',
  'catalog',
  'inspect',
] as const

/** A command of the plugin. */
export type Command = (typeof COMMANDS)[number]

/** A command that changes state: it carries the session and its number. */
export type StateCommand = Exclude<
  Command,
  'pull' | 'list_periodic' | 'request' | 'cancel_request' | 'catalog' | 'inspect'
>

/** The argument under which a command takes several entries; the others take one object of arguments. */
const BATCHED: Partial<Record<StateCommand, string>> = {
  emit: 'events',
  emit_to: 'events',
  subscribe: 'subscriptions',
  unsubscribe: 'ids',
  respond: 'responders',
  reply: 'replies',
}

const BATCH_ENTRIES = 1_024
const BATCH_CHARACTERS = 1_048_576

/** How many sessions in a row may turn out stale before what they were to carry is rejected. */
const RENEWALS = 3

/** How long to wait before something is tried again, in milliseconds, where the host does not say. */
export const RETRY_AFTER = 1_000

/** One call that waits for its place in a command. */
export interface Entry {
  /** What travels. */
  value: unknown
  /** The length of its payload, in characters. */
  size: number
  resolve(answer: unknown): void
  reject(error: EventBusError): void
}

/** What a new session begins with: a call that an earlier one had, once more. */
export interface Renewal {
  readonly command: 'subscribe' | 'respond'
  readonly entry: Entry
}

interface Batch {
  command: StateCommand
  entries: Entry[]
  size: number
  /** Whether it subscribes again, in a new session, with what was accepted in an earlier one. */
  renewal: boolean
}

/** The command in flight. Each sending of a batch has its own, also where the same batch is sent in the next session. */
interface Sending {
  readonly batch: Batch
}

/** Runs a command of the plugin. */
export function run(command: Command, args: Record<string, unknown>): Promise<unknown> {
  return invoke(`plugin:event-bus|${command}`, args)
}

/** 128 random bits as 32 lower-case hexadecimal digits. */
function newSession(): string {
  let id = ''
  for (const byte of crypto.getRandomValues(new Uint8Array(16))) id += byte.toString(16).padStart(2, '0')
  return id
}

/**
 * The outgoing commands of one session. One is in flight; what gathers meanwhile is merged with its neighbour
 * of the same kind, so the order in which the page made its calls is the order in which the host runs them.
 */
export class CommandQueue {
  /** The id of the session that the next command belongs to. */
  session = newSession()
  /** Whether the session has ended and the next command opens another. */
  expired = false
  private n = 1
  private renewals = 0
  private waiting: Batch[] = []
  private inFlight: Sending | null = null
  private scheduled = false
  private waitingForRenewal: (() => void)[] = []

  /** `beginAgain` is called when a new session replaces a stale one, for what it has to begin with. */
  constructor(private readonly beginAgain: () => Renewal[]) {}

  /** Whether sessions keep turning out stale, so that renewing at once once more would be a loop. */
  get unsettled(): boolean {
    return this.renewals >= RENEWALS
  }

  /** Notes that the session works. */
  settle(): void {
    this.renewals = 0
  }

  /** Queues a call at the tail, in the command of its kind if that is the last one. */
  push(command: StateCommand, entry: Entry): void {
    const last = this.waiting[this.waiting.length - 1]
    if (last && fits(last, command, entry)) {
      last.entries.push(entry)
      last.size += entry.size
    } else {
      this.waiting.push({ command, entries: [entry], size: entry.size, renewal: false })
    }
    this.schedule()
  }

  /**
   * Queues what the session was to begin with and the host has found too fast, if it is still wanted by then. The next
   * session would begin with it by itself.
   */
  renewLater({ command, entry }: Renewal, isWanted: () => boolean, wait = RETRY_AFTER): void {
    const { session } = this
    setTimeout(() => {
      if (this.session !== session || this.expired || !isWanted()) return
      this.waiting.push({ command, entries: [entry], size: 0, renewal: true })
      this.schedule()
    }, wait)
  }

  /** Takes a call back; false if it is on its way or has been answered. */
  withdraw(entry: Entry): boolean {
    for (const [index, batch] of this.waiting.entries()) {
      const place = batch.entries.indexOf(entry)
      if (place < 0) continue
      batch.entries.splice(place, 1)
      batch.size -= entry.size
      if (batch.entries.length === 0) this.waiting.splice(index, 1)
      return true
    }
    return false
  }

  /** Notes that the session has ended: the next command opens another. */
  expire(): void {
    this.expired = true
    this.drain()
  }

  /** Notes that the session has ended, and waits until another one has taken its place. */
  renewed(): Promise<void> {
    return new Promise((resolve) => {
      this.waitingForRenewal.push(resolve)
      this.expire()
    })
  }

  /** Sends the command in flight once more, under its number: the host runs it once. */
  repeat(): void {
    if (this.inFlight) void this.send(this.inFlight)
  }

  /** Waits for the end of the microtask, so that calls made together travel together. */
  private schedule(): void {
    if (this.scheduled) return
    this.scheduled = true
    queueMicrotask(() => {
      this.scheduled = false
      this.drain()
    })
  }

  private drain(): void {
    if (this.inFlight) return
    if (this.expired) this.renew()
    const batch = this.waiting.shift()
    if (!batch) return
    this.inFlight = { batch }
    void this.send(this.inFlight)
  }

  private renew(): void {
    this.expired = false
    this.renewals += 1
    this.session = newSession()
    this.n = 1
    for (const renewed of this.waitingForRenewal.splice(0)) renewed()
    const begin: Batch[] = []
    for (const { command, entry } of this.beginAgain()) {
      const last = begin[begin.length - 1]
      if (last?.command === command && last.entries.length < BATCH_ENTRIES) last.entries.push(entry)
      else begin.push({ command, entries: [entry], size: 0, renewal: true })
    }
    // Nobody waits for the answers to what an earlier session was asked.
    const still = this.waiting.filter((batch) => !batch.renewal && batch.command !== 'reply')
    this.waiting = [...begin, ...still]
  }

  private async send(sending: Sending): Promise<void> {
    const { batch } = sending
    let settle: () => void
    try {
      const answer = await run(batch.command, { session: this.session, n: this.n, ...argumentsOf(batch) })
      settle = () => this.succeed(batch, answer)
    } catch (reason) {
      settle = () => this.fail(batch, reason)
    }
    // A command that was sent once more is answered twice.
    if (this.inFlight !== sending) return
    this.inFlight = null
    settle()
    this.drain()
  }

  private succeed(batch: Batch, answer: unknown): void {
    this.n += 1
    if (!BATCHED[batch.command] || batch.command === 'unsubscribe') {
      this.renewals = 0
      for (const entry of batch.entries) entry.resolve(answer)
      return
    }
    const results = Array.isArray(answer) ? answer : []
    const stale: [Entry, EventBusError][] = []
    for (const [index, entry] of batch.entries.entries()) {
      const result: unknown = results[index]
      if (typeof result !== 'object' || result === null) {
        const got = `${results.length} results for ${batch.entries.length} entries`
        entry.reject(new EventBusError('unavailable', `"${batch.command}" was answered with ${got}`))
      } else if ('error' in result) {
        const error = toEventBusError(result.error)
        if (error.code === 'stale_session') stale.push([entry, error])
        else entry.reject(error)
      } else entry.resolve(result)
    }
    if (stale.length > 0) this.retry(batch, stale)
    else if (!batch.renewal) this.renewals = 0
  }

  /** The session has ended while the host ran a batch: these entries of it had no effect. */
  private retry(batch: Batch, stale: [Entry, EventBusError][]): void {
    this.expired = true
    if (this.unsettled) {
      for (const [entry, error] of stale) entry.reject(error)
      return
    }
    const entries = stale.map(([entry]) => entry)
    const size = entries.reduce((sum, entry) => sum + entry.size, 0)
    // Renewals among what waits are dropped, since the next session makes its own.
    this.waiting.unshift({ ...batch, entries, size })
  }

  private fail(batch: Batch, reason: unknown): void {
    const error = toEventBusError(reason, batch.command)
    if (typeof reason === 'string') {
      // Bare strings are Tauri's own: the command never reached the plugin, so its number is used again.
      if (error.code === 'invalid_argument' && batch.entries.length > 1) {
        // The parser turns a whole command away for one malformed entry: alone, each is judged for itself.
        this.waiting.unshift(...batch.entries.map((entry) => ({ ...batch, entries: [entry], size: entry.size })))
        return
      }
    } else if (!isErrorObject(reason)) {
      // Nobody knows whether it ran, so neither its number nor the next one can be used.
      const again = batch.renewal && !this.unsettled
      this.expired = true
      // The next session subscribes again anyway. Anything else might happen twice.
      if (again) return
    } else if (error.code === 'stale_session') {
      const again = !this.unsettled
      this.expired = true
      // Renewals among what waits are dropped, since the next session makes its own.
      if (again) {
        this.waiting.unshift(batch)
        return
      }
    } else {
      this.n += 1
    }
    for (const entry of batch.entries) entry.reject(error)
  }
}

function fits(batch: Batch, command: StateCommand, entry: Entry): boolean {
  return (
    batch.command === command &&
    !batch.renewal &&
    BATCHED[command] !== undefined &&
    batch.entries.length < BATCH_ENTRIES &&
    batch.size + entry.size <= BATCH_CHARACTERS
  )
}

function argumentsOf(batch: Batch): Record<string, unknown> {
  const name = BATCHED[batch.command]
  const values = batch.entries.map((entry) => entry.value)
  return name ? { [name]: values } : (values[0] as Record<string, unknown>)
}
