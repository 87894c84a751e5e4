import type { Inbox } from './inbox.js'

/** Where the one inbox of a realm stands, for every copy of this package in it. */
export const INBOX = Symbol.for('tauri-plugin-event-bus')

/** The inbox of this realm, if any copy has made one. */
export function existingInbox(): Inbox | undefined {
  return (globalThis as { [INBOX]?: Inbox })[INBOX]
}

/** The names of what caused an event, oldest first, and at last its own. */
export function chainOf(event: { event: string; causes?: readonly string[] | undefined }): string[] {
  return [...(event.causes ?? []), event.event]
}

/** The causes of what is emitted now: those of the event whose handler is running, in whichever copy. */
export function causesOfNow(): string[] {
  const cause = existingInbox()?.cause
  return cause ? chainOf(cause) : []
}
