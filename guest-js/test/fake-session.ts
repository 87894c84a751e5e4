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

/** A stream that the page sends, and the sizes of the parts that count. */
export interface Sending {
  readonly credit: { bytes: number; parts: number }
  readonly sizes: number[]
  told: number
}

export interface FakeSession {
  id: string
  n: number
  command: string
  recorded: unknown
  subscriptions: Map<number, { event: string }>
  responders: Set<string>
  /** Whether its pull is held although nothing may come. */
  keepsPull: boolean
  /** The streams that it receives. */
  streams: Set<number>
  /** The ids of the requests that it has sent. */
  sent: Set<number>
  /** The requests that it has received and not responded to. */
  received: Set<string>
  /** The streams that it sends. */
  sending: Map<string, Sending>
  index: number
  queue: Queued[]
  /** The index of the last item that a pull got. */
  given: number
  pull: Held | null
}

/** Notes what an item means for a session. Returns how many indexes it has. */
export function noteItem(session: FakeSession, item: unknown): number {
  const { request, ended, stream, parts, credit, outcome, unread, closed } = item as {
    outcome?: number
    request?: string
    ended?: string
    stream?: number | Sending['credit']
    parts?: unknown
    credit?: string | number
    unread?: true
    closed?: true
  }
  if (outcome !== undefined) session.keepsPull = false
  if (request !== undefined) {
    session.received.add(request)
    if (typeof stream === 'object') session.sending.set(request, { credit: stream, sizes: [], told: 0 })
  } else if (typeof credit === 'number') {
    const sending = session.sending.get(String(stream))
    sending?.sizes.splice(0, credit - sending.told)
    if (sending) sending.told = credit
  } else if (unread || closed) {
    return 1
  } else if (credit !== undefined) {
    const sending = session.sending.get(credit)
    sending?.sizes.splice(0, (parts as number) - sending.told)
    if (sending) sending.told = parts as number
  } else if (ended !== undefined) session.received.delete(ended)
  else if (stream !== undefined && !parts) session.streams.delete(stream as number)
  return Array.isArray(parts) ? parts.length : 1
}

/** Notes a part or a response of the page. Returns false if it is a part without credit. */
export function noteResponse(
  session: FakeSession,
  { request, stream, part, payload = 'null' }: Record<string, unknown>,
): boolean {
  const sending = session.sending.get(String(request ?? stream))
  if (!part) session.received.delete(request as string)
  if (!part || !sending) return true
  const { credit, sizes } = sending
  const outstanding = sizes.reduce((sum, size) => sum + size, 0)
  sizes.push(new TextEncoder().encode(payload as string).length + 64)
  return sizes.length <= credit.parts && outstanding < credit.bytes
}

export function isIdle({ subscriptions, responders, received, streams, keepsPull }: FakeSession): boolean {
  return !keepsPull && subscriptions.size + responders.size + received.size + streams.size === 0
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
  const { replayed, retained, outcome: _, ...kept } = (extras ?? {}) as Marks & { outcome?: boolean }
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

/** The commands that change nothing, or have no place in the order of the session. */
export const STATELESS = [
  'list_jobs',
  'list_tasks',
  'pages',
  'catalog',
  'inspect',
  'compat_report',
  'request',
  'attach_task',
  'cancel_request',
]

/** The result of an entry that may be refused. */
export function errorOf(error: unknown): object {
  return error ? { error } : {}
}

/** Holds the pull of a session although nothing may come. */
export function keepPull(session: FakeSession): object {
  session.keepsPull = true
  return {}
}

/** The payload of an emitted event, and what few events have. */
export function readEmitted(entry: Record<string, unknown>): { payload: unknown; extras: object | undefined } {
  const text = (entry.payload as string | undefined) ?? 'null'
  const { component, causes } = entry as { component?: string; causes?: string[] }
  const extras = { ...(component && { component }), ...(causes && { causes }) }
  return {
    payload: JSON.parse(text.replaceAll('\u0001', 'null')),
    extras: Object.keys(extras).length > 0 ? extras : undefined,
  }
}
