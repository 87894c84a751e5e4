import { hasWildcard } from '../core/glob.js'
import { filterOf } from '../testing/checks.js'

interface Clearing {
  readonly pattern: string
  readonly matches: (name: string) => boolean
  readonly at: number
}

/** How many are kept, since each new tab is told of all of them. */
const MOST = 1_000

/** When retained events were cleared. What is not newer is retained in no tab. */
export class Clearings {
  /** Those that no other one covers. */
  kept: readonly Clearing[] = []
  /** When the last one of those that are forgotten was. */
  private floor = 0

  /** Adds one, and returns what its name or pattern matches. */
  add(pattern: string, at: number): Clearing['matches'] {
    const added = { pattern, matches: filterOf(pattern), at }
    if (this.kept.some((one) => covers(one, added))) return added.matches
    const kept = [...this.kept.filter((one) => !covers(added, one)), added]
    if (kept.length > MOST) {
      const first = kept.reduce((one, other) => (other.at < one.at ? other : one))
      kept.splice(kept.indexOf(first), 1)
      this.floor = Math.max(this.floor, first.at)
    }
    this.kept = kept
    return added.matches
  }

  /** When events of that name were cleared last. A copy may also be of what one that is forgotten has cleared. */
  last(name: string, isCopy: boolean): number {
    return this.kept.reduce(
      (last, { matches, at }) => (at > last && matches(name) ? at : last),
      isCopy ? this.floor : 0,
    )
  }
}

/** Whether one makes no difference after another one. */
function covers(later: Clearing, { pattern, at }: Clearing): boolean {
  return later.at >= at && (later.pattern === pattern || (!hasWildcard(pattern) && later.matches(pattern)))
}
