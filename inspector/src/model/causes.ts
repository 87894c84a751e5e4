import type { Entry } from './entry.js'
import type { Store } from './store.js'

/** An event in the tree of what caused it and what it has caused. */
export interface CauseNode {
  name: string
  /** Its row, if it is still kept. */
  entry?: Entry
  /** Whether it is the event whose tree this is. */
  isOwn: boolean
  children: CauseNode[]
}

/** How many rows before and after an event are looked at, and how many effects are shown. */
const REACH = 20_000
const EFFECTS = 100

const isSent = ({ kind }: Entry) => kind === 'event' || kind === 'tick' || kind === 'request'

/**
 * The tree of an event: its causes, each the newest of its name before what it caused, and its effects. An event carries
 * the names of its causes and not their numbers, so of two causes with one name the newer is taken.
 */
export function causesOf(store: Store, own: Entry): CauseNode {
  const { entries } = store
  const first = entries.at(0)?.id ?? 0
  const place = own.id - first
  const node: CauseNode = { name: own.name, entry: own, isOwn: true, children: effectsOf(store, own, place) }
  let root = node
  let [before, left] = [place - 1, REACH]
  for (let depth = own.causes.length - 1; depth >= 0; depth -= 1) {
    const name = own.causes[depth] as string
    const path = own.causes.slice(0, depth)
    let found: Entry | undefined
    for (let at = before; at >= 0 && left > 0; at -= 1, left -= 1) {
      const entry = entries.at(at) as Entry
      if (isSent(entry) && entry.name === name && isSame(entry.causes, path)) {
        found = entry
        before = at - 1
        break
      }
    }
    root = { name, entry: found, isOwn: false, children: [root] }
  }
  return root
}

/** What came of an event: the events whose causes go on from it. */
function effectsOf(store: Store, own: Entry, place: number): CauseNode[] {
  const { entries } = store
  const path = [...own.causes, own.name]
  const top: CauseNode = { name: own.name, isOwn: true, children: [] }
  const open = [top]
  let found = 0
  for (let at = place + 1; at < entries.length && at <= place + REACH && found < EFFECTS; at += 1) {
    const entry = entries.at(at) as Entry
    if (!isSent(entry)) continue
    // A later event of the same name, with the same causes, is what comes next of it.
    if (entry.name === own.name && isSame(entry.causes, own.causes)) break
    if (entry.causes.length < path.length || !isSame(entry.causes.slice(0, path.length), path)) continue
    const parents = entry.causes.slice(path.length)
    const parent = open.findLast((node) => node === top || isChain(node, parents)) ?? top
    const node: CauseNode = { name: entry.name, entry, isOwn: false, children: [] }
    if (parents.length === 0) top.children.push(node)
    else parent.children.push(node)
    open.push(node)
    found += 1
  }
  return top.children

  function isChain(node: CauseNode, parents: readonly string[]): boolean {
    const causes = node.entry?.causes.slice(path.length) ?? []
    return isSame([...causes, node.name], parents)
  }
}

const isSame = (one: readonly string[], other: readonly string[]) =>
  one.length === other.length && one.every((name, index) => name === other[index])
