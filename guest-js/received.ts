import type { Extras } from './batch.js'
import type { Emit, EmitTo } from './emit.js'
import type { BusEvent, EventSource, PeriodicTick } from './event.js'
import { chainOf } from './realm.js'
import { emitAfter, emitToAfter } from './sending.js'

/**
 * An event as handlers get it. What it can do stands at its prototype: making it costs no more, and it can be cloned and
 * posted. They are getters, so that `({ emit }) => …` works, too.
 */
export class ReceivedEvent implements BusEvent<unknown> {
  declare superseded?: number
  declare periodic?: PeriodicTick
  declare component?: string
  declare causes?: readonly string[]
  hops = 0

  constructor(
    public event: string,
    public payload: unknown,
    public id: number,
    public seq: number,
    public timestamp: number,
    public source: EventSource,
    public replayed: boolean,
    public retained: boolean,
    extras: Extras | undefined,
  ) {
    if (!extras) return
    if (extras.superseded !== undefined) this.superseded = extras.superseded
    if (extras.periodic) this.periodic = { ...extras.periodic }
    if (extras.component !== undefined) this.component = extras.component
    if (extras.causes) {
      this.causes = [...extras.causes]
      this.hops = extras.causes.length
    }
  }

  get emit(): Emit {
    return emitAfter(chainOf(this))
  }

  get emitTo(): EmitTo {
    return emitToAfter(chainOf(this))
  }
}
