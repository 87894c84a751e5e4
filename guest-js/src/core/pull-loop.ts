import { type Batch, readBatch } from './batch.js'
import { type TextsOfBytes, takerOf, withBytes } from './bytes.js'
import { type CallReply, Calls, mayTell, PROGRESS_ACK_MS, RESPONSE_MICROTASKS } from './calls.js'
import type { Carried } from './carrier.js'
import { type CommandQueue, RETRY_AFTER_MS, type Renewal, run } from './commands.js'
import { dispatch, type Progress, type Receivers, readingOf } from './dispatch.js'
import { type EventBusError, toEventBusError } from './error.js'
import { orLost } from './replies.js'
import { report, reportRefusal } from './report.js'
import { nextTask } from './tasks.js'

/** How many pulls read ahead while the host has more than one reply holds, since the way takes longer than handling. */
const READ_AHEAD = 3

/** For how long an act of the user, or one that it announces, may permit the page something, in milliseconds. */
const ACTIVATION_MS = 5_000

/** A pull that was sent. */
interface Pull {
  readonly ack: number
  /** Whether it fetches what follows the reply before, instead of what follows on `ack`. */
  readonly isAhead: boolean
  /** What it carries. */
  readonly carried: readonly Carried[]
  /** `undefined` if it is lost. */
  readonly reply: Promise<Batch | undefined>
}

/** What a pull loop needs of its page. */
interface Page extends Receivers {
  readonly queue: CommandQueue
}

/** Fetches events for a page while it has subscriptions or requests. */
export interface PullLoop {
  /** Starts unless it runs, or nothing can come. */
  start(): void
  /** Abandons the pulls in flight. */
  stop(): void
  /** Receives what the host calls this page with. */
  receive(message: string | object, bytes?: TextsOfBytes): CallReply | Promise<CallReply>
  /** The user acts, or is about to. Pulls instead of being called, as long as that may permit the page something. */
  hold(target: EventTarget | null): void
  /** Begins a new session, and returns the calls that begin it. */
  renew(): Renewal[]
}

export function createPullLoop(page: Page): PullLoop {
  const { queue, subscriptions } = page
  let progress = progressOf(queue.session)
  subscriptions.place = progress
  /** The loop that has a pull in flight. */
  let running: object | null = null
  const calls = new Calls(page, progress)
  /** Whether the host calls this page, so that it does not pull. */
  let isCalled = false
  /** When the user last acted. */
  let actedAt = Number.NEGATIVE_INFINITY
  let isFailing = false
  let hasReportedDenial = false

  const isNeeded = () => subscriptions.isActive || page.channel?.isActive === true

  const start = () => {
    if (running || isCalled || queue.isExpired || !isNeeded()) return
    running = {}
    void pullUntilIdle(running, progress)
  }

  const stop = () => {
    running = null
    isCalled = false
    calls.isCarrying = false
  }

  const hold = (target: EventTarget | null) => {
    const isActing = performance.now() - actedAt < ACTIVATION_MS
    // A link leads away, and a pull that waits meanwhile may fail: see docs/decisions/0001-pages-pull.md.
    if ((target as Partial<Element> | null)?.closest?.('a[href]')) {
      actedAt = Number.NEGATIVE_INFINITY
      // It takes the place of the one that waits, so the loop goes on.
      if (isActing && running) void send(progress, { call: true }).catch(() => {})
      return
    }
    actedAt = performance.now()
    if (!isCalled) return start()
    stop()
    // The replies to the calls before may be lost, and with them what they told. The pull takes it along.
    page.carrier.hold()
    page.carrier.again()
    page.channel?.tellAgain()
    start()
    page.carrier.flush()
  }

  const receive = (received: string | object, bytes: TextsOfBytes = {}) => {
    const parsed = typeof received === 'string' ? subscriptions.read(received) : received
    const message = (Array.isArray(parsed) ? withBytes(parsed, takerOf(bytes)) : parsed) as Partial<Batch> & {
      stale?: boolean
    }
    for (const refused of message.refused ?? []) reportRefusal(toEventBusError(refused))
    if (message.stale) void endSession(running)
    return message.items ? calls.receive(message as Batch) : false
  }

  const renew = () => {
    stop()
    progress = progressOf(queue.session)
    subscriptions.place = progress
    calls.clear(progress)
    page.carrier.clear()
    const others = page.channel?.renewals() ?? []
    const isFirst = ({ command }: { command: string }) => command === 'page'
    // Before its subscriptions, which would make it ready.
    return [...others.filter(isFirst), ...subscriptions.renewals(), ...others.filter((renewal) => !isFirst(renewal))]
  }

  /**
   * Keeps one pull in flight, and more while the host has more than one reply holds. It ends with the last subscription,
   * after another pull that acknowledges what was handled, or else the next page of this webview would receive it again.
   */
  const pullUntilIdle = async (loop: object, current: Progress) => {
    let ahead: Pull[] = []
    while (isNeeded() || ahead.length > 0 || current.handled > current.acknowledged) {
      const pulled = ahead.shift() ?? pull(current, false)
      page.carrier.flush()
      let batch: Batch | undefined
      try {
        batch = await pulled.reply
      } catch (reason) {
        if (running !== loop) return
        ahead = []
        const error = toEventBusError(reason, 'pull')
        if (error.code !== 'stale_session') page.carrier.send(pulled.carried)
        if (!(await recover(loop, error))) return
        continue
      }
      if (running !== loop) return
      if (!batch) {
        // Any of the replies may be lost. The next pull fetches all of them again.
        ahead = []
        page.carrier.send(pulled.carried)
        page.channel?.tellAgain()
        continue
      }
      isFailing = false
      queue.settle()
      for (const refused of batch.refused ?? []) reportRefusal(toEventBusError(refused))
      current.acknowledged = Math.max(current.acknowledged, pulled.ack)
      if (batch.call) {
        stop()
        isCalled = true
        calls.isCarrying = true
        break
      }
      const isEmpty = batch.items.length === 0
      if (!isEmpty && batch.first > current.handled + 1) {
        // It has overtaken the reply that it follows on. The next pull fetches both again.
        ahead = []
        continue
      }
      if (batch.more && !isEmpty) {
        while (ahead.length < READ_AHEAD) ahead.push(pull(current, true))
      }
      const reading = readingOf(batch)
      let toldAt = performance.now()
      if (ahead.length === 0) page.carrier.hold()
      while (dispatch(page, current, reading)) {
        page.carrier.flush()
        await nextTask()
        if (running !== loop) return
        // The host takes a silent page for dead, however busy it is.
        if (performance.now() - toldAt > PROGRESS_ACK_MS) {
          ahead.push(pull(current, true))
          toldAt = performance.now()
        }
      }
      if (isEmpty && !pulled.isAhead) subscriptions.noteNothingDue()
      // A loop that keeps up has taken all parts by then, so that the next pull tells of them.
      if (page.channel?.isBehind) await nextTask()
      // The next pull carries what handlers and responders make known within a few microtasks.
      for (let i = 0; i < RESPONSE_MICROTASKS && mayTell(page); i += 1) await null
      if (running !== loop) return page.carrier.flush()
    }
    if (!isCalled) stop()
    page.carrier.flush()
  }

  const send = ({ session, handled }: Progress, options: object) =>
    run('pull', { session, ack: handled, ...options }, (text) => subscriptions.read(text))

  const pull = (current: Progress, isAhead: boolean): Pull => {
    if (!isAhead) subscriptions.notePull()
    const carried = isAhead ? [] : page.carrier.take()
    const call = !isAhead && !(performance.now() - actedAt < ACTIVATION_MS)
    const optional = {
      ...(isAhead && { ahead: true }),
      ...(call && { call }),
      ...(carried.length > 0 && { carried: carried.map(({ value }) => value) }),
    }
    const reply = orLost(send(current, optional).then(readBatch))
    // The caller that awaits it handles its failure. An abandoned pull may fail silently.
    reply.catch(() => {})
    return { ack: current.handled, isAhead, carried, reply }
  }

  /** Deals with a failed pull; true if the loop is to go on. */
  const recover = async (loop: object, error: EventBusError): Promise<boolean> => {
    if (error.code === 'stale_session') {
      await endSession(loop)
      return false
    }
    if (error.code === 'denied') {
      stop()
      if (!hasReportedDenial) report(error)
      hasReportedDenial = true
      subscriptions.lose(error)
      page.channel?.lose(error)
      return false
    }
    if (!isNeeded()) {
      stop()
      return false
    }
    if (!isFailing) report(error)
    isFailing = true
    await pause(error.retryAfterMs)
    return running === loop
  }

  const endSession = async (loop: object | null) => {
    const { session } = queue
    // Two inboxes of different versions in one webview end each other's sessions. Avoid a tight loop.
    if (queue.isUnsettled()) await pause()
    if (running !== loop || queue.session !== session) return
    stop()
    queue.expire()
  }

  return { start, stop, receive, hold, renew }
}

function progressOf(session: string): Progress {
  return { session, handled: 0, acknowledged: 0, isSlow: false }
}

function pause(ms = RETRY_AFTER_MS): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
