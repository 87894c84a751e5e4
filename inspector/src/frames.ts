/** A flood is drawn this often. More would cost more, and show nothing that can be read. */
const FLOOD_MS = 100

/** How many rows in one frame are a flood. */
const FLOOD_ROWS = 8

/** How long a frame may read records: alone, and together with a list that is drawn. The rest waits for the next frame. */
const TAKE_MS = 4
const TAKE_AND_DRAW_MS = 2

/** What happens where no frame comes for so long: a window that is hidden has none, and reads for longer. */
const LATE_MS = 200
const TAKE_HIDDEN_MS = 40

/** What is left of the list: nothing, what can wait, or what the next frame goes on with. */
export type Left = 'nothing' | 'later' | 'next'

/** What was read: how many records, how many rows they made, and whether there is more. */
export interface Taken {
  records: number
  rows: number
  more: boolean
}

/** What is done in a frame. */
export interface FrameWork {
  /** Reads what has come, for so long. */
  take(millis: number): Taken
  /** Draws the list, or a part of it. */
  list(): Left
  /** Draws what goes by the time. */
  plots(): void
  /** Draws the state of the bus. */
  state(): void
}

const PARTS = ['list', 'plots', 'state'] as const
type Part = (typeof PARTS)[number]

/** Decides what is drawn in which frame: one part a frame, in turns, and in a flood the list less often. */
export class Frames {
  readonly #work: FrameWork
  readonly #due = new Set<Part>()
  #isScheduled = false
  #hasMore = false
  #isUrgent = false
  #isFlood = false
  /** Whether the list is half drawn. */
  #goesOn = false
  #last: Part = 'state'
  #drawn = 0

  constructor(work: FrameWork) {
    this.#work = work
  }

  /** Records have come. */
  came(): void {
    this.#hasMore = true
    this.#schedule()
  }

  /** The list is to show something else, because of what the user did. */
  changed(): void {
    this.#isUrgent = true
    this.#want('list')
  }

  /** Time has passed. */
  passed(): void {
    this.#want('plots')
  }

  /** The state of the bus was read. */
  looked(): void {
    this.#want('state')
  }

  #want(part: Part): void {
    this.#due.add(part)
    this.#schedule()
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    const frame = requestAnimationFrame((now) => {
      clearTimeout(timer)
      this.#frame(now)
    })
    const timer = setTimeout(() => {
      cancelAnimationFrame(frame)
      this.#frame(performance.now(), document.hidden)
    }, LATE_MS)
  }

  #frame(now: number, isHidden = false): void {
    this.#isScheduled = false
    const isShort = this.#due.has('list') && this.#isListTime(now)
    const { records, rows, more } = this.#work.take(isHidden ? TAKE_HIDDEN_MS : isShort ? TAKE_AND_DRAW_MS : TAKE_MS)
    this.#hasMore = more
    if (rows > 0) this.#isFlood = rows >= FLOOD_ROWS
    // Others change rows that are there: that an event has arrived, or the response of a request.
    if (records > 0) this.#due.add('list')
    const part = this.#next(now)
    if (part !== undefined) this.#draw(part, now)
    if (this.#hasMore || this.#due.size > 0) this.#schedule()
  }

  #isListTime(now: number): boolean {
    return this.#isUrgent || this.#goesOn || !this.#isFlood || now - this.#drawn >= FLOOD_MS
  }

  /** The part whose turn it is. */
  #next(now: number): Part | undefined {
    const from = PARTS.indexOf(this.#last) + 1
    const inTurn = PARTS.map((_, index) => PARTS[(from + index) % PARTS.length] as Part)
    return inTurn.find((part) => this.#due.has(part) && (part !== 'list' || this.#isListTime(now)))
  }

  #draw(part: Part, now: number): void {
    this.#last = part
    this.#due.delete(part)
    if (part !== 'list') {
      this.#work[part]()
      return
    }
    if (!this.#goesOn) this.#drawn = now
    const left = this.#work.list()
    this.#goesOn = left === 'next'
    if (left !== 'later') this.#isUrgent = false
    if (left !== 'nothing') this.#due.add('list')
  }
}
