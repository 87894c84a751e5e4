import type { PulledStreamed } from '../batch.js'
import type { Carrier } from '../carrier.js'
import type { CommandQueue } from '../commands.js'
import type { RequestChannel } from '../contract.js'
import type { EventBusError } from '../error.js'
import type { IncomingStreams } from './incoming.js'
import { OutgoingRequests } from './requests.js'
import { Responders } from './responders.js'

/** Tells the host how many parts of a stream were taken. */
export type Tell = (stream: number, taken: number) => void

/** Both directions of a page: its responders, and the requests that it sends. */
export class PageRequestChannel extends Responders implements RequestChannel {
  readonly requests: OutgoingRequests
  private incoming: IncomingStreams | null = null

  constructor(
    private readonly commands: CommandQueue,
    readonly pull: () => void,
    carrier: Carrier,
  ) {
    super(commands, pull, carrier)
    this.requests = new OutgoingRequests(commands)
  }

  override get isActive(): boolean {
    return super.isActive || this.incoming?.isActive === true
  }

  get isBehind(): boolean {
    return this.incoming?.isBehind === true
  }

  /** The streams that this page receives. Pages that request none do not load their code. */
  openStreams(
    make: (queue: CommandQueue, requests: OutgoingRequests, tell: Tell, changed: () => void) => IncomingStreams,
  ): IncomingStreams {
    this.incoming ??= make(this.commands, this.requests, (stream, taken) => this.tell(stream, taken), this.pull)
    return this.incoming
  }

  receiveStreamed(item: PulledStreamed, skipped: number): void {
    if ('stream' in item) this.incoming?.receive(item, skipped)
    else this.credit(item)
  }

  /** Only the newest number of a stream is sent. */
  private tell(stream: number, taken: number): void {
    const waiting = this.carrier.waiting.find(({ value }) => (value as { stream?: number }).stream === stream)
    if (waiting) Object.assign(waiting.value, { taken })
    else this.carrier.carry('respond', { stream, taken })
  }

  tellAgain(): void {
    this.incoming?.tellAgain()
  }

  override abandon(): void {
    super.abandon()
    this.incoming?.abandon()
  }

  override lose(error: EventBusError): void {
    super.lose(error)
    this.incoming?.lose(error)
  }

  forget(): void {
    this.requests.forget()
    this.incoming?.forget()
  }
}
