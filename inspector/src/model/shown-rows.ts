import { Deque } from './deque.js'
import type { Entry } from './entry.js'
import { everything, type Filter, passes } from './filter.js'
import type { Store } from './store.js'

/** How long a filter looks at rows in one go, and how many rows it looks at between two looks at the clock. */
const SLICE_MS = 2
const SLICE = 256

/** The rows that pass the filter. A filter that changes is applied in slices, so that no frame takes long. */
export class ShownRows {
  readonly #store: Store
  #rows = new Deque<Entry>()
  #filter = everything()
  #passes = passes(this.#filter)
  /** The row up to which it has looked. */
  #seen = 0
  #paused?: number

  constructor(store: Store) {
    this.#store = store
  }

  get filter(): Filter {
    return this.#filter
  }

  set filter(filter: Filter) {
    this.#filter = filter
    this.#passes = passes(filter)
    this.#rows = new Deque()
    this.#seen = 0
  }

  get length(): number {
    return this.#rows.length
  }

  get paused(): boolean {
    return this.#paused !== undefined
  }

  /** How many rows have come since the pause began, whether they pass or not. */
  get waiting(): number {
    return this.#paused === undefined ? 0 : this.#store.next - this.#paused
  }

  at(index: number): Entry | undefined {
    return this.#rows.at(index)
  }

  /** The place of a row; -1 if it is not shown. */
  indexOf(entry: Entry): number {
    const index = this.#rows.firstWhere(({ id }) => id >= entry.id)
    return this.#rows.at(index) === entry ? index : -1
  }

  pause(): void {
    this.#paused ??= this.#store.next
  }

  resume(): void {
    this.#paused = undefined
  }

  /** Forgets all rows, as the store has done. */
  clear(): void {
    this.#rows.clear()
    this.#seen = this.#store.next
    if (this.#paused !== undefined) this.#paused = this.#store.next
  }

  /** Looks at what is new, for so long. Returns how many rows are gone at the front, and whether there is more to look at. */
  update(millis = SLICE_MS, now: () => number = () => performance.now()): { gone: number; more: boolean } {
    let gone = 0
    // What is paused stays as it is.
    if (!this.paused) {
      for (let first = this.#rows.at(0); first && !this.#store.has(first); first = this.#rows.at(0)) {
        this.#rows.shift()
        gone += 1
      }
    }
    const { entries } = this.#store
    const end = this.#paused ?? this.#store.next
    const firstId = entries.at(0)?.id ?? this.#store.next
    const from = Math.max(this.#seen, firstId)
    const last = now() + millis
    let id = from
    for (; id < end; id += 1) {
      if (id > from && (id - from) % SLICE === 0 && now() >= last) break
      const entry = entries.at(id - firstId)
      if (entry && this.#passes(entry)) this.#rows.push(entry)
    }
    this.#seen = Math.max(from, id)
    return { gone, more: this.#seen < end }
  }
}
