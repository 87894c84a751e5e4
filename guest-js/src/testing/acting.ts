import type { Label } from './requests.js'

/** Who handles an event or a request at the moment, which causes what they emit and request. */
export class Acting {
  private current: { label: Label; causes: string[] } | null = null

  /** The causes of an event that is emitted or a request that is sent now. */
  causesOf(label: Label): readonly string[] {
    return this.current?.label === label ? this.current.causes : []
  }

  actAs<Returned>(label: Label, causes: string[], run: () => Returned): Returned {
    const before = this.current
    this.current = { label, causes }
    try {
      return run()
    } finally {
      this.current = before
    }
  }
}
