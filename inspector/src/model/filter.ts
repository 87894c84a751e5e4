import { type Entry, type EntryKind, type LaneKey, searchTextOf } from './entry.js'

/** Which rows are shown. An empty text, and an absent choice, is everything. */
export interface Filter {
  /** Words that all must occur; `-word` must not. `name:`, `from:`, `to:` and `in:` look at one thing. */
  text: string
  kinds: ReadonlySet<EntryKind>
  source?: LaneKey
  target?: LaneKey
  component?: string
}

export const KINDS: readonly EntryKind[] = ['event', 'tick', 'request', 'refused', 'gap', 'lost']

export function everything(): Filter {
  return { text: '', kinds: new Set(KINDS) }
}

export function isNarrow(filter: Filter): boolean {
  const { text, kinds, source, target, component } = filter
  return text.trim() !== '' || kinds.size < KINDS.length || [source, target, component].some((one) => one !== undefined)
}

const FIELDS: Record<string, (entry: Entry) => string> = {
  name: ({ name }) => name,
  from: ({ lane }) => laneText(lane),
  to: ({ ways, to }) => [...ways.map(({ lane }) => laneText(lane)), to ?? ''].join('\n'),
  in: ({ component }) => component ?? '',
  code: ({ code }) => code ?? '',
}

const laneText = (lane: LaneKey) => (lane === 'host' ? 'rust host' : lane.slice(lane.indexOf(':') + 1))

interface Word {
  text: string
  wanted: boolean
  field?: (entry: Entry) => string
}

function wordOf(text: string): Word {
  const wanted = !text.startsWith('-') || text.length === 1
  const word = wanted ? text : text.slice(1)
  const colon = word.indexOf(':')
  const field = FIELDS[word.slice(0, Math.max(colon, 0))]
  // Names have colons, too.
  if (field && colon < word.length - 1) return { text: word.slice(colon + 1), wanted, field }
  return { text: word, wanted }
}

/** Whether a row passes a filter. */
export function passes(filter: Filter): (entry: Entry) => boolean {
  const words = filter.text.toLowerCase().split(/\s+/).filter(Boolean).map(wordOf)
  const { kinds, source, target, component } = filter
  return (entry) =>
    kinds.has(entry.kind) &&
    (source === undefined || entry.lane === source) &&
    (target === undefined || entry.ways.some(({ lane }) => lane === target)) &&
    (component === undefined || entry.component === component) &&
    (words.length === 0 || hasWords(entry, words))
}

function hasWords(entry: Entry, words: readonly Word[]): boolean {
  let search: string | undefined
  return words.every(({ text, wanted, field }) => {
    if (field) return field(entry).toLowerCase().includes(text) === wanted
    search ??= searchTextOf(entry)
    return search.includes(text) === wanted
  })
}
