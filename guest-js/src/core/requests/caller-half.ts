import type { Credit } from '../batch.js'
import type { CommandQueue } from '../commands.js'
import { EventBusError, toEventBusError } from '../error.js'
import { Fifo } from '../fifo.js'
import { type EncodedPayload, encodePayload } from '../json.js'
import { partSize } from './part-size.js'
import { SendWindow } from './send-window.js'

/** A part that waits for credit. */
interface Waiting {
  readonly encoded: EncodedPayload
  sent(): void
  refused(error: EventBusError): void
}

/** What this page sends of a channel that it has opened. */
export class CallerHalf {
  /** Undefined until the host has accepted the channel. */
  private window: SendWindow | undefined
  private readonly waiting = new Fifo<Waiting>()
  private sent = 0
  /** Whether no part follows those that wait, and whether the host was told so. */
  private isClosing = false
  private isClosed = false
  /** Why nothing can be sent any more. */
  private over: string | undefined
  private cause: EventBusError | undefined

  constructor(
    private readonly name: string,
    /** The number of the channel. */
    private readonly stream: number,
    private readonly queue: Pick<CommandQueue, 'send'>,
    /** The host has refused a part, so the channel ends. */
    private readonly failed: (error: EventBusError) => void,
  ) {}

  /** The host has accepted the channel, with this reply. */
  accept(reply: unknown): void {
    const { credit } = (reply ?? {}) as { credit?: Credit }
    if (credit) this.window ??= new SendWindow(credit)
    this.pump()
  }

  /** So many parts count no more. */
  credit(parts: number): void {
    this.window?.credit(parts)
    this.pump()
  }

  /** Nothing can be sent any more. */
  end(why: string, cause?: EventBusError): void {
    if (this.over !== undefined) return
    this.over = why
    this.cause = cause
    for (const { refused } of this.waiting.take()) refused(this.tooLate(why))
  }

  send(part: unknown): Promise<void> {
    return new Promise((sent, refused) => {
      const over = this.over ?? (this.isClosing ? 'this page has closed its half' : undefined)
      if (over !== undefined) throw this.tooLate(over)
      this.waiting.push({ encoded: encodePayload(this.name, part), sent, refused })
      this.pump()
    })
  }

  close(): void {
    this.isClosing = true
    this.pump()
  }

  private pump(): void {
    const { window, waiting } = this
    if (!window || this.over !== undefined) return
    while (window.hasCredit) {
      const next = waiting.shift()
      if (!next) break
      this.deliver(next.encoded, window)
      next.sent()
    }
    if (!this.isClosing || this.isClosed || waiting.length > 0) return
    this.isClosed = true
    this.tell({ closed: true, after: this.sent })
  }

  private deliver(encoded: EncodedPayload, window: SendWindow): void {
    const { payload, bytes, size } = encoded
    window.add(partSize(encoded))
    this.sent += 1
    this.tell({ part: this.sent, payload, bytes }, size)
  }

  private tell(entry: object, size?: number): void {
    this.queue.send('respond', { stream: this.stream, ...entry }, size).catch((error) => {
      if (this.over === undefined) this.failed(toEventBusError(error))
    })
  }

  private tooLate(why: string): EventBusError {
    const text = `a part of the channel "${this.name}" was not sent: ${why}`
    return new EventBusError('cancelled', text, this.cause && { cause: this.cause })
  }
}
