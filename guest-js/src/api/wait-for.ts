import { checkFunction, checkTimeout } from '../core/checks.js'
import { EventBusError } from '../core/error.js'
import { isServer } from '../core/realm.js'
import { isThenable } from '../core/report.js'
import { subscribe } from '../core/subscription.js'
import type { BusEvent } from '../types/event.js'
import type { EventName } from '../types/event-map.js'
import type { EventOf } from '../types/event-of.js'
import type { NameThatFitsHandlerAndOptions } from '../types/name-kind.js'
import type { Subscription } from '../types/subscription.js'
import type { WaitOptions } from '../types/wait.js'

/**
 * Waits for the next event of a name or pattern, or for the first one that `filter` accepts. A retained event counts, unless
 * `retained` is `false`. Errors of the subscription reject, too.
 *
 * @returns the event, once it has come.
 * @throws {EventBusError} by rejection: `timeout`; `cancelled` where {@link unlisten} ended it; `invalid_argument` for
 * another `timeoutMs`, or a `filter` that is no function or returns a promise; and as {@link listen}. Where `signal` aborts, the promise rejects with its reason.
 *
 * @example
 * ```ts
 * import { waitFor } from 'tauri-plugin-event-bus-api'
 *
 * const { payload } = await waitFor<{ port: number }>('server:ready', {
 *   filter: (event) => event.payload.port > 0,
 *   timeoutMs: 10_000,
 * })
 * console.log('the server listens on', payload.port)
 * ```
 */
export function waitFor<Name extends EventName, _ extends never>(
  event: Name,
  options?: WaitOptions<EventOf<Name>>,
): Promise<EventOf<Name>>
export function waitFor<Payload = unknown, Name extends string = string>(
  event: NameThatFitsHandlerAndOptions<Name>,
  options?: WaitOptions<BusEvent<Payload>>,
): Promise<BusEvent<Payload>>
export function waitFor(event: string, options: WaitOptions = {}): Promise<BusEvent<unknown>> {
  const { filter = () => true, timeoutMs, signal, ...listened } = options
  return new Promise((resolve, reject) => {
    let subscription: Subscription | undefined
    let timer: ReturnType<typeof setTimeout> | undefined
    const settle = (act: () => void) => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', abort)
      // The first one counts: what the end of the subscription adds has no effect.
      act()
      subscription?.()
    }
    const fail = (error: unknown) => settle(() => reject(error))
    const abort = () => fail(signal?.reason)
    const deliver = (received: BusEvent<unknown>) => {
      try {
        const fits: unknown = filter(received)
        // A promise is truthy, so every event would fit.
        if (isThenable(fits)) {
          throw new EventBusError(
            'invalid_argument',
            `the filter of "${event}" returned a promise; expected true or false at once`,
          )
        }
        if (fits) settle(() => resolve(received))
      } catch (error) {
        fail(error)
      }
    }
    const ended = (error?: EventBusError) =>
      fail(error ?? new EventBusError('cancelled', `unlisten("${event}") ended the wait for an event`))
    // What it throws rejects the promise.
    checkFunction(filter, 'filter', event)
    if (signal?.aborted) return abort()
    if (isServer()) return reject(new EventBusError('unavailable', `a server has no events: "${event}" never comes`))
    checkTimeout(timeoutMs, event)
    if (timeoutMs !== undefined) {
      const late = new EventBusError('timeout', `no event of "${event}" came within ${timeoutMs} ms`)
      timer = setTimeout(fail, timeoutMs, late)
    }
    signal?.addEventListener('abort', abort)
    // Last, since a refusal may come to `ended` at once, which ends the others.
    subscription = subscribe(event, listened, deliver, deliver, ended)
    subscription.catch(() => {})
  })
}
