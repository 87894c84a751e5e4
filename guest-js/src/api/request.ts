import { EventBusError, toEventBusError } from '../core/error.js'
import { openInbox } from '../core/inbox.js'
import { causesOfNow } from '../core/realm.js'
import { emitAfter, emitToAfter } from '../core/received.js'
import { Conversations } from '../core/requests/channel.js'
import type { Asked } from '../core/requests/responders.js'
import { acceptable, type Subscription } from '../core/subscription.js'
import { checkName, type EventSource, payloadJson } from '../types/event.js'
import type { NameIfSet, Unset } from '../types/event-map.js'
import type { AnswerOf, QuestionArguments, QuestionOf, RequestName } from '../types/request-map.js'
import { copyOfTarget, type Target } from '../types/target.js'
import type { Emit, EmitTo } from './emit.js'

/**
 * What a responder learns of a question beside the question itself.
 *
 * @example
 * ```ts
 * import { type RequestContext, respond } from 'tauri-plugin-event-bus-api'
 *
 * async function load(path: unknown, { signal }: RequestContext) {
 *   return (await fetch(String(path), { signal })).text()
 * }
 * respond('load', load)
 * ```
 */
export interface RequestContext {
  /** The name of the question. */
  event: string
  /** Who asks. The host sets it; a page cannot forge it. */
  source: EventSource
  /**
   * Aborts when nobody waits for the answer any more: `reason.code` is `timeout` or `cancelled`, or `stale_session` where
   * the host has ended the session in which the page was asked.
   */
  signal: AbortSignal
  /** The names of the events and questions that caused it, oldest first. */
  causes: readonly string[]
  /**
   * Emits an event that follows from the question. As long as the responder is synchronous, the package's `emit` does the
   * same; behind an `await` this is how an event keeps its causes.
   */
  emit: Emit
  /** The same for a target. */
  emitTo: EmitTo
}

/**
 * How questions are answered.
 *
 * @example
 * ```ts
 * import { respond } from 'tauri-plugin-event-bus-api'
 *
 * const ended = new AbortController()
 * respond('version', () => '1.0', { signal: ended.signal, stack: true })
 * ended.abort()
 * ```
 */
export interface RespondOptions {
  /** Ends the responder when it aborts. One that has aborted already registers nothing. */
  signal?: AbortSignal
  /** Whether whoever asks is told the stack of what the responder throws, and not its name and message alone. */
  stack?: boolean
}

/**
 * Answers questions of this name that this page is asked. The question's type is that in {@link RequestMap}, or the type
 * argument. What `responder` returns, or its promise resolves to, is the
 * answer; what it throws reaches the asker as `responder_failed` with its name and message. A name has one responder in a
 * page.
 *
 * @returns a {@link Subscription}: call it to end it, await it to know that it was accepted.
 * @throws {EventBusError} by rejection: `duplicate_responder`, which names the first, `denied`, `invalid_event_name`,
 * `invalid_argument`, `reserved_event_name`, `queue_full`, `unavailable`.
 *
 * @example
 * ```ts
 * import { respond } from 'tauri-plugin-event-bus-api'
 *
 * const off = respond('confirm', async (question, { signal }) => {
 *   if (signal.aborted) return false
 *   return window.confirm(String(question))
 * })
 * off()
 * ```
 */
export function respond<Question = Unset>(
  event: NameIfSet<Question>,
  responder: (question: NoInfer<Question>, context: RequestContext) => unknown,
  options?: RespondOptions,
): Subscription
export function respond<Name extends RequestName, _ extends never>(
  event: Name,
  responder: (
    question: QuestionOf<Name>,
    context: RequestContext,
  ) => NoInfer<AnswerOf<Name>> | PromiseLike<NoInfer<AnswerOf<Name>>>,
  options?: RespondOptions,
): Subscription
export function respond(
  event: string,
  responder: (question: never, context: RequestContext) => unknown,
  options: RespondOptions = {},
): Subscription {
  const { signal, stack = false } = options
  return acceptable(signal, ({ accepted, ended }) => {
    checkName(event)
    if (typeof responder !== 'function') {
      throw new EventBusError('invalid_argument', `the responder of "${event}" is not a function`)
    }
    const name = responder.name === '' ? 'a function without a name' : `the function "${responder.name}"`
    const answer = (question: unknown, { source, signal, chain }: Asked) => {
      const context = {
        event,
        source,
        signal,
        causes: chain.slice(0, -1),
        emit: emitAfter(chain),
        emitTo: emitToAfter(chain),
      }
      return responder(question as never, context)
    }
    return openConversations().responders.add({ event, name, stack, answer, accepted, ended })
  })
}

/** The conversations of this realm. */
function openConversations(): Conversations {
  return openInbox().converse((queue, pull) => new Conversations(queue, pull))
}

/**
 * How a question is asked.
 *
 * @example
 * ```ts
 * import { request } from 'tauri-plugin-event-bus-api'
 *
 * await request('main', 'confirm', 'Really?', { timeoutMs: 60_000, signal: AbortSignal.timeout(5_000) })
 * ```
 */
export interface RequestOptions {
  /** How many milliseconds to wait for the answer: 30,000 by default, at least 1 and at most 86,400,000. */
  timeoutMs?: number
  /** Gives the question up when it aborts: the promise rejects with `cancelled`, and the responder's signal aborts. */
  signal?: AbortSignal
}

/**
 * Asks the page in another webview, or Rust (`'host'`), and gives the answer. A webview whose label is `host` is
 * `{ kind: 'Webview', label: 'host' }`. The answer's type is that in {@link RequestMap}, or the type argument.
 *
 * It takes the permission `event-bus:request`, which is not in the default.
 *
 * @throws {EventBusError} by rejection: `denied`, `no_responder`, `page_gone`, `timeout`, `responder_failed` with what was
 * thrown as its `cause`, `cancelled`, `invalid_payload`, `payload_too_large`, `unknown_target`, `queue_full`,
 * `rate_limited`, `event_loop`, `invalid_argument`, `stale_session`, `unavailable`.
 *
 * @example
 * ```ts
 * import { request } from 'tauri-plugin-event-bus-api'
 *
 * const isFine = await request<boolean>('main', 'confirm', { title: 'Delete it?' })
 * const sum = await request<number>('host', 'sum', [1, 2, 3], { timeoutMs: 1_000 })
 * console.log(isFine, sum)
 * ```
 */
export function request<Answer = Unset>(
  target: Target,
  event: NameIfSet<Answer>,
  question?: unknown,
  options?: RequestOptions,
): Promise<Answer>
export function request<Name extends RequestName, _ extends never>(
  target: Target,
  event: Name,
  ...question: [...QuestionArguments<Name>, options?: RequestOptions]
): Promise<AnswerOf<Name>>
export async function request(
  target: Target,
  event: string,
  question?: unknown,
  options: RequestOptions = {},
): Promise<unknown> {
  try {
    checkName(event)
    const { timeoutMs, signal } = options
    checkTimeout(event, timeoutMs)
    if (signal?.aborted) {
      throw new EventBusError('cancelled', `"${event}" was given up before it was asked`, { cause: signal.reason })
    }
    const payload = payloadJson(event, question)
    const to: Target = target === 'host' ? { kind: 'App' } : (copyOfTarget(target) as Target)
    const causes = causesOfNow()
    return await openConversations().questions.ask({ event, to, payload, timeoutMs, signal, causes })
  } catch (error) {
    throw toEventBusError(error)
  }
}

/** JSON turns what is not finite into null, which would be as good as left out. */
function checkTimeout(event: string, timeoutMs: unknown): void {
  if (timeoutMs === undefined || Number.isFinite(timeoutMs)) return
  throw new EventBusError(
    'invalid_argument',
    `timeoutMs of "${event}" is a number from 1 to 86,400,000 or left out, not the ${typeof timeoutMs} ${String(timeoutMs)}`,
  )
}
