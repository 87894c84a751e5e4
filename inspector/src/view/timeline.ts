import type { Left } from '../frames.js'
import { type Entry, type LaneKey, laneName } from '../model/entry.js'
import type { ShownRows } from '../model/shown-rows.js'
import type { Store } from '../model/store.js'
import { counted, shownOnOneLine } from '../model/text.js'
import { button, Changing, el, icon, laneClass, setHidden } from './dom.js'
import { type Colors, LaneDrawing } from './lanes.js'
import { Lines, ROW, type View } from './lines.js'

/** How many rows a frame writes of a view that is made ready. */
const SLICE = 3

/** How wide a lane is. */
const NARROW = 34
const WIDE = 76

/** Below this width a lane has no room for a dot beside its name. */
const TIGHT = 60

/** Below this width the list has neither numbers nor components. */
const COMPACT = 720

/** The list of what has happened, of which only what is in view is drawn, with a lane for each page and one for Rust. */
export class Timeline {
  readonly element: HTMLElement
  readonly #store: Store
  readonly #rows: ShownRows
  readonly #select: (entry: Entry) => void
  readonly #head = el('div', 'lane-names')
  /** The lines on view, and those of the view that is made ready. */
  #lines = new Lines()
  #spare = new Lines()
  readonly #spacer = el('div', 'spacer')
  readonly #scroller = el('div', 'scroller', this.#spacer, this.#lines.element, this.#spare.element)
  /** The lanes on view, and those that are made ready. */
  #canvas = el('canvas', 'lanes')
  #spareCanvas = el('canvas', 'lanes')
  readonly #empty = el('div', 'empty')
  readonly #pillText = new Changing()
  readonly #pill: HTMLButtonElement
  #lanes: LaneKey[] = []
  #laneWidth = WIDE
  #height = 0
  #width = 0
  #spacerHeight = -1
  /** Where the list is scrolled to. To read it from the page would lay the page out. */
  #top = 0
  #follows = true
  #colors?: Colors
  /** Whether it is to show something else at once. */
  #isNew = true
  /** The view that is made ready, a few rows a frame. */
  #next?: View & { top: number; isPainted: boolean }
  #unseen = 0
  #selected?: Entry

  constructor(store: Store, rows: ShownRows, schedule: () => void, select: (entry: Entry) => void) {
    this.#store = store
    this.#rows = rows
    this.#select = select
    this.#spare.hide()
    this.#spareCanvas.style.visibility = 'hidden'
    this.#pill = button('pill', '', () => this.follow())
    this.#pill.append(icon('down'), this.#pillText.node)
    const head = el(
      'div',
      'list-head',
      el('span', 'cell-time', 'Time'),
      el('span', 'cell-seq', '#'),
      el('span', 'cell-name', 'Name'),
      el('span', 'cell-preview', 'Payload'),
      this.#head,
    )
    this.element = el(
      'div',
      'timeline',
      head,
      el('div', 'list', this.#scroller, this.#canvas, this.#spareCanvas, this.#empty, this.#pill),
    )
    this.#scroller.tabIndex = 0
    this.#scroller.setAttribute('role', 'grid')
    this.#scroller.setAttribute('aria-label', 'What has happened')
    this.#scroller.addEventListener('scroll', () => {
      const { scrollTop } = this.#scroller
      // This list has scrolled itself.
      if (Math.abs(scrollTop - this.#top) < 1) return
      this.#isNew = true
      // Rows that are not laid out yet are no rows to scroll to.
      this.#follows = scrollTop + this.#height >= this.#spacerHeight - ROW
      schedule()
    })
    // What moves under the pointer is selected on press.
    this.#scroller.addEventListener('pointerdown', ({ target }) => {
      const entry = this.#lines.entryOf(target as Node)
      if (entry) this.#select(entry)
    })
    new ResizeObserver(() => {
      this.#height = this.#scroller.clientHeight
      this.#width = this.element.clientWidth
      this.#isNew = true
      this.#layLanes()
      schedule()
    }).observe(this.element)
  }

  /** Shows the newest rows, and stays there. */
  follow(): void {
    this.#follows = true
    this.#isNew = true
    this.#scroller.scrollTop = this.#spacer.offsetHeight
    this.#scroller.dispatchEvent(new Event('scroll'))
    // Also in a view that is hidden, which has no height.
    this.#follows = true
  }

  /** Marks a row, and brings it into view. */
  mark(entry: Entry | undefined, intoView: boolean): void {
    this.#selected = entry
    const index = entry && intoView ? this.#rows.indexOf(entry) : -1
    if (index < 0) return
    this.#stretch()
    const { scrollTop } = this.#scroller
    if (index * ROW < scrollTop) this.#scroller.scrollTop = index * ROW
    else if ((index + 1) * ROW > scrollTop + this.#height) this.#scroller.scrollTop = (index + 1) * ROW - this.#height
    this.#follows = false
  }

  focus(): void {
    this.#scroller.focus()
  }

  /** How many rows are in view. */
  get page(): number {
    return Math.max(1, Math.floor(this.#height / ROW) - 1)
  }

  /** Makes the list as high as its rows. In a flood that waits for the next view, since it lays the list out. */
  #stretch(): void {
    const height = this.#rows.length * ROW
    if (height !== this.#spacerHeight) {
      this.#spacerHeight = height
      this.#spacer.style.height = `${height}px`
    }
  }

  #scrollTo(top: number): void {
    this.#stretch()
    this.#top = top
    this.#scroller.scrollTop = top
  }

  /** Takes what is new, and draws what is in view. */
  draw(colors: Colors): Left {
    if (colors !== this.#colors) this.#isNew = true
    this.#colors = colors
    const before = this.#rows.length
    const { gone, more } = this.#rows.update()
    const { length } = this.#rows
    const height = length * ROW
    for (const lines of [this.#lines, this.#spare]) lines.drop(gone)
    if (this.#next) {
      this.#next.first -= gone
      this.#next.top -= gone * ROW
    }
    if (this.#follows) this.#unseen = 0
    else this.#unseen += Math.max(0, length + gone - before)
    setHidden(this.#pill, this.#follows)
    this.#pillText.set(this.#unseen === 0 ? 'Newest' : `${counted(this.#unseen, 'new row')}`)
    setHidden(this.#empty, length > 0)
    const left = this.#drawView(Math.max(0, height - this.#height), gone * ROW, colors)
    if (left === 'nothing' && more) return 'later'
    if (!more) this.#isNew = false
    return left
  }

  /** Shows the rows at the end, or those where the list is. */
  #drawView(end: number, gone: number, colors: Colors): Left {
    if (!this.#follows) {
      this.#next = undefined
      const { scrollTop } = this.#scroller
      this.#top = scrollTop
      // What is in view stays in view.
      this.#drawNow(Math.max(0, scrollTop - gone), colors)
      return 'nothing'
    }
    // What is on view does not fill the list until the next view is ready.
    const isBare = this.#spacerHeight < this.#height || this.#top < gone || (this.#next?.top ?? 0) < 0
    if (this.#isNew || isBare) {
      this.#next = undefined
      this.#drawNow(end, colors)
      return 'nothing'
    }
    const view = this.#next ?? { ...this.#viewAt(end), top: end, isPainted: false }
    if (!this.#next && this.#lines.missing(view, this.#at) <= SLICE) {
      this.#drawNow(end, colors)
      return 'nothing'
    }
    this.#next = view
    const isWritten = this.#spare.write(view, this.#at, this.#selected, SLICE) === 0
    this.#spare.hide()
    if (!isWritten || !view.isPainted) {
      if (isWritten) this.#paint(this.#spareCanvas, view.top, colors)
      view.isPainted = isWritten
      this.#lines.mark(this.#selected)
      this.#lines.show()
      if (gone > 0) this.#scrollTo(Math.max(0, this.#top - gone))
      return 'next'
    }
    this.#swap()
    this.#scrollTo(view.top)
    this.#next = undefined
    return this.#top < end ? 'later' : 'nothing'
  }

  /** Shows what was made ready. */
  #swap(): void {
    ;[this.#lines, this.#spare] = [this.#spare, this.#lines]
    ;[this.#canvas, this.#spareCanvas] = [this.#spareCanvas, this.#canvas]
    this.#lines.mark(this.#selected)
    this.#spare.hide()
    this.#lines.show()
    this.#spareCanvas.style.visibility = 'hidden'
    this.#canvas.style.visibility = ''
  }

  set emptyText(text: string) {
    if (this.#empty.textContent !== text) this.#empty.textContent = text
  }

  /** Gives each lane its place. Returns whether there are others than before. */
  setLanes(lanes: readonly LaneKey[]): void {
    if (lanes.length === this.#lanes.length && lanes.every((lane, index) => lane === this.#lanes[index])) return
    this.#lanes = [...lanes]
    this.#isNew = true
    this.#layLanes()
  }

  /** The place of a lane among the lanes of the store, by which it has its color. */
  laneIndex = (lane: LaneKey): number => Math.max(0, this.#store.lanes.indexOf(lane))

  #layLanes(): void {
    const room = Math.max(this.#width * 0.32, 120)
    this.#laneWidth = Math.max(NARROW, Math.min(WIDE, Math.floor(room / Math.max(1, this.#lanes.length))))
    const width = this.#laneWidth * this.#lanes.length
    const isNarrow = this.#width < COMPACT
    const left = isNarrow ? 120 : 176
    // Beside the lanes and the scroll bar.
    const text = Math.max(0, this.#width - left - width - 10)
    const name = Math.round(text * (isNarrow ? 0.6 : 0.45))
    this.element.classList.toggle('narrow', isNarrow)
    this.element.classList.toggle('tight', this.#laneWidth < TIGHT)
    const sizes = { lanes: width, name, preview: text - name }
    for (const [key, size] of Object.entries(sizes)) this.element.style.setProperty(`--${key}`, `${size}px`)
    const names = this.#lanes.map((lane) => {
      const name = el(
        'span',
        `lane-name ${laneClass(this.laneIndex(lane))}`,
        el('i', `lane-dot ${laneClass(this.laneIndex(lane))}`),
        el('span', '', shownOnOneLine(laneName(lane), 60)),
      )
      name.style.width = `${this.#laneWidth}px`
      name.title = shownOnOneLine(laneName(lane), 200)
      return name
    })
    this.#head.replaceChildren(...names)
    for (const canvas of [this.#canvas, this.#spareCanvas]) {
      canvas.width = Math.round(width * devicePixelRatio)
      canvas.height = Math.round(this.#height * devicePixelRatio)
      canvas.style.width = `${width}px`
      canvas.style.height = `${this.#height}px`
    }
  }

  readonly #at = (index: number): Entry | undefined => this.#rows.at(index)

  #viewAt(top: number): View {
    return { first: Math.floor(top / ROW), count: Math.ceil(this.#height / ROW) + 1 }
  }

  #drawNow(top: number, colors: Colors): void {
    const view = this.#viewAt(top)
    this.#lines.write(view, this.#at, this.#selected)
    this.#lines.show()
    this.#stretch()
    // It lays the page out, so it comes last. To set where the list is already could end a scroll of the user.
    if (this.#follows || top !== this.#top) this.#scrollTo(top)
    this.#paint(this.#canvas, top, colors)
  }

  /** Paints the lanes of the rows that are in view where the list is scrolled to this place. */
  #paint(canvas: HTMLCanvasElement, top: number, colors: Colors): void {
    const context = canvas.getContext('2d', { willReadFrequently: true })
    if (!context) return
    const { first, count } = this.#viewAt(top)
    const x = (lane: LaneKey) => (Math.max(0, this.#lanes.indexOf(lane)) + 0.5) * this.#laneWidth
    const drawing = new LaneDrawing(context, colors, x, this.laneIndex)
    context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0)
    context.clearRect(0, 0, canvas.width, canvas.height)
    drawing.grid(this.#lanes, this.#height)
    for (let index = first; index < first + count; index += 1) {
      const entry = this.#at(index)
      if (entry) drawing.row(entry, index * ROW - top + ROW / 2)
    }
    drawing.paint()
  }
}
