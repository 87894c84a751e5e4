/** How many places that are free an array may have before what follows moves. */
const FREE = 64

/** A queue. `Array.prototype.shift` moves all that follows, which makes a long queue slow. */
export class Fifo<T> {
  private items: (T | undefined)[] = []
  private first = 0

  get length(): number {
    return this.items.length - this.first
  }

  push(item: T): void {
    this.items.push(item)
  }

  shift(): T | undefined {
    if (this.length === 0) return undefined
    const item = this.items[this.first]
    this.items[this.first++] = undefined
    if (this.first >= FREE && 2 * this.first >= this.items.length) {
      this.items = this.items.slice(this.first)
      this.first = 0
    }
    return item
  }

  /** Takes all of them. */
  take(): T[] {
    const all = this.items.slice(this.first) as T[]
    this.items = []
    this.first = 0
    return all
  }
}
