import type { EmitOptions, Receipt } from '../api/emit.js'
import { checkName, payloadJson } from '../types/event.js'
import { copyOfTarget, isEveryone, type Target } from '../types/target.js'
import { toEventBusError } from './error.js'
import type { Inbox } from './inbox.js'
import { causesOfNow } from './realm.js'

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

/** Emits an event through an inbox. Whatever the caller may change afterwards is copied before this returns. */
export async function sendThrough(open: () => Inbox, sending: Sending): Promise<Receipt> {
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
    return (await open().send(command, entry, json?.length ?? 0)) as Receipt
  } catch (error) {
    throw toEventBusError(error)
  }
}

/** A payload as listeners get it. What JSON cannot express stays as it is; emitting refuses it. */
export function asReceived(event: string, payload: unknown): unknown {
  try {
    return JSON.parse(payloadJson(event, payload) ?? 'null')
  } catch {
    return payload
  }
}
