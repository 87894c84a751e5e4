/** Where the one inbox of a realm is stored, for every copy of this package in it. */
export const INBOX = Symbol.for('tauri-plugin-event-bus')

/** Runs the commands of an inbox where Tauri does not. */
export type Transport = (command: string, args: Record<string, unknown>) => Promise<unknown>

/** What an inbox says of its way to the host, where that is not Tauri's. */
export interface Way {
  /** Runs its commands. */
  readonly transport?: Transport | undefined
  /** The label of the page. */
  label?: string
}

/** The way of the inbox of this realm, if any copy has made one. */
export function currentWay(): Way | undefined {
  return (globalThis as { [INBOX]?: Way })[INBOX]
}
