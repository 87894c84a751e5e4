import { isThenable } from './report.js'
import { failureOf } from './requests/failure.js'

/** What a listener returns for an event that no handler has seen. Every copy of this package has the same. */
export const SKIPPED = Symbol.for('tauri-plugin-event-bus.skipped')

/** What the handlers of this page make of an event whose emitter waits for that. It is told once, when the last is done. */
export class Tally {
  /** How many promises are awaited, and the calls of the handlers themselves. */
  private open = 1
  private wasSeen = false
  private isDropped = false
  private failure: object | undefined

  constructor(
    private readonly seq: number,
    private readonly tell: (outcome: object) => void,
  ) {}

  /** A handler has returned this. Only what a sequential one returns is awaited. */
  add(returned: unknown, isSequential: boolean): void {
    this.wasSeen = true
    if (!isSequential || !isThenable(returned)) return
    this.open += 1
    Promise.resolve(returned).then(
      (value) => {
        // Its subscription has ended, or too many events waited for it.
        if (value === SKIPPED) this.isDropped = true
        this.done()
      },
      (error) => {
        this.fail(error)
        this.done()
      },
    )
  }

  fail(error: unknown): void {
    this.failure ??= failureOf(error, false)
  }

  /** One less is awaited. */
  done(): void {
    this.open -= 1
    if (this.open > 0) return
    const { seq, failure } = this
    if (failure) this.tell({ seq, failure })
    else this.tell({ seq, outcome: this.wasSeen && !this.isDropped ? 'handled' : 'dropped' })
  }
}
