import type { EventTarget } from '@tauri-apps/api/event'
import * as core from '@tauri-apps/api/event'
import { checkName } from '../core/checks.js'
import { EventBusError, toEventBusError } from '../core/error.js'
import { openInbox } from '../core/inbox.js'
import { encodePayload } from '../core/json.js'
import { publish } from '../core/outgoing.js'
import { currentCauses, isServer, traceOf } from '../core/realm.js'
import { copyOfTarget, isEveryone } from '../core/target.js'
import type { Target } from '../types/target.js'
import { eventTargetOf } from './listen.js'
import { type WrittenPayload, writeAsTauri } from './payload.js'
import { isCompatible, isTauris, writesAsTauri } from './route.js'

/**
 * Emits an event to everyone, as `emit` of `@tauri-apps/api/event` does, through the event bus.
 *
 * Names that begin with `tauri://` stay with Tauri.
 *
 * @returns a promise that resolves as soon as the host has accepted the event.
 * @throws {EventBusError} by rejection, as `emit` of the main entry.
 *
 * @example
 * ```ts
 * import { emit } from 'tauri-plugin-event-bus-api/tauri'
 *
 * await emit('frontend-loaded', { loggedIn: true })
 * ```
 */
export async function emit<T>(event: string, payload?: T): Promise<void> {
  if (isTauris(event)) return core.emit(event, payload)
  await send(event, payload)
}

/**
 * Emits an event to some receivers only, as `emitTo` of `@tauri-apps/api/event` does. Otherwise as {@link emit}.
 *
 * @returns a promise that resolves as soon as the host has accepted the event.
 * @throws {EventBusError} by rejection, as `emitTo` of the main entry, and `invalid_argument` without a target. In compatible
 * mode a label that names no webview is no error.
 *
 * @example
 * ```ts
 * import { emitTo } from 'tauri-plugin-event-bus-api/tauri'
 *
 * await emitTo('settings', 'theme', 'dark')
 * ```
 */
export async function emitTo<T>(target: EventTarget | string, event: string, payload?: T): Promise<void> {
  if (isTauris(event)) return core.emitTo(target, event, payload)
  checkName(event)
  // JSON leaves out an undefined target, and Tauri refuses what has none.
  if (target === undefined || target === null) {
    const problem = `the target of "${event}" is ${target}; expected a label or an EventTarget`
    throw new EventBusError('invalid_argument', problem)
  }
  await send(event, payload, target)
}

function send(event: string, payload: unknown, target?: EventTarget | string): Promise<unknown> {
  const isAddressed = target !== undefined && !isEveryone(target)
  if (isCompatible() || writesAsTauri()) {
    return sendAsCore(event, payload, isAddressed ? eventTargetOf(target) : undefined)
  }
  return publish(openInbox, isAddressed ? { to: target as Target, event, payload } : { event, payload })
}

async function sendAsCore(event: string, payload: unknown, to: EventTarget | undefined): Promise<void> {
  checkName(event)
  const written: WrittenPayload = writesAsTauri() ? writeAsTauri(event, payload) : encodePayload(event, payload)
  const causes = currentCauses()
  const compatible = isCompatible() || undefined
  // JSON leaves out what is undefined.
  const entry = {
    event,
    payload: written.payload,
    bytes: written.bytes,
    to: copyOfTarget(to as Target | undefined),
    causes: causes.length > 0 ? causes : undefined,
    traceparent: traceOf(),
    compatible,
    lossy: compatible && written.lossy,
  }
  // A server has nobody to send it to.
  if (isServer()) return
  await openInbox()
    .queue.send(to ? 'emit_to' : 'emit', entry, written.size)
    .catch((error: unknown) => {
      throw toEventBusError(error)
    })
}
