import type { AcceptedEvent } from '../testing/session.js'
import type { LocalHost } from './host.js'

/** What tabs tell each other. */
type Message =
  | { readonly kind: 'event'; readonly label: string; readonly event: AcceptedEvent }
  | { readonly kind: 'here'; readonly label: string; readonly isNew: boolean }
  | { readonly kind: 'left'; readonly label: string }

/** A retained event, and the page that has emitted it. */
interface Retained {
  readonly label: string
  readonly event: AcceptedEvent
}

/** Pages number their events themselves, so those of several pages are compared by their time. */
function isNewer(one: Retained, known: Retained): boolean {
  if (one.event.timestamp !== known.event.timestamp) return one.event.timestamp > known.event.timestamp
  return one.label !== known.label || one.event.seq > known.event.seq
}

/** The other tabs of this origin that have a bus on the same channel. */
export class Tabs {
  private readonly channel: BroadcastChannel
  /** The newest retained event of each name and target, for tabs that open later. */
  private readonly retained = new Map<string, Retained>()
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
    host.emitted = (event) => {
      this.keep(event, host.label)
      this.post({ kind: 'event', label: host.label, event })
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
    host.join(message.label)
    if (message.kind === 'event') {
      // Several tabs may tell a new one of the same retained event.
      if (!this.keep(message.event, message.label)) return
      // What was emitted since is live, whichever tab was the first to tell of it.
      host.take(message.event, message.label, message.event.timestamp < this.since ? 'before' : 'since')
    } else if (message.isNew) {
      this.post({ kind: 'here', label: host.label, isNew: false })
      for (const { label, event } of this.retained.values()) this.post({ kind: 'event', label, event })
    }
  }

  /** Keeps an event if it is retained; false if a newer one of its name is kept, or this one. */
  private keep(event: AcceptedEvent, label: string): boolean {
    if (!event.retain) return true
    const key = JSON.stringify([event.event, event.to])
    const known = this.retained.get(key)
    if (known && !isNewer({ label, event }, known)) return false
    this.retained.set(key, { label, event })
    return true
  }

  private post(message: Message): void {
    this.channel.postMessage(message)
  }
}
