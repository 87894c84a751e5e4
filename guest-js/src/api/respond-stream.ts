import { register } from '../core/requests/open.js'
import { Producer } from '../core/requests/producer.js'
import type { OtherStream } from '../types/name-kind.js'
import type { RequestContext, RespondOptions } from '../types/request.js'
import type { PartsOf, StreamName, StreamRequestOf } from '../types/stream-map.js'
import type { Subscription } from '../types/subscription.js'

/**
 * Responds to requests of this name to this page with a stream: what the generator yields are the parts, and what it returns
 * is the response. A `yield` waits until the caller has taken enough of what came before.
 *
 * What the generator throws reaches the caller behind the parts. When the caller leaves its loop or is gone, `signal` aborts
 * and the generator's `finally` runs; it cannot interrupt an `await`. A name has one responder in a page, of either kind.
 *
 * @returns a {@link Subscription}: call it to end it, await it to know that the host has accepted it.
 * @throws {EventBusError} by rejection: those of {@link respond}.
 *
 * @example
 * ```ts
 * import { respondStream } from 'tauri-plugin-event-bus-api'
 *
 * respondStream<number>('count', async function* (to) {
 *   for (let number = 1; number <= to; number += 1) yield number
 *   return 'done'
 * })
 * ```
 */
export function respondStream<Request = unknown, Name extends string = string>(
  name: OtherStream<Name>,
  responder: (request: Request, context: RequestContext) => AsyncIterable<unknown> | Iterable<unknown>,
  options?: RespondOptions,
): Subscription
export function respondStream<Name extends StreamName, _ extends never>(
  name: Name,
  responder: (request: StreamRequestOf<Name>, context: RequestContext) => PartsOf<Name>,
  options?: RespondOptions,
): Subscription
export function respondStream(
  name: string,
  responder: (request: never, context: RequestContext) => unknown,
  options?: RespondOptions,
): Subscription {
  return register(name, responder, options, (stream) => new Producer(stream))
}
