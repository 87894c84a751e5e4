import type { ErrorCode } from '../types/error-code.js'
import type { BusEvent } from '../types/event.js'
import type { Target } from '../types/target.js'
import type { PayloadText } from './payload.js'
import type { PlayedRecipient } from './played.js'
import type { Label, NewRequest, TestRequests } from './requests.js'

/** An event to emit. The payload is JSON; none is `null`. */
export interface NewEvent {
  event: string
  payload?: PayloadText | undefined
  to?: Target | undefined
  /** Webviews that do not receive it. */
  except?: Target | undefined
  retain?: boolean | undefined
  /** That another tab has accepted it, before this one was there or since. It may be for tabs that this one does not know. */
  accepted?: 'before' | 'since' | undefined
  /** When it counts no more, where that tab has said so, in milliseconds since the Unix epoch. */
  expiresAt?: number | undefined
  until?: 'start-up' | 'consumed' | undefined
  maxDeliveries?: number | undefined
  expiresMs?: number | undefined
  component?: string | undefined
  /** The names of what caused it, oldest first. */
  causes?: readonly string[] | undefined
  traceparent?: string | undefined
  /** That the page under test waits for what becomes of it, under a number of its own. */
  outcome?: { readonly id: number; readonly timeoutMs?: number } | undefined
}

/** What differs from host to host. */
export interface HostOptions {
  /** Whether a subscription also receives earlier events. */
  readonly replays: boolean
  /** Whether a request waits for a responder of a page that has just begun. */
  readonly waits: boolean
  /** What to do about a label that no page has. */
  adviceFor?(label: string): string
  /** Makes what plays the host, or a page. A local bus loads nothing of it. */
  play?(label: Label, requests: TestRequests): PlayedRecipient
}

/** A listener beside the page under test: the host, or a page that the test plays. */
export interface Listener {
  /** The label of the page; `null` for the host. */
  readonly label: Label
  /** Whether it receives what is sent to others, too. */
  readonly receivesAll?: boolean
  readonly matches: (name: string) => boolean
  readonly deliver: (event: BusEvent<unknown>) => unknown
  /** Whether it only notes what a page receives, and is no handler. */
  readonly isRecord?: boolean
}

/** What a test can refuse. */
export type Refusable = 'emit' | 'listen' | 'request' | 'respond'

/** A request to send. Without causes it follows from what is being handled. */
export interface TestRequest extends Omit<NewRequest, 'to' | 'caller' | 'causes'> {
  to: Target
  causes?: readonly string[] | undefined
}

/** A request of the page under test, with a number of its own. */
export interface PageRequest extends Omit<TestRequest, 'stream'> {
  session: string
  id: number
  /** Its credit, if it is for a stream or a channel. */
  stream?: { bytes?: number; parts?: number }
}

/** The arguments of `attach_task`. */
export interface AttachArguments {
  session: string
  /** The number of the stream by which the page follows the task. */
  id: number
  name: string
  key: string
}

/** An entry of `set_responders`. */
export interface ResponderEntry {
  name: string
  on: boolean
  /** Whether it responds with streams. */
  stream?: boolean
}

/** What a test refuses. */
export interface Refusal {
  readonly matches: (text: string) => boolean
  readonly command: Refusable | undefined
  readonly code: ErrorCode
  readonly message: string
}

/** An entry of `subscribe`. */
export interface SubscribeEntry {
  id: number
  event: string
  target?: Target
  replay?: boolean
  retained?: boolean
  latest?: boolean
}

/** The arguments of a command that changes state. */
export interface StateArguments extends Record<string, unknown> {
  session: string
  n: number
}
