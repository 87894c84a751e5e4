import type { Emit, EmitOptions, EmitTo, Receipt } from '../types/emit.js'
import type { Endpoint } from '../types/endpoint.js'
import type { BusEvent } from '../types/event.js'
import type { Tick } from '../types/job-info.js'
import type { Target } from '../types/target.js'
import type { Extras } from './batch.js'
import type { Inbox } from './contract.js'
import { EventBusError } from './error.js'
import { publish } from './outgoing.js'
import { chainOf, existingInbox, type Traced } from './realm.js'

/**
 * An event as handlers receive it. Its methods are on the prototype, so making an event costs no more, and events can be
 * cloned and posted. They are getters, so `({ emit }) => …` works, too.
 */
export class ReceivedEvent implements BusEvent<unknown> {
  declare superseded?: number
  declare redelivered?: boolean
  declare tick?: Tick
  declare component?: string
  declare causes?: readonly string[]
  declare traceparent?: string
  hops = 0

  constructor(
    public event: string,
    public payload: unknown,
    public id: number,
    public seq: number,
    public timestamp: number,
    public source: Endpoint,
    public replayed: boolean,
    public retained: boolean,
  ) {}

  get emit(): Emit {
    return emitAfter(chainOf(this.event, this.causes), this)
  }

  get emitTo(): EmitTo {
    return emitToAfter(chainOf(this.event, this.causes), this)
  }
}

/** Adds what few events have, apart from the path that every event takes: engines inline only short constructors. */
export function addExtras(event: ReceivedEvent, extras: Extras): void {
  const { superseded, redelivered, tick, component, causes, traceparent } = extras
  if (superseded !== undefined) event.superseded = superseded
  if (redelivered) event.redelivered = redelivered
  if (tick) event.tick = { ...tick }
  if (component !== undefined) event.component = component
  if (traceparent !== undefined) event.traceparent = traceparent
  if (causes) {
    event.causes = [...causes]
    event.hops = causes.length
  }
}

/** An `emit` with these causes, and the trace of `cause`. */
export function emitAfter(causes: readonly string[], cause: Traced): Emit {
  return ((event: string, payload?: unknown, options?: EmitOptions): Promise<Receipt> =>
    publish(ownInbox, { event, payload, options, causes, cause })) as Emit
}

/** An `emitTo` with these causes, and the trace of `cause`. */
export function emitToAfter(causes: readonly string[], cause: Traced): EmitTo {
  return ((to: Target, event: string, payload?: unknown, options?: EmitOptions): Promise<Receipt> =>
    publish(ownInbox, { to, event, payload, options, causes, cause })) as EmitTo
}

/** The inbox that the event came through. Only tests remove it. */
function ownInbox(): Inbox {
  const inbox = existingInbox()
  if (inbox) return inbox
  throw new EventBusError('unavailable', 'the bus of this event is gone: its test has ended')
}
