import type { TextsOfBytes } from './bytes.js'
import { Carrier } from './carrier.js'
import { type CommandQueue, createCommandQueue } from './commands.js'
import type { Cause, Inbox, MakeChannel, RequestChannel, Subscriber } from './contract.js'
import { EventBusError } from './error.js'
import { createGapWarnings } from './gap-warnings.js'
import { createPullLoop, type PullLoop } from './pull-loop.js'
import { existingInbox, INBOX, INBOX_VERSION } from './realm.js'
import { noTauri, report } from './report.js'
import { Subscriptions } from './subscriptions.js'
import type { ToldOutcome } from './tally.js'
import type { Transport } from './transport.js'

/** The inbox of this realm, made at its first use. Throws where there cannot be one. */
export function openInbox(): Inbox {
  const inbox = existingInbox() ?? createInbox()
  if (inbox.version !== INBOX_VERSION) {
    throw new EventBusError(
      'unavailable',
      `this page has two versions of tauri-plugin-event-bus-api: its inbox has version ${inbox.version}, ` +
        `and this copy needs version ${INBOX_VERSION}`,
    )
  }
  return inbox
}

function createInbox(): Inbox {
  if (typeof window === 'undefined') {
    throw new EventBusError(
      'unavailable',
      'a worker or a server has no Tauri; connect() of /worker uses that of a page',
    )
  }
  // Before frames, since a frame in a browser has no Tauri either.
  if (!('__TAURI_INTERNALS__' in window)) throw noTauri()
  if (window.top && window.top !== window) {
    throw new EventBusError('denied', 'only the top frame of a webview has an event bus: use connect() of /frame')
  }
  const inbox = newInbox()
  // It is neither writable nor listed, so that a page does not replace it by accident.
  Object.defineProperty(globalThis, INBOX, { value: inbox, configurable: true })
  return inbox
}

/** An inbox that no guard has checked. A test bus puts its own in place, wherever it runs. */
export function newInbox(transport?: Transport): Inbox {
  return new PageInbox(transport)
}

class PageInbox implements Inbox {
  readonly version = INBOX_VERSION
  readonly states = new Map<string, unknown>()
  readonly queue: CommandQueue = createCommandQueue(() => this.loop.renew())
  readonly carrier = new Carrier(this.queue)
  readonly subscriptions = new Subscriptions(this.queue, () => this.loop.start())
  readonly warn = createGapWarnings()
  channel: RequestChannel | null = null
  cause: Cause | null = null
  private readonly loop: PullLoop = createPullLoop(this)

  constructor(readonly transport?: Transport) {
    if (transport || typeof addEventListener !== 'function') return
    // What the user does permits the page something for a while, and WebKit takes that back after every call.
    for (const type of ['pointermove', 'pointerdown', 'keydown']) {
      addEventListener(type, ({ target }) => this.loop.hold(target), { capture: true, passive: true })
    }
    // A page that comes back out of the back/forward cache may have lost the replies that it was waiting for.
    addEventListener('pageshow', (event) => {
      if (!event.persisted) return
      this.loop.stop()
      this.channel?.forget()
      this.queue.repeat()
      this.loop.start()
    })
    // What still waits would die with the page.
    addEventListener('pagehide', () => {
      this.carrier.flush()
      this.queue.leave()
    })
  }

  get session(): string {
    return this.queue.session
  }

  settle(seq: number, handled: boolean): void {
    this.queue.send('settle', { seq, handled }).catch(report)
  }

  tell(session: string, outcome: ToldOutcome): void {
    if (session !== this.session || this.queue.isExpired) return
    const size = 'failure' in outcome ? outcome.failure.name.length + outcome.failure.message.length : 0
    this.carrier.carry('settle', outcome, size)
  }

  receive(message: string | object, bytes?: TextsOfBytes): unknown {
    return this.loop.receive(message, bytes)
  }

  subscribe(subscriber: Subscriber): () => void {
    return this.subscriptions.subscribe(subscriber)
  }

  unlisten(event: string): number {
    return this.subscriptions.unlisten(event)
  }

  openChannel<Channel extends RequestChannel>(make: MakeChannel<Channel>): Channel {
    this.channel ??= make(this.queue, () => this.loop.start(), this.carrier)
    return this.channel as Channel
  }
}
