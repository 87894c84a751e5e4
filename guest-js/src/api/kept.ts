import { type Attached, attach } from '../core/attached.js'
import type { Renewal, StateCommand } from '../core/commands.js'
import { openInbox } from '../core/inbox.js'

/** What this page repeats in a new session, by id, in whichever copy of this package it was said. */
export interface Kept<Value, Id = string> extends Attached {
  /** The id of the newest, where they are counted. */
  newest: number
  readonly entries: Map<Id, Value>
  /** The last that the host has accepted of each, where it may be replaced. */
  readonly accepted: Map<Id, Value>
}

/** What is kept under a name, which no shared state can have. */
export function openKept<Value, Id = string>(
  name: string,
  repeat: (value: Value, entries: Map<Id, Value>, id: Id) => Renewal,
  isActive: (entries: Map<Id, Value>) => boolean = ({ size }) => size > 0,
): Kept<Value, Id> {
  const { states } = openInbox()
  let kept = states?.get(name) as Kept<Value, Id> | undefined
  if (!kept) {
    const entries = new Map<Id, Value>()
    kept = {
      newest: 0,
      entries,
      accepted: new Map(),
      isActive: () => isActive(entries),
      renewals: () => [...entries].map(([id, value]) => repeat(value, entries, id)),
    }
    states?.set(name, kept)
    attach(kept)
  }
  return kept
}

/** Sends a value and keeps it. Where it is refused, the last that the host has accepted is kept again. */
export async function sendKept<Value>(
  { entries, accepted }: Kept<Value>,
  id: string,
  command: StateCommand,
  value: Value,
  size?: number,
): Promise<void> {
  // Kept first, so that a session that begins meanwhile has it, too.
  entries.set(id, value)
  try {
    await openInbox().queue.send(command, value, size)
  } catch (error) {
    const before = accepted.get(id)
    // Another one may have followed, which settles for itself.
    if (entries.get(id) === value) {
      if (before) entries.set(id, before)
      else entries.delete(id)
    }
    throw error
  }
  accepted.set(id, value)
}
