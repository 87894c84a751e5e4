import { EventBusError, toEventBusError } from '../error.js'
import { type EncodedPayload, encodePayload } from '../json.js'
import { report, reportRefusal } from '../report.js'
import { failureOf } from './failure.js'
import { partSize } from './part-size.js'
import type { RunningStream, StreamToSend } from './responders.js'
import { SendWindow } from './send-window.js'

/** One stream that this page sends: what a generator yields, and then what it returns. */
export class Producer implements RunningStream {
  private readonly window: SendWindow
  private sent = 0
  private wake: (() => void) | undefined
  private iterator: AsyncIterator<unknown> | Iterator<unknown> | undefined
  private isOver = false

  constructor(private readonly stream: StreamToSend) {
    this.window = new SendWindow(stream.credit)
    // The synchronous part of the responder runs now, with the causes of the request.
    void this.run()
  }

  credit(parts: number): void {
    this.window.credit(parts)
    this.wake?.()
  }

  private async run(): Promise<void> {
    const { stream } = this
    try {
      const source = stream.source()
      this.iterator = iteratorOf(await source, stream.name)
      if (this.isOver) this.close()
      while (!this.isOver) {
        if (!this.window.hasCredit) {
          await new Promise<void>((resolve) => {
            this.wake = resolve
          })
          continue
        }
        const { done, value } = await this.iterator.next()
        // What its `finally` yields is dropped.
        if (this.isOver) return
        const encoded = this.encode(value)
        if (encoded) this.deliver(encoded, done === true)
      }
    } catch (reason) {
      this.fail(reason)
    }
  }

  /** `undefined` if the value is no payload, which ends the stream. */
  private encode(value: unknown): EncodedPayload | undefined {
    try {
      return encodePayload(this.stream.name, value)
    } catch (error) {
      // The caller learns of it, and so does this page, whose mistake it is.
      report(error)
      this.stop(toEventBusError(error))
      this.sendFailure(error)
      return undefined
    }
  }

  /** Sends a part, or the response that says how many parts came before it. */
  private deliver(encoded: EncodedPayload, isResponse: boolean): void {
    const { request } = this.stream
    const { payload, bytes, size } = encoded
    if (isResponse) {
      this.end()
    } else {
      this.window.add(partSize(encoded))
      this.sent += 1
    }
    const place = isResponse ? { after: this.sent } : { part: this.sent }
    this.stream.queue.send('respond', { request, ...place, payload, bytes }, size).catch((error: EventBusError) => {
      reportRefusal(error)
      const isGone = error.code === 'unknown_request' || error.code === 'stale_session'
      this.stop(isGone ? new EventBusError('cancelled', 'the caller has left the stream') : error)
      if (!isGone) this.sendFailure(error)
    })
  }

  stop(reason?: EventBusError): void {
    if (this.isOver) return
    this.end(reason)
    this.close()
  }

  private end(reason?: EventBusError): void {
    this.isOver = true
    this.wake?.()
    this.stream.ended(reason)
  }

  /** Lets the source run its `finally`. That settles once the source has noticed, which may take long. */
  private close(): void {
    try {
      Promise.resolve(this.iterator?.return?.()).catch(report)
    } catch (error) {
      report(error)
    }
  }

  /** Ends the stream with what was thrown. */
  private fail(reason: unknown): void {
    if (this.isOver) return
    this.stop()
    this.sendFailure(reason)
  }

  private sendFailure(reason: unknown): void {
    const { request, stack, queue } = this.stream
    queue.send('respond', { request, failure: failureOf(reason, stack) }).catch(reportRefusal)
  }
}

function iteratorOf(source: unknown, name: string): AsyncIterator<unknown> | Iterator<unknown> {
  const iterable = source as Partial<AsyncIterable<unknown> & Iterable<unknown>> | null | undefined
  const iterator = iterable?.[Symbol.asyncIterator]?.() ?? iterable?.[Symbol.iterator]?.()
  if (iterator) return iterator
  throw new TypeError(`the responder of "${name}" returned nothing to iterate; make it an async function*`)
}
