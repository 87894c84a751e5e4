import { attachedRenewal, keepPull } from '../core/attached.js'
import { checkName } from '../core/checks.js'
import { ASYNC_DISPOSE } from '../core/disposal.js'
import { EventBusError, toEventBusError } from '../core/error.js'
import { openInbox } from '../core/inbox.js'
import { encodePayload } from '../core/json.js'
import { copyOfTarget, isEveryone } from '../core/target.js'
import type { EventName, PayloadArguments } from '../types/event-map.js'
import type { OtherName, ThePayloadOfThisEventIsMissingOrWrong } from '../types/name-kind.js'
import type { Will, WillOptions } from '../types/will.js'
import { type Kept, openKept } from './kept.js'

/** What is sent for a will. */
interface Entry {
  command: 'emit' | 'emit_to'
  value: { will: { id: number; afterMs?: number | undefined } }
  size: number
}

/**
 * Leaves an event with the host, which emits it when this page is gone and not back in time: its window is closed, its process
 * has crashed, or it was navigated. A page that reloads within the grace has no will, until it sets one again.
 *
 * It is checked and counted as an {@link emit} of this page now, and has this page as its source.
 *
 * @returns a {@link Will}, as soon as the host has it.
 * @throws {EventBusError} by rejection, as {@link emit} and {@link emitTo}; `queue_full` beyond 16 wills or 1 MiB of a page.
 *
 * @example
 * ```ts
 * import { will } from 'tauri-plugin-event-bus-api'
 *
 * const closed = await will('editor:closed', 'notes.txt', { afterMs: 10_000 })
 * await closed.stop() // the user has saved
 * ```
 */
export function will<Payload = unknown, Name extends string = string>(
  event: OtherName<Name, ThePayloadOfThisEventIsMissingOrWrong>,
  payload?: Payload,
  options?: WillOptions,
): Promise<Will>
export function will<Name extends EventName, _ extends never>(
  event: Name,
  ...payload: [...payload: PayloadArguments<Name>, options?: WillOptions]
): Promise<Will>
export async function will(event: string, value?: unknown, options: WillOptions = {}): Promise<Will> {
  try {
    checkName(event)
    const { afterMs, to } = options
    if (afterMs !== undefined && !Number.isFinite(afterMs)) {
      throw new EventBusError(
        'invalid_argument',
        `afterMs of "${event}" must be a finite number, not ${String(afterMs)}`,
      )
    }
    const { payload, bytes, size } = encodePayload(event, value)
    const isAddressed = to !== undefined && !isEveryone(to)
    const wills = openWills()
    wills.newest += 1
    const id = wills.newest
    const address = { event, to: isAddressed ? copyOfTarget(to) : undefined }
    const entry: Entry = {
      command: isAddressed ? 'emit_to' : 'emit',
      value: { ...address, payload, bytes, will: { id, afterMs } } as Entry['value'],
      size,
    }
    const { queue } = openInbox()
    // Kept first, so that a session that begins meanwhile has it, too.
    wills.entries.set(id, entry)
    await queue.send(entry.command, entry.value, size).catch((error: unknown) => {
      wills.entries.delete(id)
      throw error
    })
    keepPull()
    const stop = async () => {
      if (!wills.entries.delete(id)) return
      try {
        await queue.send(entry.command, { ...address, will: { id, stop: true } })
      } catch (error) {
        // The host still has it, so it can be stopped again.
        wills.entries.set(id, entry)
        throw toEventBusError(error)
      }
    }
    return { stop, [ASYNC_DISPOSE]: stop }
  } catch (error) {
    throw toEventBusError(error)
  }
}

/** The wills of this page. */
function openWills(): Kept<Entry, number> {
  return openKept('event-bus:wills', (entry, entries, id) =>
    attachedRenewal(entry.command, entry, () => entries.get(id) === entry),
  )
}
