import type { Label } from './requests.js'

/** What is handled at the moment: the causes and the trace of what follows from it. */
interface Handled {
  readonly causes: readonly string[]
  readonly traceparent?: string | undefined
}

const NOTHING: Handled = { causes: [] }

/** Who handles an event or a request at the moment, which causes what they emit and request. */
export class Acting {
  private current: { label: Label; handled: Handled } | null = null

  /** What an event that is emitted or a request that is sent now follows from. */
  originOf(label: Label): Handled {
    return this.current?.label === label ? this.current.handled : NOTHING
  }

  actAs<Returned>(label: Label, handled: Handled, run: () => Returned): Returned {
    const before = this.current
    this.current = { label, handled }
    try {
      return run()
    } finally {
      this.current = before
    }
  }
}
