import type { Emit, EmitOptions, EmitTo, Receipt } from '../api/emit.js'
import type { BusEvent, EventSource, PeriodicTick } from '../types/event.js'
import type { Target } from '../types/target.js'
import type { Extras } from './batch.js'
import { EventBusError } from './error.js'
import type { Inbox } from './inbox.js'
import { sendThrough } from './outgoing.js'
import { chainOf, existingInbox } from './realm.js'

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
    if (extras) addExtras(this, extras)
  }

  get emit(): Emit {
    return emitAfter(chainOf(this))
  }

  get emitTo(): EmitTo {
    return emitToAfter(chainOf(this))
  }
}

/** What few events have, apart from what every event passes. */
function addExtras(event: ReceivedEvent, { superseded, periodic, component, causes }: Extras): void {
  if (superseded !== undefined) event.superseded = superseded
  if (periodic) event.periodic = { ...periodic }
  if (component !== undefined) event.component = component
  if (causes) {
    event.causes = [...causes]
    event.hops = causes.length
  }
}

/** Emits what follows from these causes. */
export function emitAfter(causes: readonly string[]): Emit {
  return ((event: string, payload?: unknown, options?: EmitOptions): Promise<Receipt> =>
    sendThrough(ownInbox, { event, payload, options, causes })) as Emit
}

/** The same for a target. */
export function emitToAfter(causes: readonly string[]): EmitTo {
  return ((target: Target, event: string, payload?: unknown, options?: EmitOptions): Promise<Receipt> =>
    sendThrough(ownInbox, { target, event, payload, options, causes })) as EmitTo
}

/** The inbox that the event came through. Only a test takes it away. */
function ownInbox(): Inbox {
  const inbox = existingInbox()
  if (inbox) return inbox
  throw new EventBusError('unavailable', 'the bus that this event came through is not there any more')
}
