import type { Inbox } from './inbox.js'

/** Where the one inbox of a realm stands, for every copy of this package in it. */
export const INBOX = Symbol.for('tauri-plugin-event-bus')

/** The inbox of this realm, if any copy has made one. */
export function existingInbox(): Inbox | undefined {
  return (globalThis as { [INBOX]?: Inbox })[INBOX]
}

/** An event or a question, from which something follows. */
export interface Cause {
  readonly event: string
  readonly causes?: readonly string[] | undefined
}

/** The names of what caused an event or a question, oldest first, and at last its own. */
export function chainOf({ event, causes = [] }: Cause): string[] {
  return [...causes, event]
}

/** The causes of what is emitted now: those of what is being handled, in whichever copy. */
export function causesOfNow(): string[] {
  const cause = existingInbox()?.cause
  return cause ? chainOf(cause) : []
}
