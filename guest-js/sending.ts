import type { Emit, EmitOptions, EmitTo, Receipt } from './emit.js'
import { toEventBusError } from './error.js'
import { checkName, payloadJson } from './event.js'
import { openInbox } from './inbox.js'
import { causesOfNow } from './realm.js'
import { copyOfTarget, isEveryone, type Target } from './target.js'

/** An event on its way to the host. */
export interface Sending {
  event: string
  payload: unknown
  options?: EmitOptions | undefined
  /** Whom it is for; everyone without it. */
  target?: Target
  component?: string | undefined
  /** What it follows from; the event whose handler is running without it. */
  causes?: readonly string[]
}

/** Emits an event. Whatever the caller may change afterwards is copied before this returns. */
export async function send(sending: Sending): Promise<Receipt> {
  try {
    const { event, payload, options, component, target, causes = causesOfNow() } = sending
    checkName(event)
    const json = payloadJson(event, payload)
    const entry: Record<string, unknown> = { event }
    const isAddressed = 'target' in sending && !isEveryone(target)
    if (isAddressed) entry.to = copyOfTarget(target)
    if (json !== undefined) entry.payload = json
    if (options?.retain !== undefined) entry.retain = options.retain
    if (component !== undefined) entry.component = component
    if (causes.length > 0) entry.causes = causes
    const command = isAddressed ? 'emit_to' : 'emit'
    return (await openInbox().send(command, entry, json?.length ?? 0)) as Receipt
  } catch (error) {
    throw toEventBusError(error)
  }
}

/** Emits what follows from these causes. */
export function emitAfter(causes: readonly string[]): Emit {
  return ((event: string, payload?: unknown, options?: EmitOptions): Promise<Receipt> =>
    send({ event, payload, options, causes })) as Emit
}

/** The same for a target. */
export function emitToAfter(causes: readonly string[]): EmitTo {
  return ((target: Target, event: string, payload?: unknown, options?: EmitOptions): Promise<Receipt> =>
    send({ target, event, payload, options, causes })) as EmitTo
}
