import { checkTraceparent } from './checks.js'
import type { Cause, Inbox } from './contract.js'
import { report } from './report.js'
import { INBOX } from './transport.js'

export { INBOX }

/** Changes whenever a copy of this package could not use the inbox that another one made. */
export const INBOX_VERSION = 7

/** The inbox of this realm, if any copy has made one. */
export function existingInbox(): Inbox | undefined {
  return (globalThis as { [INBOX]?: Inbox })[INBOX]
}

/** Whether this is a server, which renders pages and has no events. A worker has a location. */
export function isServer(): boolean {
  return typeof window === 'undefined' && typeof location === 'undefined'
}

/** The causes of what follows from an event or a request: those of its own, oldest first, and its name. */
export function chainOf(name: string, causes: readonly string[] = []): string[] {
  return [...causes, name]
}

/** The causes of what is emitted now: the chain of what is being handled, in whichever copy. */
export function currentCauses(): string[] {
  const cause = existingInbox()?.cause
  return cause ? chainOf(cause.event, cause.causes) : []
}

/** Where the copies of this package in one realm find the function that tells the trace of the app. */
const TRACE = Symbol.for('tauri-plugin-event-bus:trace')

type TraceContext = () => string | undefined

/** Sets what tells the trace that the app is in. */
export function setTrace(current: TraceContext | undefined): void {
  ;(globalThis as { [TRACE]?: TraceContext | undefined })[TRACE] = current
}

/** What belongs to a trace. */
export type Traced = Pick<Cause, 'traceparent'>

/** The trace of what is emitted now: its own, or that of the app, or that of its cause. */
export function traceOf(own?: string, cause: Traced | null | undefined = existingInbox()?.cause): string | undefined {
  if (own !== undefined) return checkTraceparent(own)
  try {
    const current = (globalThis as { [TRACE]?: TraceContext })[TRACE]?.()
    if (current !== undefined) return checkTraceparent(current)
  } catch (error) {
    // It costs the trace, and not what is emitted.
    report(error)
  }
  return cause?.traceparent
}
