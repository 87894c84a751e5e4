import { run } from '../core/commands.js'
import { toEventBusError } from '../core/error.js'
import { openInbox } from '../core/inbox.js'

/**
 * An event that the app has declared in Rust.
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
  /** Its name. */
  name: string
  /** The doc comment of its type; `null` if it has none. */
  description: string | null
  /** How it is kept and delivered; `null` where its declaration leaves that open. */
  policy: {
    overflow: 'drop-oldest' | 'latest' | 'reject' | null
    retain: boolean | null
    history: boolean | null
  }
  /** Who emits it, for people. */
  emittedBy: string[]
  /** Who listens to it, for people. */
  heardBy: string[]
  /** Whether what pages emit under its name must have its shape. */
  checked: boolean
  /** The JSON Schema of its payload, which may refer to the catalog's `$defs`. */
  schema: unknown
}

/**
 * A question that the app has declared in Rust.
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
  /** Its name. */
  name: string
  /** The doc comment of its type; `null` if it has none. */
  description: string | null
  /** The JSON Schema of what is asked, which may refer to the catalog's `$defs`. */
  question: unknown
  /** The JSON Schema of what is answered. */
  answer: unknown
}

/**
 * What a component emits and listens to: names or patterns, each with what the component has to do with it.
 *
 * @example
 * ```ts
 * import { component, type ComponentDescription } from 'tauri-plugin-event-bus-api'
 *
 * const description: ComponentDescription = {
 *   description: 'The cart, and the badge that counts what is in it.',
 *   emits: { 'cart:updated': 'What is in the cart has changed.' },
 *   listens: { 'order:*': 'Empties itself once an order is paid.' },
 * }
 * component('ShoppingCart').describe(description)
 * ```
 */
export interface ComponentDescription {
  /** What it is. */
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
  /** What it calls itself. */
  name: string
  /** Its namespace; `null` if it has none. */
  namespace: string | null
  /** What it is; `null` if it does not say. */
  description: string | null
  /** What it emits, by whole names. */
  emits: { event: string; description: string }[]
  /** What it listens to, by whole names or patterns. */
  listens: { event: string; description: string }[]
}

/**
 * The events that the app has declared in Rust.
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
  /** Whether names that are not declared are refused. */
  strict: boolean
  /** The events, in the order of their names. */
  events: DeclaredEvent[]
  /** The questions, in the order of their names. */
  requests: DeclaredRequest[]
  /** The components that are described: first those of Rust, then those of this page. */
  components: DescribedComponent[]
  /** The types that the schemas refer to. */
  $defs: Record<string, unknown>
}

/**
 * What the app has declared in Rust, for pages that show it: tools for developers, say. It takes a permission of its
 * own, `event-bus:allow-catalog`.
 *
 * @throws {EventBusError} by rejection: `denied`, `unavailable`.
 *
 * @example
 * ```ts
 * import { catalog } from 'tauri-plugin-event-bus-api'
 *
 * const { events } = await catalog()
 * console.table(events, ['name', 'description'])
 * ```
 */
export async function catalog(): Promise<Catalog> {
  try {
    openInbox()
    const declared = (await run('catalog', {})) as Catalog
    return { ...declared, components: [...declared.components, ...described.values()] }
  } catch (error) {
    throw toEventBusError(error, 'catalog')
  }
}

/** What the components of this page say of themselves; the one that was said last, of each. */
const described = new Map<string, DescribedComponent>()

/** Notes what a component says of itself. It stays in the page: what the host keeps of a page would need a limit. */
export function describeComponent(
  name: string,
  namespace: string | undefined,
  full: (event: string) => string,
  { description, emits = {}, listens = {} }: ComponentDescription,
): void {
  const list = (events: Readonly<Record<string, string>>) =>
    Object.entries(events).map(([event, text]) => ({ event: full(event), description: text }))
  described.set(full(name), {
    name,
    namespace: namespace ?? null,
    description: description ?? null,
    emits: list(emits),
    listens: list(listens),
  })
}
