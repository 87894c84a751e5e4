import type { Entry } from '../model/entry.js'
import { clock, shownOnOneLine } from '../model/text.js'
import { Changing, el } from './dom.js'

export const ROW = 28

/** The rows on view. */
export interface View {
  first: number
  count: number
}

type At = (index: number) => Entry | undefined

/** One line of the list. It is used again for other rows. */
class Line {
  readonly element: HTMLElement
  readonly #time = new Changing()
  readonly #seq = new Changing()
  readonly #name = new Changing()
  readonly #preview = new Changing()
  readonly #tag = new Changing()
  entry?: Entry
  #state = 'none'
  #y = Number.NaN

  constructor() {
    this.element = el(
      'div',
      'row none',
      el('span', 'cell-time', this.#time.node),
      el('span', 'cell-seq', this.#seq.node),
      el(
        'span',
        'cell-name',
        el('span', 'kind-mark'),
        el('span', 'name', this.#name.node),
        el('span', 'tag', this.#tag.node),
      ),
      el('span', 'cell-preview', this.#preview.node),
    )
    this.element.setAttribute('role', 'row')
  }

  show(entry: Entry | undefined, y: number, isSelected: boolean): void {
    this.#mark(entry, isSelected)
    if (y !== this.#y) {
      this.#y = y
      this.element.style.top = `${y}px`
    }
    if (entry === this.entry) return
    this.entry = entry
    if (!entry) return
    this.#time.set(clock(entry.at))
    this.#seq.set(entry.seq === undefined ? '' : String(entry.seq))
    this.#name.set(shownOnOneLine(entry.name, 200))
    this.#tag.set(shownOnOneLine(entry.component ?? entry.job ?? entry.action ?? '', 40))
    this.#preview.set(shownOnOneLine(entry.preview, 160))
  }

  mark(selected: Entry | undefined): void {
    if (this.entry) this.#mark(this.entry, this.entry === selected)
  }

  #mark(entry: Entry | undefined, isSelected: boolean): void {
    const failed = entry?.code === undefined ? '' : ' failed'
    const state = entry ? `${entry.kind}${failed}${isSelected ? ' selected' : ''}` : 'none'
    if (state === this.#state) return
    this.#state = state
    this.element.className = `row ${state}`
    this.element.setAttribute('aria-selected', String(isSelected))
  }
}

/** Lines for the rows of one view. Their places count from a row of their own, so that all of them move at once. */
export class Lines {
  readonly element = el('div', 'layer')
  readonly #lines: Line[] = []
  #base = 0
  #top = 0

  /** So many rows at the front are gone. */
  drop(rows: number): void {
    this.#base -= rows
  }

  /** How many rows of a view it does not show. */
  missing({ first, count }: View, at: At): number {
    let missing = 0
    for (let index = first; index < first + count; index += 1) {
      const entry = at(index)
      if (entry && this.#line(index)?.entry !== entry) missing += 1
    }
    return missing
  }

  /**
   * Writes the rows of a view, and at most so many that it does not show. Returns how many it has written. A row that stays on
   * view keeps its line.
   */
  write({ first, count }: View, at: At, selected: Entry | undefined, most = count): number {
    while (this.#lines.length < count) {
      const line = new Line()
      this.#lines.push(line)
      this.element.append(line.element)
    }
    if (Math.abs(first - this.#base) > count) this.#base = first
    let written = 0
    for (let index = first; index < first + this.#lines.length; index += 1) {
      const line = this.#line(index)
      const entry = index < first + count ? at(index) : undefined
      if (entry && entry !== line?.entry) {
        if (written === most) return written
        written += 1
      }
      // One that shows nothing adds nothing to the height of the list.
      line?.show(entry, ((entry ? index : first) - this.#base) * ROW, entry !== undefined && entry === selected)
    }
    return written
  }

  /** Marks the selected row, and no other. */
  mark(selected: Entry | undefined): void {
    for (const line of this.#lines) line.mark(selected)
  }

  /** Puts its rows into their places in the list. */
  show(): void {
    this.#put(this.#base * ROW)
    this.element.removeAttribute('aria-hidden')
  }

  /** Puts its rows above the list, where they are laid out and not seen. */
  hide(): void {
    this.#put(-2 * ROW * (this.#lines.length + 1))
    this.element.setAttribute('aria-hidden', 'true')
  }

  entryOf(target: Node): Entry | undefined {
    return this.#lines.find(({ element }) => element.contains(target))?.entry
  }

  #line(index: number): Line | undefined {
    const { length } = this.#lines
    return this.#lines[(((index - this.#base) % length) + length) % length]
  }

  #put(top: number): void {
    if (top === this.#top) return
    this.#top = top
    this.element.style.top = `${top}px`
  }
}
