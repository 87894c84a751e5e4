import type { Event, EventCallback, EventName, EventTarget, Options, UnlistenFn } from '@tauri-apps/api/event'
import * as core from '@tauri-apps/api/event'
import { checkFunction, checkName } from '../core/checks.js'
import { openInbox } from '../core/inbox.js'
import { createSubscription } from '../core/subscription.js'
import { copyOfTarget, isEveryone } from '../core/target.js'
import type { Subscription } from '../types/subscription.js'
import type { Target } from '../types/target.js'
import { isCompatible, isTauris, listensInCore } from './route.js'

/** The number of the last listener of this copy. */
let lastId = 0

/**
 * Listens to an event, as `listen` of `@tauri-apps/api/event` does, through the event bus.
 *
 * Names that begin with `tauri://` stay with Tauri. In compatible mode the listener is registered in core as well, and is
 * called once for each event.
 *
 * @returns a promise of the function that ends it.
 * @throws {EventBusError} by rejection, as `listen` of the main entry. In compatible mode also what core rejects with.
 *
 * @example
 * ```ts
 * import { listen } from 'tauri-plugin-event-bus-api/tauri'
 *
 * const unlisten = await listen<string>('error', (event) => console.log(event.payload))
 * unlisten()
 * ```
 */
export async function listen<T>(event: EventName, handler: EventCallback<T>, options?: Options): Promise<UnlistenFn> {
  if (isTauris(event)) return core.listen(event, handler, options)
  return isCompatible() ? listenAsBefore(event, handler, options) : listenToBus(event, handler, options)
}

/**
 * Listens to the next event of that name only, as `once` of `@tauri-apps/api/event` does. Otherwise as {@link listen}.
 *
 * @returns a promise of the function that ends it.
 * @throws {EventBusError} by rejection, as {@link listen}.
 *
 * @example
 * ```ts
 * import { once } from 'tauri-plugin-event-bus-api/tauri'
 *
 * await once<{ user: string }>('loaded', ({ payload }) => console.log(payload.user))
 * ```
 */
export async function once<T>(event: EventName, handler: EventCallback<T>, options?: Options): Promise<UnlistenFn> {
  if (isTauris(event)) return core.once(event, handler, options)
  checkFunction(handler, 'handler', event)
  let end: (() => void) | undefined
  let isOver = false
  const unlisten = await listen<T>(
    event,
    (received) => {
      // Both systems may have an event of this name, and a batch more than one.
      if (isOver) return
      isOver = true
      end?.()
      return handler(received)
    },
    options,
  )
  end = unlisten
  if (isOver) unlisten()
  return unlisten
}

/** What calls a handler with an event of exactly the three properties of Tauri's. */
function callerOf<T>(handler: EventCallback<T>): (received: { event: string; payload: unknown }) => unknown {
  lastId += 1
  const id = lastId
  return ({ event, payload }) => handler({ event, id, payload: payload as T })
}

function subscribe<T>(
  event: EventName,
  handler: EventCallback<T>,
  target: Target | undefined,
  deliver: (received: { event: string; payload: unknown }) => unknown,
  compatible?: true,
): Subscription {
  return createSubscription(undefined, (registration) => {
    checkName(event)
    checkFunction(handler, 'handler', event)
    const wanted = { replay: true, retained: true, gap: undefined, compatible }
    return openInbox().subscribe({ event, target: copyOfTarget(target), deliver, ...wanted, ...registration })
  })
}

async function listenToBus<T>(event: EventName, handler: EventCallback<T>, options?: Options): Promise<UnlistenFn> {
  // A target that leaves nothing out is the same as no target.
  const target = isEveryone(options?.target) ? undefined : (options?.target as Target | undefined)
  const subscription = await subscribe(event, handler, target, callerOf(handler))
  return async () => subscription()
}

async function listenAsBefore<T>(event: EventName, handler: EventCallback<T>, options?: Options): Promise<UnlistenFn> {
  const target = eventTargetOf(options?.target)
  const call = callerOf(handler)
  let isOver = false
  const deliver = (received: { event: string; payload: unknown }) => (isOver ? undefined : call(received))
  const onBus = subscribe(event, handler, target, deliver, true)
  const inCore = listensInCore() && core.listen(event, deliver as (received: Event<unknown>) => void, { target })
  const listeners = await Promise.allSettled([onBus, inCore])
  const end = async () => {
    isOver = true
    await Promise.all(
      listeners.map((listener) => listener.status === 'fulfilled' && listener.value && listener.value()),
    )
  }
  const refused = listeners.find((listener) => listener.status === 'rejected')
  if (!refused) return end
  await end()
  throw refused.reason
}

/** A target as core sends it to the host. */
export function eventTargetOf(target: string | EventTarget | undefined): EventTarget {
  return typeof target === 'string' ? { kind: 'AnyLabel', label: target } : (target ?? { kind: 'Any' })
}
