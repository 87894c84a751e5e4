/**
 * An event that the app declares in Rust.
 *
 * @example
 * ```ts
 * import { catalog, type DeclaredEvent } from 'tauri-plugin-event-bus-api'
 *
 * const describe = ({ name, description }: DeclaredEvent) => `${name}: ${description ?? 'no description'}`
 * console.log((await catalog()).events.map(describe).join('\n'))
 * ```
 */
export interface DeclaredEvent {
  /** The name of the event. */
  name: string
  /** The doc comment of its type; `null` if it has none. */
  description: string | null
  /** How the host keeps and delivers it; `null` where its declaration does not say. */
  policy: {
    overflow: 'drop-oldest' | 'latest' | 'reject' | null
    retain: boolean | null
    history: boolean | null
    /** Present where its declaration says it. */
    until?: 'start-up' | 'consumed'
    maxDeliveries?: number
    expiresMs?: number
  }
  /** Who emits it, for people. */
  emittedBy: string[]
  /** Who listens to it, for people. */
  listenedBy: string[]
  /** Whether the host checks the shape of what pages emit under its name. */
  checked: boolean
  /** The JSON Schema of its payload, which may refer to the catalog's `$defs`. */
  schema: unknown
}

/**
 * A request that the app declares in Rust.
 *
 * @example
 * ```ts
 * import { catalog, type DeclaredRequest } from 'tauri-plugin-event-bus-api'
 *
 * const names = (requests: DeclaredRequest[]) => requests.map(({ name }) => name)
 * console.log(names((await catalog()).requests))
 * ```
 */
export interface DeclaredRequest {
  /** The name of the request. */
  name: string
  /** The doc comment of its type; `null` if it has none. */
  description: string | null
  /** The JSON Schema of the request, which may refer to the catalog's `$defs`. */
  request: unknown
  /** The JSON Schema of the response. */
  response: unknown
}

/**
 * A stream that the app declares in Rust.
 *
 * @example
 * ```ts
 * import { catalog, type DeclaredStream } from 'tauri-plugin-event-bus-api'
 *
 * const names = (streams: DeclaredStream[]) => streams.map(({ name }) => name)
 * console.log(names((await catalog()).streams))
 * ```
 */
export interface DeclaredStream extends DeclaredRequest {
  /** The JSON Schema of a part. */
  part: unknown
}

/**
 * A channel that the app declares in Rust.
 *
 * @example
 * ```ts
 * import { catalog, type DeclaredChannel } from 'tauri-plugin-event-bus-api'
 *
 * const names = (channels: DeclaredChannel[]) => channels.map(({ name }) => name)
 * console.log(names((await catalog()).channels))
 * ```
 */
export interface DeclaredChannel extends Omit<DeclaredRequest, 'response'> {
  /** The JSON Schema of what a page gets. */
  incoming: unknown
  /** The JSON Schema of what a page sends. */
  outgoing: unknown
}

/**
 * What a component emits and listens to: names or patterns, each with a description for people.
 *
 * @example
 * ```ts
 * import { component, type ComponentDescription } from 'tauri-plugin-event-bus-api'
 *
 * const description: ComponentDescription = {
 *   description: 'The cart, and the badge that counts what is in it.',
 *   emits: { 'cart:updated': 'The content of the cart has changed.' },
 *   listens: { 'order:*': 'Empties the cart once an order is paid.' },
 * }
 * component('ShoppingCart').describe(description)
 * ```
 */
export interface ComponentDescription {
  /** What the component is. */
  description?: string
  /** What it emits. */
  emits?: Readonly<Record<string, string>>
  /** What it listens to. */
  listens?: Readonly<Record<string, string>>
}

/**
 * A component that is described, in Rust or in this page.
 *
 * @example
 * ```ts
 * import { catalog, type DescribedComponent } from 'tauri-plugin-event-bus-api'
 *
 * const line = ({ name, emits }: DescribedComponent) => `${name} emits ${emits.map(({ event }) => event).join(', ')}`
 * console.log((await catalog()).components.map(line).join('\n'))
 * ```
 */
export interface DescribedComponent {
  /** The name of the component. */
  name: string
  /** Its namespace; `null` if it has none. */
  namespace: string | null
  /** What it is; `null` if it does not say. */
  description: string | null
  /** What it emits, by full names. */
  emits: { event: string; description: string }[]
  /** What it listens to, by full names or patterns. */
  listens: { event: string; description: string }[]
}

/**
 * The events, requests, streams, channels and components that the app declares in Rust, and the components of this page.
 *
 * @example
 * ```ts
 * import { catalog, type Catalog } from 'tauri-plugin-event-bus-api'
 *
 * const { events, $defs }: Catalog = await catalog()
 * console.log(events.length, 'events of', Object.keys($defs).length, 'types')
 * ```
 */
export interface Catalog {
  /** Whether the host refuses names that are not declared. */
  strict: boolean
  /** The events, in the order of their names. */
  events: DeclaredEvent[]
  /** The requests, in the order of their names. */
  requests: DeclaredRequest[]
  /** The streams, in the order of their names. */
  streams: DeclaredStream[]
  /** The channels, in the order of their names. */
  channels: DeclaredChannel[]
  /** The components that are described: first those of Rust, then those of this page. */
  components: DescribedComponent[]
  /** The types that the schemas refer to. */
  $defs: Record<string, unknown>
}
