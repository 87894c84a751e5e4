import type { Endpoint } from './endpoint.js'
import type { JobInfo } from './job-info.js'
import type { TaskInfo } from './task.js'

/**
 * How much a queue or a store holds, and how much it may hold. Bytes are roughly the size of names and payloads.
 *
 * @example
 * ```ts
 * import type { QueueUsage } from 'tauri-plugin-event-bus-api'
 *
 * const percent = ({ events, maxEvents }: QueueUsage) => `${Math.round((100 * events) / maxEvents)} %`
 * ```
 */
export interface QueueUsage {
  events: number
  bytes: number
  maxEvents: number
  maxBytes: number
}

/**
 * Which of the matching events a subscription receives: broadcasts and those that are sent to it (`own`), only those that
 * are sent to it (`sent`), or all of them, only for the host (`everything`).
 *
 * @example
 * ```ts
 * import type { DeliveryFilter } from 'tauri-plugin-event-bus-api'
 *
 * const isNarrow = (filter: DeliveryFilter) => filter === 'sent'
 * ```
 */
export type DeliveryFilter = 'own' | 'sent' | 'everything'

/**
 * One subscription.
 *
 * @example
 * ```ts
 * import type { SubscriptionInspection } from 'tauri-plugin-event-bus-api'
 *
 * const describe = ({ id, event }: SubscriptionInspection) => `${id} listens to ${event}`
 * ```
 */
export interface SubscriptionInspection {
  id: number
  /** The name or pattern that it listens to. */
  event: string
  target: DeliveryFilter
}

/**
 * A page that uses the bus.
 *
 * @example
 * ```ts
 * import type { PageInspection } from 'tauri-plugin-event-bus-api'
 *
 * const isSlow = (page: PageInspection) => !page.isPulling && page.queue.events > 1000
 * ```
 */
export interface PageInspection {
  /** What the page has not fetched yet. */
  queue: QueueUsage
  /** How many events and gaps it has fetched and not acknowledged. */
  unacknowledgedEvents: number
  unacknowledgedBytes: number
  /** How many events its full queue has dropped since the page began. Each is part of a gap. */
  dropped: number
  /** Whether it waits for events. A page that does not is busy or gone. */
  isPulling: boolean
  /** Whether the host calls it with what it receives. Otherwise it fetches that with pulls. */
  isCalled: boolean
  /** Whether its replies go over Tauri's postMessage path, which is slower. */
  isEvaluated: boolean
  /** How many milliseconds ago the host last received something from it or replied to it. */
  lastSeenMsAgo: number
  /** How many milliseconds ago it last acknowledged something; `null` if it never has. */
  lastAcknowledgedMsAgo: number | null
  /** In the order of their ids. */
  subscriptions: SubscriptionInspection[]
}

/**
 * One webview, and the page in it.
 *
 * @example
 * ```ts
 * import type { WebviewInspection } from 'tauri-plugin-event-bus-api'
 *
 * const isListening = ({ page }: WebviewInspection) => page !== null && page.subscriptions.length > 0
 * ```
 */
export interface WebviewInspection {
  label: string
  /** The label of its window. */
  window: string
  /** `null` if no page has used the bus yet, or if it has gone. */
  page: PageInspection | null
  /** What is kept for the next page or for one that is starting; `null` once a page has started. */
  backlog: QueueUsage | null
  /** How many calls and ticks of its pages exceeded a rate limit. */
  rateLimited: number
}

/**
 * A queue of the host: that of all listeners together, or that of a stream.
 *
 * @example
 * ```ts
 * import type { ConsumerInspection } from 'tauri-plugin-event-bus-api'
 *
 * const name = ({ isStream }: ConsumerInspection) => (isStream ? 'a stream' : 'the host listeners')
 * ```
 */
export interface ConsumerInspection {
  isStream: boolean
  queue: QueueUsage
  /** How many events its full queue has dropped. */
  dropped: number
  subscriptions: SubscriptionInspection[]
}

/**
 * Whether this app is connected to other nodes, and what it has sent and received.
 *
 * @example
 * ```ts
 * import type { LinkStatus } from 'tauri-plugin-event-bus-api'
 *
 * const describe = ({ node, connected, reason }: LinkStatus) => `${node}: ${connected ? 'connected' : reason}`
 * ```
 */
export interface LinkStatus {
  /** The name of this node. */
  node: string
  connected: boolean
  /** Since when it is connected or not, in milliseconds since the Unix epoch. */
  since: number
  /** Why it is not connected, or what works less than it should. */
  reason: string | null
  /** How many events wait to be sent. */
  queued: number
  /** How many events were handed to the network. */
  sent: number
  /** How many events of other nodes were accepted. */
  received: number
  /** How many events were not sent. Each is part of a gap at its receivers. */
  dropped: number
  /** How many events of other nodes were lost on their way. Each is part of a gap here. */
  missing: number
  /** How many messages of other nodes were refused. */
  refused: number
  /** The other nodes that are there, in order; `null` if the link does not know. */
  nodes: string[] | null
}

/**
 * An open stream, or one half of a channel: a channel is listed twice.
 *
 * @example
 * ```ts
 * import type { StreamInspection } from 'tauri-plugin-event-bus-api'
 *
 * const behind = ({ sent, taken, isWaiting }: StreamInspection) => (isWaiting ? sent - taken : 0)
 * ```
 */
export interface StreamInspection {
  /** The name of the request. */
  name: string
  /** Who requested it and takes its parts. */
  caller: Endpoint
  /** Who sends its parts. */
  responder: Endpoint
  /** Whether the caller sends these parts, and the responder takes them: its half of a channel. */
  isFromCaller: boolean
  /** How many parts were sent. */
  sent: number
  /** How many of them were taken. */
  taken: number
  /** The size of those that were not taken. */
  bytes: number
  /** Whether its credit is used up, so that who sends it waits. */
  isWaiting: boolean
}

/**
 * A snapshot of the bus. It has no payloads.
 *
 * @example
 * ```ts
 * import { inspect, type Inspection } from 'tauri-plugin-event-bus-api'
 *
 * const { seq, refused }: Inspection = await inspect()
 * console.log(seq, 'events accepted,', refused, 'refused')
 * ```
 */
export interface Inspection {
  /** The newest sequence number, which is how many events were accepted since the app started. */
  seq: number
  /** How many events were not accepted, because their target was unknown or there was no room for them. */
  refused: number
  /** In the order of their labels. */
  webviews: WebviewInspection[]
  /** The host listeners together, and then each stream. */
  consumers: ConsumerInspection[]
  /** What is kept for later subscribers. */
  retained: QueueUsage
  /** The events that are kept until they are consumed. */
  unconsumed: QueueUsage
  /** How many members there are in all rooms of `presence`. */
  members: number
  /** How many wills there are: of pages that are there, and of those that are gone and may come back. */
  wills: number
  /** How many events wait until they are handled, as with `emitHandled`. */
  receipts: number
  /** Every job, in the order of their ids. */
  jobs: JobInfo[]
  /**
   * Every open stream, in the order in which they were requested. A channel is there twice, with the half of its responder
   * first.
   */
  streams: StreamInspection[]
  /** Every task that waits or runs, or whose end is kept, by name and key. */
  tasks: TaskInfo[]
  /** The link to other nodes, if the app has one. */
  link?: LinkStatus
}
