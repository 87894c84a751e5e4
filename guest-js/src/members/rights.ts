import { EventBusError } from '../core/error.js'
import { hasWildcard, matcherOf } from '../core/glob.js'

/**
 * What a worker or a frame may do, by names and patterns. The page has to be allowed the same.
 *
 * @example
 * ```ts
 * import type { Allowed } from 'tauri-plugin-event-bus-api/worker'
 *
 * const allowed: Allowed = { listen: ['log:*'], emit: [], request: ['settings'], respond: [] }
 * ```
 */
export interface Allowed {
  /** The events that it may listen to. A pattern of its own has to lie within one of these. */
  listen?: readonly string[]
  /** The events that it may emit, to everyone and to any target, also by jobs. */
  emit?: readonly string[]
  /** The requests that it may send. */
  request?: readonly string[]
  /** The requests that it may respond to. */
  respond?: readonly string[]
}

type Kind = keyof Allowed

const KINDS: readonly Kind[] = ['listen', 'emit', 'request', 'respond']

/** The prefix of events of the bus itself, which only entries with it allow. */
const OWN_PREFIX = 'event-bus:'

/** One entry of a list. */
interface Entry {
  readonly pattern: string
  matches(name: string): boolean
}

/** The lists of a member. */
export class Rights {
  private readonly lists = new Map<Kind, Entry[]>()

  /** `isOpen`: a list that is left out allows everything. */
  constructor(
    private readonly source: string,
    allowed: Allowed,
    private readonly isOpen: boolean,
  ) {
    for (const kind of KINDS) {
      const list = allowed[kind] ?? (isOpen ? undefined : [])
      if (list === undefined) continue
      if (!Array.isArray(list)) {
        throw new EventBusError('invalid_argument', `"${kind}" of ${source} must be a list of names or patterns`)
      }
      this.lists.set(kind, list.map(entryOf))
    }
  }

  /** Whether the member may do whatever its page may do. */
  get isUnlimited(): boolean {
    return this.lists.size === 0
  }

  /** Refuses a name, or a pattern to listen to. */
  check(kind: Kind, name: string): void {
    const list = this.lists.get(kind)
    if (!list) return
    const isAllowed = hasWildcard(name)
      ? kind === 'listen' && list.some(({ pattern }) => covers(pattern, name))
      : list.some(({ matches }) => matches(name))
    if (isAllowed) return
    const lists = this.isOpen ? ` (${list.map(({ pattern }) => `"${pattern}"`).join(', ') || 'nothing'})` : ''
    throw new EventBusError(
      'denied',
      `${this.source} may not ${VERBS[kind]} "${name}": its page allows what the list "${kind}" of expose() names${lists}`,
    )
  }
}

const VERBS: Record<Kind, string> = { listen: 'listen to', emit: 'emit', request: 'request', respond: 'respond to' }

function entryOf(pattern: string): Entry {
  const matches = matcherOf(pattern)
  const isOwn = pattern.startsWith(OWN_PREFIX)
  return { pattern, matches: (name) => matches(name) && (isOwn || !name.startsWith(OWN_PREFIX)) }
}

/** Whether all that a pattern matches is certain to match an entry: the same, or what goes on where its only `*` begins. */
function covers(entry: string, pattern: string): boolean {
  if (entry === pattern) return true
  const before = entry.slice(0, -1)
  if (!entry.endsWith('*') || hasWildcard(before) || !pattern.startsWith(before)) return false
  return entry.startsWith(OWN_PREFIX) || !pattern.startsWith(OWN_PREFIX)
}
