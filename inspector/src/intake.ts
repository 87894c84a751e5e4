import type { Store } from './model/store.js'

/** How many lines are read between two looks at the clock. */
const LINES = 16

/** Texts of records that have come, and are not read yet. They are read line by line, for a few milliseconds at a time. */
export class Intake {
  #texts: string[] = []
  /** The place in the first text up to which it was read. */
  #at = 0

  get isEmpty(): boolean {
    return this.#texts.length === 0
  }

  /** Adds a text, each line of which is a record. */
  add(text: string): void {
    if (text !== '') this.#texts.push(text)
  }

  /** Reads records into the store until the time is over, and at least some. Returns how many. */
  take(store: Store, millis: number, now: () => number = () => performance.now()): number {
    const end = now() + millis
    for (let lines = 1; ; lines += 1) {
      const line = this.#line()
      if (line === undefined) return lines - 1
      store.add(line)
      if (lines % LINES === 0 && now() >= end) return lines
    }
  }

  #line(): string | undefined {
    const [text] = this.#texts
    if (text === undefined) return undefined
    const found = text.indexOf('\n', this.#at)
    const end = found < 0 ? text.length : found
    const line = text.slice(this.#at, end)
    this.#at = end + 1
    if (this.#at < text.length) return line
    this.#texts.shift()
    this.#at = 0
    return line
  }
}
