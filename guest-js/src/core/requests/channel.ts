import type { CommandQueue } from '../commands.js'
import type { RequestChannel } from '../contract.js'
import { OutgoingRequests } from './requests.js'
import { Responders } from './responders.js'

/** Both directions of a page: its responders, and the requests that it sends. */
export class PageRequestChannel extends Responders implements RequestChannel {
  readonly requests: OutgoingRequests

  constructor(queue: CommandQueue, pull: () => void) {
    super(queue, pull)
    this.requests = new OutgoingRequests(queue)
  }

  forget(): void {
    this.requests.forget()
  }
}
