import { run } from '../core/commands.js'
import { toEventBusError } from '../core/error.js'
import { openInbox } from '../core/inbox.js'
import type { PeriodicInfo } from './jobs.js'

/**
 * How much a queue or a store holds, and how much it may. Bytes are about what names and payloads take.
 *
 * @example
 * ```ts
 * import type { Load } from 'tauri-plugin-event-bus-api'
 *
 * const percent = ({ events, maxEvents }: Load) => `${Math.round((100 * events) / maxEvents)} %`
 * ```
 */
export interface Load {
  events: number
  bytes: number
  maxEvents: number
  maxBytes: number
}

/**
 * One subscription. `target` says which of the matching events it hears: those for everyone and those that are sent
 * to it (`own`), only those that are sent to it (`sent`), or all, whomever they are for (`everything`, in Rust alone).
 *
 * @example
 * ```ts
 * import type { InspectedSubscription } from 'tauri-plugin-event-bus-api'
 *
 * const describe = ({ id, event }: InspectedSubscription) => `${id} listens to ${event}`
 * ```
 */
export interface InspectedSubscription {
  id: number
  /** The name or pattern that it listens to. */
  event: string
  target: 'own' | 'sent' | 'everything'
}

/**
 * A page that uses the bus.
 *
 * @example
 * ```ts
 * import type { InspectedPage } from 'tauri-plugin-event-bus-api'
 *
 * const isSlow = (page: InspectedPage) => !page.isPulling && page.queue.events > 1000
 * ```
 */
export interface InspectedPage {
  /** What it has still to fetch. */
  queue: Load
  /** How many events and gaps it was given and has not acknowledged. */
  unacknowledgedEvents: number
  unacknowledgedBytes: number
  /** How many events its full queue has dropped since the page began. Each is told as a part of a gap. */
  dropped: number
  /** Whether it waits for events. A page that does not is busy, or gone. */
  isPulling: boolean
  /** How many milliseconds ago it was last heard of or answered. */
  lastSeenMsAgo: number
  /** How many milliseconds ago it last acknowledged something; `null` if it never has. */
  lastAcknowledgedMsAgo: number | null
  /** In the order of their ids. */
  subscriptions: InspectedSubscription[]
}

/**
 * One webview, and the page in it.
 *
 * @example
 * ```ts
 * import type { InspectedWebview } from 'tauri-plugin-event-bus-api'
 *
 * const isListening = ({ page }: InspectedWebview) => page !== null && page.subscriptions.length > 0
 * ```
 */
export interface InspectedWebview {
  label: string
  /** The label of its window. */
  window: string
  /** `null` if no page has used the bus yet, or if it has gone. */
  page: InspectedPage | null
  /** What is kept for the page that is to come or is starting; `null` where a page has started. */
  backlog: Load | null
  /** How many of its pages' calls and ticks came too fast and were refused. */
  rateLimited: number
}

/**
 * A queue in Rust: that of all listeners together, or that of a stream.
 *
 * @example
 * ```ts
 * import type { InspectedConsumer } from 'tauri-plugin-event-bus-api'
 *
 * const name = ({ isStream }: InspectedConsumer) => (isStream ? 'a stream' : 'the listeners in Rust')
 * ```
 */
export interface InspectedConsumer {
  isStream: boolean
  queue: Load
  /** How many events its full queue has dropped. */
  dropped: number
  subscriptions: InspectedSubscription[]
}

/**
 * How the bus stands. Nothing in it is a payload.
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
  webviews: InspectedWebview[]
  /** The listeners in Rust together, and then each stream. */
  consumers: InspectedConsumer[]
  /** What is kept for later subscribers. */
  retained: Load
  /** Every periodic job, in the order of their ids. */
  jobs: PeriodicInfo[]
}

/**
 * How the bus stands, of the whole app: counters, queues, subscriptions and jobs. For tools of developers; it takes the
 * permission `event-bus:inspect`, which is not in the default.
 *
 * @throws {EventBusError} by rejection: `denied`, `unavailable`.
 *
 * @example
 * ```ts
 * import { inspect } from 'tauri-plugin-event-bus-api'
 *
 * const { webviews } = await inspect()
 * console.table(webviews.map(({ label, page }) => ({ label, waiting: page?.queue.events, dropped: page?.dropped })))
 * ```
 */
export async function inspect(): Promise<Inspection> {
  try {
    openInbox()
    return (await run('inspect', {})) as Inspection
  } catch (error) {
    throw toEventBusError(error, 'inspect')
  }
}
