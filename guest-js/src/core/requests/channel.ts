import type { EventSource } from '../../types/event.js'
import type { PulledEnding, PulledQuestion } from '../batch.js'
import type { CommandQueue, Renewal } from '../commands.js'
import type { EventBusError } from '../error.js'
import { Questions } from './requests.js'
import { Responders } from './responders.js'

/** What the inbox knows of what a page asks and is asked. It brings none of it along to pages that do neither. */
export interface Conversing {
  /** Whether the host knows of a responder, so that questions may come, or one may end that is being answered. */
  readonly listening: boolean
  /** Whether a pull that is sent in a moment may find more answers than there are now. */
  readonly unsettled: boolean
  /** This page is asked. */
  ask(question: PulledQuestion, source: EventSource): void
  /** Nobody waits any more for the answer to what this page was asked. */
  stop(ending: PulledEnding): void
  /** Keeps answers for a pull that is about to be sent. */
  hold(): void
  /** Takes what a pull carries. */
  take(): object[]
  /** Sends what no pull has taken. */
  flush(): void
  /** Sends what a pull carried that has failed. */
  sendAgain(replies: readonly object[]): void
  /** The calls with which a new session begins. */
  beginAgain(): Renewal[]
  /** This page may not pull, so no question will come. */
  lose(error: EventBusError): void
  /** The page was away, and the host has given up what it had asked. */
  forget(): void
}

/** What a page asks, and what it is asked. */
export class Conversations implements Conversing {
  readonly responders: Responders
  readonly questions: Questions

  /** `pull` is called when there is something to pull for. */
  constructor(queue: CommandQueue, pull: () => void) {
    this.responders = new Responders(queue, pull)
    this.questions = new Questions(queue)
  }

  get listening(): boolean {
    return this.responders.listening
  }

  get unsettled(): boolean {
    return this.responders.unsettled
  }

  ask(question: PulledQuestion, source: EventSource): void {
    this.responders.ask(question, source)
  }

  stop(ending: PulledEnding): void {
    this.responders.stop(ending)
  }

  hold(): void {
    this.responders.hold()
  }

  take(): object[] {
    return this.responders.take()
  }

  flush(): void {
    this.responders.flush()
  }

  sendAgain(replies: readonly object[]): void {
    this.responders.sendAgain(replies)
  }

  beginAgain(): Renewal[] {
    return this.responders.respondAgain()
  }

  lose(error: EventBusError): void {
    this.responders.lose(error)
  }

  forget(): void {
    this.questions.lose()
  }
}
