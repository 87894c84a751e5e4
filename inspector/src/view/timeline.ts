import { type Entry, type LaneKey, laneName } from '../model/entry.js'
import type { ShownRows } from '../model/shown-rows.js'
import type { Store } from '../model/store.js'
import { clock, counted, shownOnOneLine } from '../model/text.js'
import { button, Changing, el, icon, laneClass, setHidden } from './dom.js'
import { type Colors, LaneDrawing } from './lanes.js'

const ROW = 28

/** How wide a lane is. */
const NARROW = 34
const WIDE = 76

/** Below this width a lane has no room for a dot beside its name. */
const TIGHT = 60

/** Below this width the list has neither numbers nor components. */
const COMPACT = 720

/** One line of the list. It is used again for other rows. */
class Line {
  readonly element: HTMLElement
  readonly #time = new Changing()
  readonly #seq = new Changing()
  readonly #name = new Changing()
  readonly #preview = new Changing()
  readonly #tag = new Changing()
  entry?: Entry
  #state = ''
  #y = -1

  constructor() {
    this.element = el(
      'div',
      'row',
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
    const state =
      entry === undefined
        ? 'none'
        : `${entry.kind}${entry.code === undefined ? '' : ' failed'}${isSelected ? ' selected' : ''}`
    if (state !== this.#state) {
      this.#state = state
      this.element.className = `row ${state}`
      this.element.setAttribute('aria-selected', String(isSelected))
    }
    // One that shows nothing adds nothing to the height of the list.
    const top = entry === undefined ? 0 : y
    if (top !== this.#y) {
      this.#y = top
      this.element.style.top = `${top}px`
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
}

/** The list of what has happened, of which only what is in view is drawn, with a lane for each page and one for Rust. */
export class Timeline {
  readonly element: HTMLElement
  readonly #store: Store
  readonly #rows: ShownRows
  readonly #select: (entry: Entry) => void
  readonly #head = el('div', 'lane-names')
  readonly #layer = el('div', 'layer')
  readonly #spacer = el('div', 'spacer')
  readonly #scroller = el('div', 'scroller', this.#spacer, this.#layer)
  readonly #canvas = el('canvas', 'lanes')
  readonly #empty = el('div', 'empty')
  readonly #pillText = new Changing()
  readonly #pill: HTMLButtonElement
  readonly #lines: Line[] = []
  #lanes: LaneKey[] = []
  #laneWidth = WIDE
  #height = 0
  #width = 0
  #spacerHeight = -1
  /** Where the list is scrolled to. To read it from the page would lay the page out. */
  #top = 0
  #follows = true
  #unseen = 0
  #selected?: Entry

  constructor(store: Store, rows: ShownRows, schedule: () => void, select: (entry: Entry) => void) {
    this.#store = store
    this.#rows = rows
    this.#select = select
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
    this.element = el('div', 'timeline', head, el('div', 'list', this.#scroller, this.#canvas, this.#empty, this.#pill))
    this.#scroller.tabIndex = 0
    this.#scroller.setAttribute('role', 'grid')
    this.#scroller.setAttribute('aria-label', 'What has happened')
    this.#scroller.addEventListener('scroll', () => {
      const { scrollTop } = this.#scroller
      // This list has scrolled itself.
      if (Math.abs(scrollTop - this.#top) < 1) return
      this.#follows = scrollTop + this.#height >= this.#rows.length * ROW - ROW
      schedule()
    })
    // What moves under the pointer is selected on press.
    this.#layer.addEventListener('pointerdown', ({ target }) => {
      const line = this.#lines.find(({ element }) => element.contains(target as Node))
      if (line?.entry) this.#select(line.entry)
    })
    new ResizeObserver(() => {
      this.#height = this.#scroller.clientHeight
      this.#width = this.element.clientWidth
      this.#layLanes()
      schedule()
    }).observe(this.element)
  }

  /** Shows the newest rows, and stays there. */
  follow(): void {
    this.#follows = true
    this.#scroller.scrollTop = this.#spacer.offsetHeight
    this.#scroller.dispatchEvent(new Event('scroll'))
  }

  /** Marks a row, and brings it into view. */
  mark(entry: Entry | undefined, intoView: boolean): void {
    this.#selected = entry
    const index = entry && intoView ? this.#rows.indexOf(entry) : -1
    if (index < 0) return
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

  #scrollTo(top: number): void {
    this.#top = top
    this.#scroller.scrollTop = top
  }

  /** Takes what is new, and draws what is in view. Returns whether there is more to look at. */
  draw(colors: Colors): boolean {
    const before = this.#rows.length
    const { gone, more } = this.#rows.update()
    const { length } = this.#rows
    const height = length * ROW
    if (height !== this.#spacerHeight) {
      this.#spacerHeight = height
      this.#spacer.style.height = `${height}px`
    }
    if (this.#follows) {
      this.#unseen = 0
      this.#scrollTo(Math.max(0, height - this.#height))
    } else {
      this.#unseen += Math.max(0, length + gone - before)
      // What is in view stays in view.
      if (gone > 0) this.#scrollTo(Math.max(0, this.#scroller.scrollTop - gone * ROW))
      else this.#top = this.#scroller.scrollTop
    }
    setHidden(this.#pill, this.#follows)
    this.#pillText.set(this.#unseen === 0 ? 'Newest' : `${counted(this.#unseen, 'new row')}`)
    setHidden(this.#empty, length > 0)
    this.#drawRows(colors)
    return more
  }

  set emptyText(text: string) {
    if (this.#empty.textContent !== text) this.#empty.textContent = text
  }

  /** Gives each lane its place. Returns whether there are others than before. */
  setLanes(lanes: readonly LaneKey[]): void {
    if (lanes.length === this.#lanes.length && lanes.every((lane, index) => lane === this.#lanes[index])) return
    this.#lanes = [...lanes]
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
    this.#canvas.width = Math.round(width * devicePixelRatio)
    this.#canvas.height = Math.round(this.#height * devicePixelRatio)
    this.#canvas.style.width = `${width}px`
    this.#canvas.style.height = `${this.#height}px`
  }

  #drawRows(colors: Colors): void {
    const scrollTop = this.#top
    const first = Math.floor(scrollTop / ROW)
    const count = Math.ceil(this.#height / ROW) + 1
    while (this.#lines.length < count) {
      const line = new Line()
      this.#lines.push(line)
      this.#layer.append(line.element)
    }
    const context = this.#canvas.getContext('2d', { willReadFrequently: true })
    const x = (lane: LaneKey) => (Math.max(0, this.#lanes.indexOf(lane)) + 0.5) * this.#laneWidth
    const drawing = context && new LaneDrawing(context, colors, x, this.laneIndex)
    if (context && drawing) {
      context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0)
      context.clearRect(0, 0, this.#canvas.width, this.#canvas.height)
      drawing.grid(this.#lanes, this.#height)
    }
    // A row that stays in view keeps its line, so that only new rows are written.
    const { length } = this.#lines
    for (let index = first; index < first + length; index += 1) {
      const entry = index < first + count ? this.#rows.at(index) : undefined
      this.#lines[index % length]?.show(entry, index * ROW, entry !== undefined && entry === this.#selected)
      if (entry && drawing) drawing.row(entry, index * ROW - scrollTop + ROW / 2)
    }
  }
}
