import { run } from './commands.js'
import { toEventBusError } from './error.js'
import { openInbox } from './inbox.js'

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
    return (await run('catalog', {})) as Catalog
  } catch (error) {
    throw toEventBusError(error, 'catalog')
  }
}
