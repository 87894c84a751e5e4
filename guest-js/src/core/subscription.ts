import type { UnlistenFn } from '@tauri-apps/api/event'
import type { BusEvent } from '../types/event.js'
import type { Gap } from '../types/gap.js'
import type { ListenOptions, Subscription } from '../types/subscription.js'
import { checkFunction, checkName } from './checks.js'
import type { Registration } from './contract.js'
import { DISPOSE } from './disposal.js'
import { type EventBusError, toEventBusError } from './error.js'
import { openInbox } from './inbox.js'
import { isServer } from './realm.js'
import { report } from './report.js'
import { copyOfTarget } from './target.js'
import { Turns } from './turns.js'

/**
 * Subscribes at the inbox. Throws nothing: every refusal is the subscription's rejection. `handler` is what the caller
 * gave, and `deliver` calls it.
 */
export function subscribe(
  event: string,
  options: ListenOptions,
  handler: unknown,
  deliver: (event: BusEvent<unknown>) => unknown,
  whenEnded?: (error?: EventBusError) => void,
): Subscription {
  const { target, signal, replay, retained, latest, sequential, onGap: gap } = options
  let turns: Turns | undefined
  return createSubscription(
    signal,
    (registration) => {
      checkName(event)
      checkFunction(handler, 'handler', event)
      const inbox = openInbox()
      const tellGap = (lost: Gap) => (gap ? gap(lost) : inbox.warn(lost, event))
      turns = sequential ? new Turns(inbox, deliver, tellGap) : undefined
      const taken = turns
      return inbox.subscribe({
        event,
        target: copyOfTarget(target),
        replay: replay !== false,
        retained: retained !== false,
        latest,
        sequential,
        deliver: taken ? (received) => taken.take(received) : deliver,
        gap,
        ...registration,
      })
    },
    (error) => {
      if (turns) turns.isOver = true
      whenEnded?.(error)
    },
  )
}

/** Makes the handle of a registration. `begin` registers and returns what ends it; what it throws is the rejection. */
export function createSubscription(
  signal: AbortSignal | undefined,
  begin: (registration: Registration) => () => void,
  whenEnded?: (error?: EventBusError) => void,
): Subscription {
  let resolve: (unlisten: UnlistenFn) => void
  let reject: (error: EventBusError) => void
  const promise = new Promise<UnlistenFn>((onResolve, onReject) => {
    resolve = onResolve
    reject = onReject
  })
  let isRunning = true
  let end: (() => void) | undefined
  const off = () => end?.()
  const accepted = () => resolve(() => off())
  const ended = (reason?: EventBusError) => {
    if (!isRunning) return
    isRunning = false
    signal?.removeEventListener('abort', off)
    // The inbox may belong to another copy, with an error class of its own.
    const error = reason && toEventBusError(reason)
    if (error) reject(error)
    else accepted()
    whenEnded?.(error)
  }
  try {
    // On a server there is nothing to listen to.
    if (signal?.aborted || isServer()) {
      ended()
    } else {
      end = begin({ accepted, ended })
      signal?.addEventListener('abort', off)
    }
  } catch (error) {
    ended(toEventBusError(error))
  }
  return thenable(off, promise)
}

/** Makes a function awaitable, and reports an unhandled rejection. */
export function thenable(off: () => void, promise: Promise<UnlistenFn>): Subscription {
  let isObserved = false
  const observe = <Method extends (...args: never[]) => unknown>(method: Method): Method => {
    const bound = method.bind(promise)
    return ((...args: never[]) => {
      isObserved = true
      return bound(...args)
    }) as Method
  }
  promise.catch((error: unknown) => {
    // A rejection can be handled until the task ends, as with the browser's own promises.
    setTimeout(() => {
      if (!isObserved) report(error)
    }, 0)
  })
  const subscription = (() => off()) as Subscription
  const methods: PropertyDescriptorMap = {
    // biome-ignore lint/suspicious/noThenProperty: A subscription is a promise by contract.
    then: { value: observe(promise.then) },
    catch: { value: observe(promise.catch) },
    finally: { value: observe(promise.finally) },
    stop: { value: subscription },
    [Symbol.toStringTag]: { value: 'Subscription' },
    [DISPOSE]: { value: subscription },
  }
  return Object.defineProperties(subscription, methods)
}
