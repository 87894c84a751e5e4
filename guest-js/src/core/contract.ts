import type { Endpoint } from '../types/endpoint.js'
import type { BusEvent } from '../types/event.js'
import type { Gap } from '../types/gap.js'
import type { Target } from '../types/target.js'
import type { Extras, Head, PulledEnding, PulledOutcomes, PulledRequest, PulledStreamed } from './batch.js'
import type { TextsOfBytes } from './bytes.js'
import type { Carrier } from './carrier.js'
import type { CommandQueue, Renewal } from './commands.js'
import type { EventBusError } from './error.js'
import type { Way } from './transport.js'

/** Something that the host accepts and the page ends. */
export interface Registration {
  /** The host has accepted it, with this reply. */
  accepted(reply?: unknown): void
  /** Nothing follows any more. `error` says why, unless the page ended it. */
  ended(error?: EventBusError): void
}

/** What one subscription does with what arrives. */
export interface Subscriber extends Registration {
  readonly event: string
  readonly target: Target | undefined
  /** Whether it receives what came before this page subscribed, as far as the host keeps it. */
  readonly replay: boolean
  /** Whether it receives retained events. */
  readonly retained: boolean
  /** Whether only the newest event of a name waits for it. */
  readonly latest?: boolean | undefined
  /** Whether the promise of its handler is awaited before an event counts as handled. */
  readonly sequential?: boolean | undefined
  /** Whether it stands for a listener of Tauri's own, which is registered in core, too. */
  readonly compatible?: true
  /** Receives an event; may throw or return a promise that rejects. */
  deliver(event: BusEvent<unknown>): unknown
  /** Receives a gap, where the subscription asks for gaps. */
  readonly gap: ((gap: Gap) => unknown) | undefined
  /** Receives an event instead of `deliver`, as it came, and settles it itself. Throws nothing. `id` is the subscription. */
  pass?(head: Head, payload: unknown, seq: number, micros: number, extras: Extras | undefined, id: number): void
  /** Takes runs of events as the text that they came as, besides. */
  readonly texts?: Texts | undefined
}

/** What passes runs on as text. Pages that pass nothing on do not load its code. */
export interface Texts {
  /** Reads the text of a batch, without what is passed on. `subscriptions` are those of the page. */
  read(text: string, subscriptions: object): unknown
  /** Takes a run. `micros` is the time of the event before, and `span` how long after that its last one was accepted. */
  pass(head: Head, text: string, seq: number, micros: number, events: number, span: number): void
}

/** An event or a request that causes what its handler emits and requests. */
export interface Cause {
  /** Its name. */
  readonly event: string
  readonly causes?: readonly string[] | undefined
  readonly traceparent?: string | undefined
}

/** What the copies of this package in one realm share: a session, its subscriptions, its outgoing commands. */
export interface Inbox extends Way {
  readonly version: number
  /** The id of the session. The host compares it before it hands over a batch. */
  readonly session: string
  /**
   * Receives what the host calls this page with: a batch, or the news that the session has ended. It comes as JSON, or as the
   * value of it.
   */
  receive(message: string | object, bytes?: TextsOfBytes): unknown
  /** The event or request whose handler runs now. */
  cause?: Cause | null
  /** The shared states in use, by name. */
  readonly states?: Map<string, unknown>
  /** The outgoing commands. */
  readonly queue: CommandQueue
  /** Subscribes and returns what ends it. */
  subscribe(subscriber: Subscriber): () => void
  /** Ends every subscription of exactly this name or pattern and returns how many there were. */
  unlisten(event: string): number
  /** Warns on the console, once, that listeners of a name or pattern have lost events. */
  warn(gap: Gap, event: string): void
  /** The requests of this page and its responders, once they are used. */
  readonly channel?: RequestChannel | null
  /** The requests of this page and its responders, made at their first use. */
  openChannel<Channel extends RequestChannel>(make: MakeChannel<Channel>): Channel
}

/** Makes the requests and responders of a page. */
export type MakeChannel<Channel> = (queue: CommandQueue, pull: () => void, carrier: Carrier) => Channel

/** What the inbox needs of requests and responders. Pages that use neither do not load their code. */
export interface RequestChannel {
  /** Whether the host knows of a responder, or waits for a response. */
  readonly isActive: boolean
  /** Whether loops have yet to take parts that the host waits for. */
  readonly isBehind: boolean
  /** Whether responders work, which may have responded in a moment. */
  readonly isResponding: boolean
  /** Hands a request to its responder. */
  receive(request: PulledRequest, caller: Endpoint): void
  /** Tells a responder that the caller no longer waits. */
  stop(ending: PulledEnding): void
  /** Takes what belongs to a stream, without the parts that it has had, or to what is attached to the page. */
  receiveStreamed(item: PulledStreamed | PulledOutcomes, skipped: number): void
  /** Tells the host again what was taken of streams. */
  tellAgain(): void
  /** The calls with which a new session begins. */
  renewals(): Renewal[]
  /** Ends what the host has accepted, since this page may not pull. */
  lose(error: EventBusError): void
  /** Ends what was received in a session that has ended: requests of others, and streams. */
  abandon(): void
  /** Rejects the requests of this page, which the host has dropped while the page was away. */
  forget(): void
}
