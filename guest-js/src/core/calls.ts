import type { Batch } from './batch.js'
import { dispatch, lastIndexOf, type Progress, passOn, type Reading, type Receivers, readingOf } from './dispatch.js'
import { nextTaskOfDocument } from './tasks.js'

/** How long a page works on what it got before it tells the host its progress, in milliseconds. */
export const PROGRESS_ACK_MS = 5_000

/** For how many microtasks an acknowledgement waits for what handlers and responders that were just called make known. */
export const RESPONSE_MICROTASKS = 4

/**
 * In how many more replies a page tells what it has taken of a stream. Replies may be lost, and those of the calls after
 * them acknowledge what came. The host makes no new call before it knows that one has failed, and at most four at once.
 */
export const TOLD_AGAIN = 3

/** What a call returns: `<session>:<index>`, perhaps with what it carries, or `false` where it was not accepted. */
export type CallReply = string | false

interface PendingCall {
  readonly reading: Reading
  readonly since: number
  /** Settles the call. `null` once it has told the progress. */
  reply: ((value: CallReply) => void) | null
}

/** The batches that the host brings by calling the page, in their order. */
export class Calls {
  private pending: PendingCall[] = []
  /** The index of the last item that has been queued. */
  private last = 0
  /** Whether the host expects to learn by values what the page tells. Otherwise pulls carry that. */
  isCarrying = false
  /** What replies have told of streams, and how often. */
  private readonly told = new Map<number, { readonly entry: object; times: number }>()

  constructor(
    private readonly receivers: Receivers,
    private progress: Progress,
  ) {}

  /** Forgets what was brought in a session that has ended. */
  clear(progress: Progress): void {
    this.progress = progress
    this.last = 0
    this.told.clear()
    for (const call of this.pending.splice(0)) call.reply?.(false)
  }

  /** Queues a batch, and resolves once its last item was handled, or with the progress so far. */
  receive(batch: Batch): CallReply | Promise<CallReply> {
    const { first } = batch
    this.last = Math.max(this.last, this.progress.handled)
    // A batch before it has failed, and comes again.
    if (first > this.last + 1) return false
    if (batch.again) this.receivers.carrier.again()
    this.last = Math.max(this.last, lastIndexOf(batch))
    const reading = readingOf(batch)
    // Workers and frames need not wait until this page may run handlers.
    const isNext = this.pending.length === 0 && first > this.progress.handled
    const isDone = isNext && passOn(this.progress, reading)
    return new Promise((reply) => {
      const call: PendingCall = { reading, since: performance.now(), reply }
      if (isDone) this.settle(call)
      else if (this.pending.push(call) === 1) void this.work()
    })
  }

  private async work(): Promise<void> {
    const { pending, progress, receivers } = this
    let isTask = receivers.transport
    while (pending.length > 0) {
      // Not in the task of the host's call, in which the page seems to act on behalf of its user.
      if (!isTask) await nextTaskOfDocument()
      const [call] = pending
      // They are of another session.
      if (!call || progress !== this.progress) return
      receivers.carrier.hold()
      const isDone = !dispatch(receivers, progress, call.reading)
      isTask &&= isDone && receivers.transport
      // A loop that keeps up has taken all parts by then, so that the reply tells of them.
      if (isDone && receivers.channel?.isBehind) await nextTaskOfDocument()
      for (let i = 0; isDone && i < RESPONSE_MICROTASKS && mayTell(receivers); i += 1) await null
      if (progress !== this.progress) return
      if (isDone) this.settle(pending.shift())
      receivers.carrier.flush()
      // The host takes a silent page for dead, however busy it is.
      for (const waiting of pending) {
        if (performance.now() - waiting.since > PROGRESS_ACK_MS) this.settle(waiting)
      }
    }
  }

  /** Settles a call once: what a second value carried would be lost. */
  private settle(call: PendingCall | undefined): void {
    const reply = call?.reply
    if (!call || !reply) return
    call.reply = null
    const { session, handled } = this.progress
    this.progress.acknowledged = handled
    const { carrier } = this.receivers
    const taken = this.isCarrying ? carrier.take() : []
    carrier.keep(taken)
    const carried = this.withTold(taken.map(({ value }) => value))
    reply(`${session}:${handled}${carried.length > 0 ? `:${JSON.stringify(carried)}` : ''}`)
  }

  /** Adds what the replies before have told of streams. The counts grow, so the host may get one twice. */
  private withTold(carried: object[]): object[] {
    const { told } = this
    for (const entry of carried) {
      if ('stream' in entry) told.set(entry.stream as number, { entry, times: 0 })
    }
    for (const [stream, own] of told) {
      if (own.times > 0) carried.push(own.entry)
      own.times += 1
      if (own.times > TOLD_AGAIN) told.delete(stream)
    }
    return carried
  }
}

/** Whether the page may have something to tell within a few microtasks. */
export function mayTell({ channel, carrier }: Receivers): boolean {
  return channel?.isResponding === true || carrier.pending > 0
}
