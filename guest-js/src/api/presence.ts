import { attachedRenewal, keepPull } from '../core/attached.js'
import { checkFunction, checkName } from '../core/checks.js'
import { RETRY_AFTER_MS, type Renewal } from '../core/commands.js'
import { DISPOSE } from '../core/disposal.js'
import { EventBusError, toEventBusError } from '../core/error.js'
import { openInbox } from '../core/inbox.js'
import { encodePayload } from '../core/json.js'
import { isServer } from '../core/realm.js'
import { report, reportLater } from '../core/report.js'
import { createSubscription, subscribe } from '../core/subscription.js'
import type { BusEvent } from '../types/event.js'
import type { JoinOptions, Member, Presence } from '../types/presence.js'
import type { Subscription } from '../types/subscription.js'
import { openKept, sendKept } from './kept.js'

/** What is sent for a member. */
interface Entry {
  room: string
  key: string
  state?: string | undefined
}

type Change = 'join' | 'update' | 'leave'

/** What the events of a room bring. */
interface News {
  members?: Member[]
  joined?: Member[]
  updated?: Member[]
  left?: Omit<Member, 'state'>[]
}

/**
 * A room of presence, in which pages and the host tell each other that they are there. It needs `event-bus:pages` with the room
 * and the labels of the other pages: `{ "identifier": "event-bus:pages", "allow": [{ "presence": "doc:*" }, { "page": "*" }] }`.
 *
 * @returns a {@link Presence}, whose methods do nothing before they are called.
 *
 * @example
 * ```ts
 * import { presence } from 'tauri-plugin-event-bus-api'
 *
 * const room = presence<{ user: string; cursor: number }>('doc:7')
 * room.on('leave', ({ state }) => console.log(state.user, 'has left'))
 * await room.join({ user: 'ada', cursor: 3 })
 * await room.update({ user: 'ada', cursor: 4 })
 * console.log((await room.list()).length)
 * ```
 */
export function presence<State = unknown>(room: string): Presence<State> {
  return new Room(room) as Presence<State>
}

class Room implements Presence {
  private readonly own = new Set<string>()
  private readonly watched = new Map<string, Member>()
  private readonly handlers = new Set<{ change: Change; handler: (member: Member) => unknown }>()
  private subscription: Subscription | null = null
  /** Resolves once everybody is known. */
  private known: Promise<void> | null = null

  constructor(private readonly room: string) {}

  async join(state: unknown, { key = '' }: JoinOptions = {}): Promise<void> {
    try {
      checkName(this.room)
      const { payload = 'null', bytes, size } = encodePayload(`presence in ${this.room}`, state)
      if (bytes) throw new EventBusError('invalid_payload', `the state of a member of "${this.room}" cannot have bytes`)
      const entry: Entry = { room: this.room, key: String(key), state: payload }
      this.own.add(entry.key)
      await sendKept(openJoined(), idOf(entry), 'presence', entry, size)
      keepPull()
    } catch (error) {
      throw toEventBusError(error)
    }
  }

  update(state: unknown, options?: JoinOptions): Promise<void> {
    return this.join(state, options)
  }

  async leave({ key = '' }: JoinOptions = {}): Promise<void> {
    try {
      checkName(this.room)
      const entry: Entry = { room: this.room, key: String(key) }
      this.own.delete(entry.key)
      const { entries, accepted } = openJoined()
      const id = idOf(entry)
      entries.delete(id)
      await openInbox().queue.send('presence', { ...entry, left: true })
      // A join that was on its way has been accepted by now.
      accepted.delete(id)
    } catch (error) {
      throw toEventBusError(error)
    }
  }

  async list(): Promise<Member[]> {
    try {
      await this.watch()
      return [...this.watched.values()].map((member) => ({ ...member }))
    } catch (error) {
      throw toEventBusError(error)
    }
  }

  on(change: Change, handler: (member: Member) => unknown): Subscription {
    const entry = { change, handler }
    return createSubscription(undefined, ({ accepted, ended }) => {
      checkFunction(handler, 'handler', this.room)
      this.handlers.add(entry)
      if (change === 'join') for (const member of this.watched.values()) call(entry.handler, member)
      this.watch().then(accepted, (error) => {
        this.handlers.delete(entry)
        ended(toEventBusError(error))
      })
      return () => {
        this.handlers.delete(entry)
        ended()
      }
    })
  }

  stop(): void {
    for (const key of [...this.own]) this.leave({ key }).catch(report)
    this.subscription?.()
    this.handlers.clear()
    this.watched.clear()
    this.subscription = null
    this.known = null
  }

  /** Begins to watch the room, and waits until everybody is known. */
  private watch(): Promise<void> {
    if (isServer()) return Promise.resolve()
    this.known ??= new Promise((resolve, reject) => {
      let isKnown = false
      let hasReported = false
      const begin = () => {
        let own: Subscription | undefined
        let isAccepted = false
        const ended = (error?: EventBusError) => {
          // What is refused at once is rejected below.
          if (!own || this.subscription !== own) return
          // The end of what was accepted is reported elsewhere.
          if (isKnown && error && !isAccepted && !hasReported && error.code !== 'rate_limited') {
            hasReported = true
            report(error)
          }
          if (isKnown && error && error.code !== 'denied') {
            setTimeout(() => renew(own), error.retryAfterMs ?? RETRY_AFTER_MS)
            return
          }
          this.known = null
          if (error) reject(error)
          else resolve()
        }
        // What was lost is in the members that a new subscription begins with.
        const options = { replay: false, onGap: () => renew(own) }
        own = subscribe(`event-bus:presence:${this.room}`, options, take, take, ended)
        this.subscription = own
        own.then(() => {
          isAccepted = true
        }, reject)
      }
      const take = ({ payload }: BusEvent<unknown>) => {
        this.take(payload as News)
        isKnown = true
        hasReported = false
        resolve()
      }
      const renew = (subscription: Subscription | undefined) => {
        if (this.subscription !== subscription) return
        // The place of the one before may be the last that there is.
        this.subscription = null
        subscription?.()
        begin()
      }
      begin()
    })
    return this.known
  }

  private take({ members, joined, updated, left }: News): void {
    if (members) {
      const ids = new Set(members.map(idOfMember))
      this.leaveAll([...this.watched.values()].filter((member) => !ids.has(idOfMember(member))))
    }
    for (const member of [...(members ?? []), ...(joined ?? []), ...(updated ?? [])]) this.put(member)
    this.leaveAll(left ?? [])
  }

  private put(member: Member): void {
    const id = idOfMember(member)
    const before = this.watched.get(id)
    this.watched.set(id, member)
    if (!before) this.tell('join', member)
    else if (JSON.stringify(before.state) !== JSON.stringify(member.state)) this.tell('update', member)
  }

  private leaveAll(left: Omit<Member, 'state'>[]): void {
    for (const member of left) {
      const id = idOfMember(member)
      const known = this.watched.get(id)
      if (this.watched.delete(id) && known) this.tell('leave', known)
    }
  }

  private tell(change: Change, member: Member): void {
    for (const entry of [...this.handlers]) if (entry.change === change) call(entry.handler, member)
  }

  [DISPOSE](): void {
    this.stop()
  }
}

function call(handler: (member: Member) => unknown, member: Member): void {
  try {
    reportLater(handler({ ...member }))
  } catch (error) {
    report(error)
  }
}

function idOf({ room, key }: Entry): string {
  return JSON.stringify([room, key])
}

function idOfMember({ label, key }: Omit<Member, 'state'>): string {
  return JSON.stringify([label, key])
}

/** The members of this page. */
const openJoined = () => openKept('event-bus:presence', renewalOf)

function renewalOf(value: Entry, entries: ReadonlyMap<string, Entry>, id: string): Renewal {
  return attachedRenewal('presence', { value, size: value.state?.length ?? 0 }, () => entries.get(id) === value)
}
