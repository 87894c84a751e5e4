import type { Inbox } from './contract.js'
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
