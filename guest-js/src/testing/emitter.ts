import { chainOf } from '../core/realm.js'
import { addExtras, ReceivedEvent } from '../core/received.js'
import type { Emit, EmitOptions, EmitTo, Receipt } from '../types/emit.js'
import type { BusEvent } from '../types/event.js'
import type { Target } from '../types/target.js'
import { cloneOf } from './clone.js'
import type { NewEvent } from './contract.js'
import { payloadText } from './payload.js'
import type { AcceptedEvent } from './session.js'
import { neededTarget } from './target.js'

/** The `emit` and `emitTo` of the host, or of a page that the test plays, with these causes and the trace of `cause`. */
export function emitterOf(
  accept: (event: NewEvent) => Receipt,
  causes: readonly string[],
  cause: { readonly traceparent?: string | undefined },
): { emit: Emit; emitTo: EmitTo } {
  const send = (
    to: Target | undefined,
    event: string,
    value?: unknown,
    { retain, until, maxDeliveries, expiresMs, except, traceparent = cause.traceparent }: EmitOptions = {},
  ) => {
    const options = { to, except, retain, until, maxDeliveries, expiresMs }
    return accept({ event, payload: payloadText(event, value), ...options, causes, traceparent })
  }
  type Rest = [unknown?, EmitOptions?]
  const emit = async (name: string, ...rest: Rest) => send(undefined, name, ...rest)
  const emitTo = async (to: Target, name: string, ...rest: Rest) => send(neededTarget(to), name, ...rest)
  return { emit: emit as Emit, emitTo: emitTo as EmitTo }
}

/** How an event comes to a listener. */
export type EventMark = Partial<Pick<BusEvent<unknown>, 'retained' | 'replayed' | 'redelivered'>>

/** An event as a listener receives it, which emits as `accept` does. */
export function receivedBy(
  accept: (event: NewEvent) => Receipt,
  { event, payload, seq, timestamp, source, extras }: AcceptedEvent,
  { retained = false, replayed = false, redelivered = false }: EventMark,
): ReceivedEvent {
  const copy: unknown = cloneOf(payload)
  const received = new ReceivedEvent(event, copy, 0, seq, timestamp, source, replayed, retained)
  addExtras(received, { ...extras, redelivered })
  const { emit, emitTo } = emitterOf(accept, chainOf(event, received.causes), received)
  return Object.defineProperties(received, { emit: { value: emit }, emitTo: { value: emitTo } })
}
