import { EventBusError, toEventBusError } from '../core/error.js'
import { encodePayload } from '../core/json.js'
import { failureOf } from '../core/requests/failure.js'
import { partSize } from '../core/requests/part-size.js'
import type { RunningStream, StreamToSend } from '../core/requests/responders.js'
import { SendWindow } from '../core/requests/send-window.js'
import type { RequestContext } from '../types/request.js'
import type { TestChannel } from './types.js'

/** What a responder that accepts channels gets of a request. */
export interface OpenedChannel {
  readonly payload: unknown
  readonly context: RequestContext
  accept(payload: never, channel: TestChannel<unknown, unknown>, context: RequestContext): unknown
}

/** What the host tells the bus of a channel besides its parts. */
export interface ChannelSide {
  /** It has taken so many parts of the page. */
  took(parts: number): void
  /** It sends no more parts. */
  closed(): void
}

type Result = IteratorResult<unknown, undefined>

/** The end of a channel that the host has, as a test plays it. */
export class PlayedChannel implements RunningStream {
  private readonly window: SendWindow
  private sent = 0
  private isClosed = false
  private isOver = false
  private wake: (() => void)[] = []
  private readonly parts: unknown[] = []
  private taken = 0
  private isComplete = false
  private readonly readers: ((result: Result) => void)[] = []

  constructor(
    private readonly stream: StreamToSend,
    private readonly side: ChannelSide,
  ) {
    this.window = new SendWindow(stream.credit)
    void this.run()
  }

  private async run(): Promise<void> {
    const { request, queue } = this.stream
    try {
      const { payload, context, accept } = this.stream.source() as OpenedChannel
      await accept(payload as never, this.handle(), context)
      if (this.isOver) return
      this.finish()
      await queue.send('respond', { request, payload: 'null' })
    } catch (reason) {
      if (this.isOver) return
      this.finish()
      await queue.send('respond', { request, failure: failureOf(reason, false) })
    }
  }

  private handle(): TestChannel<unknown, unknown> {
    return {
      send: (part) => this.send(part),
      close: () => this.close(),
      [Symbol.asyncIterator]: () => {
        const parts = {
          next: () => this.next(),
          return: async () => ({ done: true as const, value: undefined }),
          [Symbol.asyncIterator]: () => parts,
        }
        return parts
      },
    }
  }

  credit(parts: number): void {
    this.window.credit(parts)
    for (const wake of this.wake.splice(0)) wake()
  }

  private async send(part: unknown): Promise<void> {
    const { name, request, queue } = this.stream
    const encoded = encodePayload(name, part)
    while (!this.isClosed && !this.isOver && !this.window.hasCredit) {
      await new Promise<void>((resolve) => this.wake.push(resolve))
    }
    if (this.isClosed || this.isOver) {
      throw new EventBusError('cancelled', `the channel "${name}" has ended, so this part was not sent`)
    }
    this.window.add(partSize(encoded))
    this.sent += 1
    const { payload, bytes, size } = encoded
    try {
      await queue.send('respond', { request, part: this.sent, payload, bytes }, size)
    } catch (error) {
      throw toEventBusError(error)
    }
  }

  private close(): void {
    if (this.isClosed || this.isOver) return
    this.isClosed = true
    this.side.closed()
    this.credit(0)
  }

  /** Takes a part of the page. */
  receive(part: unknown): void {
    const reader = this.readers.shift()
    if (!reader) this.parts.push(part)
    else {
      this.take()
      reader({ done: false, value: part })
    }
  }

  /** The page sends no more. */
  complete(): void {
    this.isComplete = true
    for (const reader of this.readers.splice(0)) reader({ done: true, value: undefined })
  }

  private async next(): Promise<Result> {
    if (this.parts.length > 0) {
      const value = this.parts.shift()
      this.take()
      return { done: false, value }
    }
    if (this.isComplete) return { done: true, value: undefined }
    return new Promise((resolve) => this.readers.push(resolve))
  }

  private take(): void {
    this.taken += 1
    if (!this.isOver) this.side.took(this.taken)
  }

  private finish(): void {
    this.isOver = true
    this.stream.ended()
    this.complete()
    this.credit(0)
  }

  stop(): void {
    if (this.isOver) return
    this.isOver = true
    this.parts.length = 0
    this.complete()
    this.credit(0)
  }
}
