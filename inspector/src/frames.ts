/** A flood is drawn this often. More would cost more, and show nothing that can be read. */
const FLOOD_MS = 100

/** How many rows in one frame are a flood. */
const FLOOD_ROWS = 8

/** What is done in a frame. */
export interface FrameWork {
  /** Takes what has come. Returns how many rows it made. */
  take(): number
  /** Draws the list. Returns whether there is more to do in the next frame. */
  list(): boolean
  /** Draws what goes by the time. */
  plots(): void
}

/** Decides what is drawn in which frame: the list at once, but in a flood less often, and never together with the plots. */
export class Frames {
  readonly #work: FrameWork
  #isScheduled = false
  #isListDue = false
  #arePlotsDue = false
  #isUrgent = false
  #isFlood = false
  #wasList = false
  #drawn = 0

  constructor(work: FrameWork) {
    this.#work = work
  }

  /** Something has come. */
  came(): void {
    this.#isListDue = true
    this.#schedule()
  }

  /** The list is to show something else, because of what the user did. */
  changed(): void {
    this.#isUrgent = true
    this.came()
  }

  /** Time has passed. */
  passed(): void {
    this.#arePlotsDue = true
    this.#schedule()
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    requestAnimationFrame((now) => this.#frame(now))
  }

  #frame(now: number): void {
    this.#isScheduled = false
    const rows = this.#work.take()
    if (rows > 0) {
      this.#isFlood = rows >= FLOOD_ROWS
      this.#isListDue = true
    }
    const isTime = this.#isUrgent || !this.#isFlood || now - this.#drawn >= FLOOD_MS
    // In turns, so that neither waits for the other for long.
    const isListsTurn = !this.#arePlotsDue || !this.#wasList
    this.#wasList = this.#isListDue && isTime && isListsTurn
    if (this.#wasList) {
      this.#isListDue = this.#work.list()
      this.#isUrgent = this.#isListDue && this.#isUrgent
      this.#drawn = now
    } else if (this.#arePlotsDue) {
      this.#arePlotsDue = false
      this.#work.plots()
    }
    if (this.#isListDue || this.#arePlotsDue) this.#schedule()
  }
}
