import { filterOf } from '../testing/checks.js'
import { keyOf } from '../testing/reach.js'
import { type AcceptedEvent, hasExpired } from '../testing/session.js'
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
}

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
  /** The newest retained event of each name and target, for tabs that open later. */
  private readonly retained = new Map<string, Told>()
  /** When the retained events of a name or pattern were cleared last. What is not newer is retained in no tab. */
  private readonly clears = new Map<string, number>()
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
      const told = { label: host.label, tab: this.id, event }
      if (event.retain) this.retained.set(keyOf(event), told)
      this.post({ kind: 'event', ...told })
    }
    host.cleared = (event) => {
      const known = this.of(event).map((told) => told.event.timestamp)
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
      host.clear(message.event, (event) => this.retained.has(keyOf(event)))
    } else if (message.kind === 'event') this.take(message, message.isCopy === true)
    else {
      host.join(message.label)
      if (message.isNew) this.welcome()
    }
  }

  /** Takes an event of another tab, or a copy of one that it has retained. */
  private take({ label, tab, event }: Told, isCopy: boolean): void {
    // The tab that has emitted what another one keeps may be gone.
    if (!isCopy) this.host.join(label)
    if (hasExpired(event)) return
    const known = event.retain ? this.retained.get(keyOf(event)) : undefined
    const order = known ? compare({ label, tab, event }, known) : 1
    const isNewest = order > 0 && event.timestamp > this.clearedAt(event)
    // Several tabs may tell a new one of the same retained event.
    if (order === 0 || (isCopy && !isNewest)) return
    const retain = event.retain && isNewest
    if (retain) this.retained.set(keyOf(event), { label, tab, event })
    // What was emitted since is live, whichever tab was the first to tell of it.
    this.host.take({ ...event, retain }, label, retain && event.timestamp < this.since ? 'before' : 'since')
  }

  /** Tells a new tab of this one, and of what is retained and cleared. */
  private welcome(): void {
    this.post({ kind: 'here', label: this.host.label, isNew: false })
    for (const [event, at] of this.clears) this.post({ kind: 'cleared', event, at })
    for (const [key, told] of this.retained) {
      if (hasExpired(told.event)) this.retained.delete(key)
      else this.post({ kind: 'event', ...told, isCopy: true })
    }
  }

  /** An event of this tab, newer than all that it knows, also within a millisecond and where the clock was set back. */
  private newest(event: AcceptedEvent): AcceptedEvent {
    const known = this.retained.get(keyOf(event))?.event.timestamp ?? 0
    return { ...event, timestamp: Math.max(event.timestamp, known + 1, this.clearedAt(event) + 1) }
  }

  /** The retained events of a name or pattern. */
  private of(pattern: string): Told[] {
    const matches = filterOf(pattern)
    return [...this.retained.values()].filter(({ event }) => matches(event.event))
  }

  private clear(pattern: string, at: number): void {
    this.clears.set(pattern, Math.max(at, this.clears.get(pattern) ?? 0))
    for (const { event } of this.of(pattern)) if (event.timestamp <= at) this.retained.delete(keyOf(event))
  }

  /** When events of that name were cleared last. */
  private clearedAt({ event }: AcceptedEvent): number {
    const times = [...this.clears].map(([pattern, at]) => (filterOf(pattern)(event) ? at : 0))
    return Math.max(0, ...times)
  }

  private post(message: Message): void {
    this.channel.postMessage(message)
  }
}
