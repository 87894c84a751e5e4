import { isThenable } from './report.js'
import { failureOf } from './requests/failure.js'

/** What a listener returns for an event that no handler has seen. Every copy of this package has the same. */
export const SKIPPED = Symbol.for('tauri-plugin-event-bus.skipped')

/** What the handlers of this page have made of the item with this index. */
export type ToldOutcome = { readonly seq: number; readonly index: number } & (
  | { readonly outcome: 'handled' | 'dropped' }
  | { readonly failure: ReturnType<typeof failureOf> }
)

/** What takes outcomes on to the host. */
export interface Teller {
  readonly carrier: { pending: number }
  /** Tells, in this session alone, what the handlers have made of an item whose emitter waits for that. */
  tell(session: string, outcome: ToldOutcome): void
}

/** What the handlers of this page make of an event whose emitter waits for that. It is told once, when the last is done. */
export class Tally {
  /** How many promises are awaited, and the calls of the handlers themselves. */
  private open = 1
  private wasSeen = false
  private isDropped = false
  private failure: ReturnType<typeof failureOf> | undefined

  constructor(
    private readonly teller: Teller,
    private readonly session: string,
    private readonly seq: number,
    private readonly index: number,
  ) {}

  /** A handler has returned this. Only what a sequential one returns is awaited. */
  add(returned: unknown, isSequential: boolean): void {
    this.wasSeen = true
    if (!isSequential || !isThenable(returned)) return
    this.open += 1
    this.teller.carrier.pending += 1
    Promise.resolve(returned).then(
      (value) => {
        // Its subscription has ended, or too many events waited for it.
        if (value === SKIPPED) this.isDropped = true
        this.settle()
      },
      (error) => {
        this.fail(error)
        this.settle()
      },
    )
  }

  fail(error: unknown): void {
    this.failure ??= failureOf(error, false)
  }

  private settle(): void {
    this.teller.carrier.pending -= 1
    this.done()
  }

  /** One less is awaited. */
  done(): void {
    this.open -= 1
    if (this.open > 0) return
    const { teller, session, seq, index, failure } = this
    if (failure) teller.tell(session, { seq, index, failure })
    else teller.tell(session, { seq, index, outcome: this.wasSeen && !this.isDropped ? 'handled' : 'dropped' })
  }
}
