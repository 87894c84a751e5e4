/** How many places may be empty at the front before the list is copied. */
const SLACK = 8192

/** A list that grows at its end and shrinks at its front. */
export class Deque<T> {
  #items: T[] = []
  #head = 0

  get length(): number {
    return this.#items.length - this.#head
  }

  push(item: T): void {
    this.#items.push(item)
  }

  /** The item at this place from the front. */
  at(index: number): T | undefined {
    return index < 0 ? undefined : this.#items[this.#head + index]
  }

  /** Removes the first item. */
  shift(): T | undefined {
    if (this.length === 0) return undefined
    const item = this.#items[this.#head]
    // Nothing keeps it alive.
    this.#items[this.#head] = undefined as T
    this.#head += 1
    if (this.#head > SLACK && this.#head > this.#items.length / 2) {
      this.#items = this.#items.slice(this.#head)
      this.#head = 0
    }
    return item
  }

  clear(): void {
    this.#items = []
    this.#head = 0
  }

  /** The place of the first item for which this is true, if all items after it are, too; otherwise the length. */
  firstWhere(test: (item: T) => boolean): number {
    let [low, high] = [0, this.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (test(this.at(middle) as T)) high = middle
      else low = middle + 1
    }
    return low
  }

  *[Symbol.iterator](): Iterator<T> {
    for (let index = this.#head; index < this.#items.length; index += 1) yield this.#items[index] as T
  }
}
