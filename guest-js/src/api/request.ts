import { checkName } from '../core/checks.js'
import { EventBusError, toEventBusError } from '../core/error.js'
import { encodePayload } from '../core/json.js'
import { currentCauses, traceOf } from '../core/realm.js'
import { checkTimeout, pageRequests, register } from '../core/requests/open.js'
import { copyOfTarget } from '../core/target.js'
import type { OtherRequest } from '../types/name-kind.js'
import type { RequestContext, RequestOptions, RespondOptions } from '../types/request.js'
import type { RequestArguments, RequestName, RequestOf, ResponseOf } from '../types/request-map.js'
import type { Subscription } from '../types/subscription.js'
import type { Target } from '../types/target.js'

/**
 * Responds to requests of this name to this page. The type of the request is that in {@link RequestMap}, or the type
 * argument.
 *
 * The response is what `responder` returns, or what its promise resolves to. What it throws reaches the caller as
 * `responder_failed`, with its name and message. A name has one responder in a page.
 *
 * @returns a {@link Subscription}: call it to end it, await it to know that the host has accepted it.
 * @throws {EventBusError} by rejection: `duplicate_responder`, which names the first one, `denied`, `invalid_event_name`,
 * `invalid_argument`, `reserved_event_name`, `queue_full`, `unavailable`.
 *
 * @example
 * ```ts
 * import { respond } from 'tauri-plugin-event-bus-api'
 *
 * const off = respond('confirm', async (text, { signal }) => {
 *   if (signal.aborted) return false
 *   return window.confirm(String(text))
 * })
 * off()
 * ```
 */
export function respond<Request = unknown, Name extends string = string>(
  name: OtherRequest<Name>,
  responder: (request: Request, context: RequestContext) => unknown,
  options?: RespondOptions,
): Subscription
export function respond<Name extends RequestName, _ extends never>(
  name: Name,
  responder: (request: RequestOf<Name>, context: RequestContext) => ResponseOf<Name> | PromiseLike<ResponseOf<Name>>,
  options?: RespondOptions,
): Subscription
export function respond(
  name: string,
  responder: (request: never, context: RequestContext) => unknown,
  options?: RespondOptions,
): Subscription {
  return register(name, responder, options)
}

/**
 * Sends a request to the page in another webview, or to the host ({@link HOST}), and resolves to the response. The type of the
 * response is that in {@link RequestMap}, or the type argument.
 *
 * It needs the permission `event-bus:request`, which is not in the default set.
 *
 * @throws {EventBusError} by rejection: `denied`, `no_responder`, `page_gone`, `timeout`, `responder_failed` with what was
 * thrown as its `cause`, `cancelled`, `invalid_payload`, `payload_too_large`, `unknown_target`, `queue_full`,
 * `rate_limited`, `event_loop`, `invalid_argument`, `stale_session`, `unavailable`.
 *
 * @example
 * ```ts
 * import { HOST, request } from 'tauri-plugin-event-bus-api'
 *
 * const isFine = await request<boolean>('main', 'confirm', { title: 'Delete it?' })
 * const sum = await request<number>(HOST, 'sum', [1, 2, 3], { timeoutMs: 1_000 })
 * console.log(isFine, sum)
 * ```
 */
export function request<Response = unknown, Name extends string = string>(
  to: Target,
  name: OtherRequest<Name>,
  payload?: unknown,
  options?: RequestOptions,
): Promise<Response>
export function request<Name extends RequestName, _ extends never>(
  to: Target,
  name: Name,
  ...payload: [...payload: RequestArguments<Name>, options?: RequestOptions]
): Promise<ResponseOf<Name>>
export async function request(
  to: Target,
  name: string,
  payload?: unknown,
  { timeoutMs, signal, traceparent }: RequestOptions = {},
  component?: string,
): Promise<unknown> {
  try {
    checkName(name)
    checkTimeout(name, timeoutMs)
    if (signal?.aborted) {
      throw new EventBusError('cancelled', `the signal of "${name}" had aborted already`, { cause: signal.reason })
    }
    const encoded = encodePayload(name, payload)
    const sent = { name, to: copyOfTarget(to), ...encoded, timeoutMs, signal, component }
    const origin = { causes: currentCauses(), traceparent: traceOf(traceparent) }
    return await pageRequests().requests.send({ ...sent, ...origin })
  } catch (error) {
    throw toEventBusError(error)
  }
}

/** Sends a request, as a component if there is one. */
export type RequestAs = (
  to: Target,
  name: string,
  payload?: unknown,
  options?: RequestOptions,
  component?: string,
) => Promise<unknown>
