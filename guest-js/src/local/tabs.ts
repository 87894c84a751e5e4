import { filterOf } from '../testing/checks.js'
import { keyOf } from '../testing/reach.js'
import { type AcceptedEvent, hasExpired } from '../testing/session.js'
import { Clearings } from './clearings.js'
import type { LocalHost } from './host.js'

/** What tabs tell each other. */
type Message =
  | ({ readonly kind: 'event'; readonly isCopy?: boolean } & Told)
  | { readonly kind: 'cleared'; readonly event: string; readonly at: number }
  | { readonly kind: 'here'; readonly label: string; readonly isNew: boolean }
  | { readonly kind: 'left'; readonly label: string }

/** An event, and the page that has emitted it. Several tabs may have one label, and none the id of another. */
interface Told {
  readonly label: string
  readonly tab: string
  readonly event: AcceptedEvent
  /** When it was emitted. Its timestamp may be later, so that it is newer than what it replaces. */
  readonly emittedAt?: number
}

/** Of how many expired events it is known that they have replaced older ones. */
const MOST_EXPIRED = 1_000

/**
 * Positive if an event is newer than another, and 0 if it is the same. Pages number their events themselves, so those of
 * several pages are compared by their time, and within a millisecond in any order that is the same for all of them.
 */
function compare(one: Told, other: Told): number {
  if (one.event.timestamp !== other.event.timestamp) return one.event.timestamp - other.event.timestamp
  if (one.tab !== other.tab) return one.tab > other.tab ? 1 : -1
  return one.event.seq - other.event.seq
}

/** The other tabs of this origin that have a bus on the same channel. */
export class Tabs {
  private readonly channel: BroadcastChannel
  /**
   * The newest retained event of each name and target, for tabs that open later. One that has expired shows that older
   * ones, which other tabs may still tell of, count no more.
   */
  private readonly retained = new Map<string, Told>()
  private readonly clearings = new Clearings()
  private readonly id = `${crypto.getRandomValues(new Uint32Array(4))}`
  private readonly since = Date.now()
  private readonly leave = () => this.post({ kind: 'left', label: this.host.label })
  private readonly comeBack = ({ persisted }: PageTransitionEvent) => {
    if (persisted) this.post({ kind: 'here', label: this.host.label, isNew: true })
  }

  constructor(
    name: string,
    private readonly host: LocalHost,
  ) {
    this.channel = new BroadcastChannel(`tauri-plugin-event-bus:${name}`)
    // Node.js would not end while it is open.
    ;(this.channel as { unref?(): void }).unref?.()
    this.channel.onmessage = ({ data }: MessageEvent<Message>) => this.receive(data)
    host.emitted = (accepted) => {
      const event = accepted.retain ? this.newest(accepted) : accepted
      const told = { label: host.label, tab: this.id, event, emittedAt: accepted.timestamp }
      if (event.retain) this.retained.set(keyOf(event), told)
      this.post({ kind: 'event', ...told })
    }
    host.cleared = (event) => {
      const known = this.forEveryone(filterOf(event)).map(({ timestamp }) => timestamp)
      const at = Math.max(Date.now(), ...known)
      this.clear(event, at)
      this.post({ kind: 'cleared', event, at })
    }
    if (typeof addEventListener === 'function') {
      addEventListener('pagehide', this.leave)
      addEventListener('pageshow', this.comeBack)
    }
    this.post({ kind: 'here', label: host.label, isNew: true })
  }

  close(): void {
    this.leave()
    this.host.emitted = () => {}
    this.host.cleared = () => {}
    this.channel.close()
    if (typeof removeEventListener !== 'function') return
    removeEventListener('pagehide', this.leave)
    removeEventListener('pageshow', this.comeBack)
  }

  private receive(message: Message): void {
    const { host } = this
    if (message.kind === 'left') {
      // Another tab may have the label of this one.
      if (message.label === host.label) this.post({ kind: 'here', label: host.label, isNew: false })
      else host.leave(message.label)
      return
    }
    if (message.kind === 'cleared') {
      this.clear(message.event, message.at)
      host.clear(message.event, (event) => event.to !== undefined || this.retained.has(keyOf(event)))
    } else if (message.kind === 'event') this.take(message, message.isCopy === true)
    else {
      host.join(message.label)
      if (message.isNew) this.welcome()
    }
  }

  /** Takes an event of another tab, or a copy of one that it has retained. */
  private take({ label, tab, event, emittedAt = event.timestamp }: Told, isCopy: boolean): void {
    // The tab that has emitted what another one keeps may be gone.
    if (!isCopy) this.host.join(label)
    const told = { label, tab, event, emittedAt }
    const key = keyOf(event)
    const known = event.retain ? this.retained.get(key) : undefined
    const order = known ? compare(told, known) : 1
    const retain = event.retain && order > 0 && event.timestamp > this.clearedAt(event, isCopy)
    // Several tabs may tell a new one of the same retained event.
    if (order === 0 || (isCopy && !retain)) return
    if (retain) this.retained.set(key, told)
    // What was emitted since is live, whichever tab was the first to tell of it.
    const isBefore = retain && emittedAt < this.since
    // A tab loses nothing by what has ended before it was there.
    if (isBefore && hasExpired(event)) this.host.clear(event.event, (older) => keyOf(older) !== key)
    else this.host.take({ ...event, retain }, label, isBefore ? 'before' : 'since')
  }

  /** Tells a new tab of this one, and of what is retained and cleared. */
  private welcome(): void {
    this.post({ kind: 'here', label: this.host.label, isNew: false })
    for (const { pattern, at } of this.clearings.kept) this.post({ kind: 'cleared', event: pattern, at })
    const expired = [...this.retained].filter(([, { event }]) => hasExpired(event))
    for (const [key] of expired.slice(0, -MOST_EXPIRED)) this.retained.delete(key)
    for (const told of this.retained.values()) this.post({ kind: 'event', ...told, isCopy: true })
  }

  /** An event of this tab, newer than all that it knows, also within a millisecond and where the clock was set back. */
  private newest(event: AcceptedEvent): AcceptedEvent {
    const known = this.retained.get(keyOf(event))?.event.timestamp ?? 0
    return { ...event, timestamp: Math.max(event.timestamp, known + 1, this.clearedAt(event, true) + 1) }
  }

  /** The retained events for everyone with such names. Only they are cleared, as by a page of Tauri. */
  private forEveryone(matches: (name: string) => boolean): AcceptedEvent[] {
    const events = [...this.retained.values()].map(({ event }) => event)
    return events.filter(({ event, to }) => to === undefined && matches(event))
  }

  private clear(pattern: string, at: number): void {
    const cleared = this.forEveryone(this.clearings.add(pattern, at))
    for (const event of cleared) if (event.timestamp <= at) this.retained.delete(keyOf(event))
  }

  /** When events like that one were cleared last. */
  private clearedAt({ event, to }: AcceptedEvent, isCopy: boolean): number {
    return to === undefined ? this.clearings.last(event, isCopy) : 0
  }

  private post(message: Message): void {
    this.channel.postMessage(message)
  }
}
