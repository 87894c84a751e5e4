import { NOWHERE, type Place } from './registrations.js'

/** How far a subscription has got. */
export interface Cursor {
  /** The sequence number after which it receives live events; infinite until the host has named it. */
  since: number
  /** The sequence number up to which it has received the replay; `null` where no replay is known to be on its way. */
  replayed: number | null
  /** The session in which the host last accepted it, and how far the page has got there. */
  place: Place
  /** The highest sequence number that it has received. */
  last: number
  /** The sequence number of its first live event: from there to `last` it has received everything. */
  live: number
  /** The sequence numbers before `live` that it has received. */
  readonly earlier: Set<number>
}

/** Where a subscription resumes in a new session. */
export interface Resumption {
  /** The session in which it was last accepted. */
  session: string
  /** The sequence number up to which it has received everything, or a gap. */
  after: number
  /** The highest sequence number that it has received. */
  handled: number
  /** The index of the last item that the page has handled in that session. */
  ack: number
}

export function newCursor(): Cursor {
  const live = Number.POSITIVE_INFINITY
  return { since: live, replayed: null, place: NOWHERE, last: 0, live, earlier: new Set() }
}

/** Records that a subscription receives this event; false if it has received it already. */
export function admit(cursor: Cursor, place: Place, seq: number, isReplayed: boolean, isRetained: boolean): boolean {
  // An event shows that the host has accepted the subscription, even where that reply is still on its way.
  cursor.place = place
  if (isReplayed) cursor.replayed = Math.max(cursor.replayed ?? 0, seq)
  if (!isNew(cursor, seq, isRetained && !isReplayed)) return false
  if (seq > cursor.last) cursor.last = seq
  if (seq < cursor.live) {
    if (isReplayed || isRetained) cursor.earlier.add(seq)
    else cursor.live = seq
  }
  return true
}

/**
 * Whether a subscription has not received an event. It receives events in the order of their numbers, so it has received
 * what is not newer in an earlier session. But a retained event may be older than what another session has brought.
 */
function isNew({ last, live, earlier }: Cursor, seq: number, isOnlyRetained: boolean): boolean {
  return seq > last || (isOnlyRetained && seq < live && !earlier.has(seq))
}

/**
 * Prepares a subscription for a new session. `seen` is the sequence number up to which every live event has arrived. The
 * host queues a replay before the first live event after `since`, so until one has come, the replay may be incomplete.
 */
export function resume(cursor: Cursor, seen: number): Resumption {
  const { since, replayed, place, last: handled } = cursor
  const after = seen > since ? seen : (replayed ?? since)
  // Until the host accepts it again, what others receive says nothing about this one.
  cursor.since = Number.POSITIVE_INFINITY
  cursor.replayed = after
  return { session: place.session, after, handled, ack: place.handled }
}
