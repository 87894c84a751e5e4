import type { Call, CommandQueue, RegisteringCommand, Renewal } from './commands.js'
import type { Registration } from './contract.js'
import type { EventBusError } from './error.js'
import { report } from './report.js'

/** How far a page has got in one of its sessions. All that was registered in it shares this. */
export interface Place {
  /** Its id; empty until there is one. */
  readonly session: string
  /** The index of the last item that the page has handled in it. */
  handled: number
}

export const NOWHERE: Place = { session: '', handled: 0 }

/** A registration and how far it is. */
export interface Registered {
  readonly owner: Registration
  /** The call that registers it, until it has a reply. */
  call: Call | null
  /** Where the host last accepted it. */
  place: Place
}

/** What registrations need of the queue of commands. */
export type RegistrationQueue = Pick<CommandQueue, 'session' | 'push' | 'send' | 'withdraw' | 'renewLater'>

/** What the host accepts, what the page ends, and what each new session renews: subscriptions or responders. */
export abstract class Registrations<Key, Item extends Registered> {
  /** How far the page has got in its session, where that matters. */
  place: Place = NOWHERE
  protected readonly items = new Map<Key, Item>()

  /** `changed` is called when there may be something to pull for. */
  constructor(
    protected readonly queue: RegistrationQueue,
    private readonly command: RegisteringCommand,
    private readonly changed: () => void,
  ) {}

  /** What is sent to register an item, for the first time or in a new session. */
  protected abstract entryOf(key: Key, item: Item, isRenewal: boolean): unknown

  /** Ends an item at the host. */
  protected abstract endAtHost(key: Key): Promise<unknown>

  /** The host has accepted an item, for the first time or again. */
  protected noteAccepted?(item: Item, reply: unknown): void

  /** Whether the host knows of any. */
  get isActive(): boolean {
    for (const { call, place } of this.items.values()) if (!call && place.session === this.queue.session) return true
    return false
  }

  /** Registers an item and returns what ends it. */
  protected register(key: Key, item: Item): () => void {
    item.call = this.callFor(key, item, this.entryOf(key, item, false))
    this.items.set(key, item)
    this.queue.push(this.command, item.call)
    return () => this.end(key, item)
  }

  protected end(key: Key, item: Item): void {
    if (this.items.get(key) === item) this.remove(key, item)
  }

  /** Ends what the host has accepted, since this page may not pull. */
  lose(error: EventBusError): void {
    for (const [key, item] of [...this.items]) if (!item.call) this.remove(key, item, error)
  }

  private remove(key: Key, item: Item, error?: EventBusError): void {
    this.items.delete(key)
    // Whatever the host replies, it has ended here.
    if (!(item.call && this.queue.withdraw(item.call))) this.endAtHost(key).catch(() => {})
    item.owner.ended(error)
  }

  /** The calls with which a new session begins: those of all that the host had accepted. */
  renewals(): Renewal[] {
    const { command } = this
    const accepted = [...this.items].filter(([, { call }]) => !call)
    return accepted.map(([key, item]) => ({ command, call: this.callFor(key, item, this.entryOf(key, item, true)) }))
  }

  private callFor(key: Key, item: Item, value: unknown): Call {
    const isRegistered = () => this.items.get(key) === item
    return {
      value,
      size: 0,
      resolve: (reply, session) => {
        if (!isRegistered()) return
        const known = [item.place, this.place].find((place) => place.session === session)
        item.place = known ?? { session, handled: 0 }
        this.noteAccepted?.(item, reply)
        if (item.call) {
          item.call = null
          item.owner.accepted(reply)
        }
        if (session !== this.queue.session) {
          // The page was left with this command on its way, and its next session began without it.
          const renewal = { command: this.command, call: this.callFor(key, item, this.entryOf(key, item, true)) }
          this.queue.renewLater(renewal, isRegistered, 0)
        }
        this.changed()
      },
      reject: (error) => {
        if (!isRegistered()) return
        if (!item.call && error.code === 'rate_limited') {
          // A page that renews its session registers everything at once, which may exceed a rate limit.
          const { command } = this
          const renewal = { command, call: this.callFor(key, item, value) }
          this.queue.renewLater(renewal, isRegistered, error.retryAfterMs)
          return
        }
        // Its promise has been kept long ago, so only this report shows that the host took the acceptance back.
        if (!item.call) report(error)
        this.items.delete(key)
        item.owner.ended(error)
      },
    }
  }
}
