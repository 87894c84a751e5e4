import type { CommandQueue } from './commands.js'
import { reportRefusal } from './report.js'

/** How much a pull, or the value of a call, carries: entries, and characters of payloads. */
const MAX_CARRIED = 256
const MAX_CARRIED_CHARACTERS = 65_536

/** How many entries are kept in case a value is lost, and how many characters of payloads. */
const MAX_KEPT = 1_024
const MAX_KEPT_CHARACTERS = 1_048_576

/** An entry of a command that has not left. */
export interface Carried {
  readonly command: 'respond' | 'settle'
  readonly value: object
  readonly size: number
}

/**
 * What a page tells the host with what it sends anyway: the next pull, or the value of a call. A command takes it only where
 * neither is about to be sent.
 */
export class Carrier {
  readonly waiting: Carried[] = []
  /** How many outcomes may be told within a few microtasks. */
  pending = 0
  private isHolding = false
  /** What the newest values have carried. */
  private readonly kept: Carried[] = []
  private keptSize = 0

  constructor(private readonly queue: Pick<CommandQueue, 'push'>) {}

  /** Sends an entry with the next pull or value, or by itself. */
  carry(command: Carried['command'], value: object, size = 0): void {
    this.waiting.push({ command, value, size })
    if (!this.isHolding) this.flush()
  }

  /** Keeps entries for a pull or a value that is about to be sent. */
  hold(): void {
    this.isHolding = true
  }

  /** Takes the entries that a pull or a value may carry. */
  take(): Carried[] {
    let size = 0
    const fitting = this.waiting.findIndex((entry, index) => {
      size += entry.size
      return index >= MAX_CARRIED || size > MAX_CARRIED_CHARACTERS
    })
    return this.waiting.splice(0, fitting < 0 ? MAX_CARRIED : fitting)
  }

  /** Sends the entries that nothing has taken. */
  flush(): void {
    this.isHolding = false
    this.send(this.waiting.splice(0))
  }

  /** Sends entries by themselves. Those that have arrived change nothing a second time. */
  send(entries: readonly Carried[]): void {
    for (const { command, value, size } of entries) {
      // What a page tells of an item means nothing in another session.
      this.queue.push(command, { value, size, resolve: () => {}, reject: reportRefusal, isPassing: true })
    }
  }

  /** Notes what a value has carried, which may be lost. What is told of streams has its own way. */
  keep(entries: readonly Carried[]): void {
    const { kept } = this
    for (const entry of entries) {
      if ('stream' in entry.value) continue
      kept.push(entry)
      this.keptSize += entry.size
    }
    let old = 0
    while (kept.length - old > MAX_KEPT || this.keptSize > MAX_KEPT_CHARACTERS) {
      this.keptSize -= (kept[old] as Carried).size
      old += 1
    }
    kept.splice(0, old)
  }

  /** Carries once more what the newest values have. */
  again(): void {
    this.keptSize = 0
    this.waiting.unshift(...this.kept.splice(0))
  }

  /** Forgets all of it: the session has ended. */
  clear(): void {
    this.again()
    this.waiting.length = 0
  }
}
