/** The rejection of a command of a session that has ended. */
export const STALE = { code: 'stale_session', message: 'the session has ended' }

/** A command as it reached the fake host. */
export interface Sent {
  command: string
  args: Record<string, unknown>
  /** What follows the arguments, where they came as a frame. */
  bytes?: number[]
}

/** A command that has no reply yet. */
export interface Held extends Sent {
  resolve(reply: unknown): void
  reject(reason: unknown): void
}

export interface Queued {
  index: number
  item: unknown
}

export interface FakeEvent {
  seq: number
  event: string
  payload: unknown
  extras?: object
}

export interface Marks {
  replayed?: boolean
  retained?: boolean
}

/** What is kept for the page after, or for this one when it goes on in another session. */
export interface KeptEvent extends FakeEvent {
  /** The subscriptions that had not acknowledged it, and its marks for them; none where it came afterwards. */
  pendingFor?: { ids: number[]; marks: Marks }
}

/** One entry of a `subscribe` command. */
export interface SubscribeEntry {
  id: number
  event: string
  replay?: boolean
  retained?: boolean
  resume?: { session: string; after: number; handled: number; ack: number }
}

export interface FakeSession {
  id: string
  n: number
  command: string
  recorded: unknown
  subscriptions: Map<number, { event: string }>
  responders: Set<string>
  /** The streams that it receives. */
  streams: Set<number>
  /** The ids of the requests that it has sent. */
  sent: Set<number>
  /** The requests that it has received and not responded to. */
  received: Set<string>
  index: number
  queue: Queued[]
  /** The index of the last item that a pull got. */
  given: number
  pull: Held | null
}

/** Notes what an item means for a session. Returns how many indexes it has. */
export function noteItem(session: FakeSession, item: unknown): number {
  const { request, ended, stream, parts } = item as {
    request?: string
    ended?: string
    stream?: number
    parts?: unknown
  }
  if (request !== undefined) session.received.add(request)
  else if (ended !== undefined) session.received.delete(ended)
  else if (stream !== undefined && !parts) session.streams.delete(stream)
  return Array.isArray(parts) ? parts.length : 1
}

export function isIdle({ subscriptions, responders, received, streams }: FakeSession): boolean {
  return subscriptions.size + responders.size + received.size + streams.size === 0
}

export function matches({ event: pattern }: { event: string }, event: string): boolean {
  return pattern === event || pattern === '*'
}

export function isOnlyRetained(marks: Marks = {}): boolean {
  return marks.retained === true && !marks.replayed
}

/** What was not acknowledged. Marks belong to a delivery, not to the event. */
export function keptOf(item: unknown[]): KeptEvent {
  const [, seq, , event, , to, payload, extras] = item as [0, number, 0, string, 0, number | number[], unknown, object?]
  const { replayed, retained, ...kept } = (extras ?? {}) as Marks
  const marks = { ...(replayed && { replayed }), ...(retained && { retained }) }
  const pendingFor = { ids: Array.isArray(to) ? to : [to], marks }
  return { seq, event, payload, pendingFor, ...(Object.keys(kept).length > 0 && { extras: kept }) }
}

/** The arguments in a body, and what follows them in a frame. */
export function bodyOf(body: unknown): Pick<Sent, 'args' | 'bytes'> {
  if (!(body instanceof Uint8Array)) return { args: JSON.parse(JSON.stringify(body)) }
  const length = new DataView(body.buffer).getUint32(0, true)
  const args = JSON.parse(new TextDecoder().decode(body.subarray(4, 4 + length)))
  return { args, bytes: [...body.subarray(4 + length)] }
}
