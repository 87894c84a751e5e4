import type { EmitOptions, Receipt } from '../types/emit.js'
import type { Target } from '../types/target.js'
import { checkName } from './checks.js'
import type { Inbox } from './contract.js'
import { toEventBusError } from './error.js'
import { encodePayload } from './json.js'
import { currentCauses, isServer } from './realm.js'
import { noTauri, report } from './report.js'
import { copyOfTarget, isEveryone } from './target.js'

/** An event on its way to the host. */
export interface OutgoingEvent {
  event: string
  payload?: unknown
  options?: EmitOptions | undefined
  /** The receivers; everyone without the key. */
  to?: Target
  component?: string | undefined
  /** The names of what caused it; those of the event whose handler is running without it. */
  causes?: readonly string[]
}

/** Encodes an event and queues it. Copies what the caller may change afterwards before this returns. */
export function publish(open: () => Inbox, outgoing: OutgoingEvent): Promise<Receipt & void> {
  const refused = (error: unknown): never => {
    throw toEventBusError(error)
  }
  try {
    const { event, payload, options, component, to, causes = currentCauses() } = outgoing
    checkName(event)
    const { payload: text, bytes, size } = encodePayload(event, payload)
    const isAddressed = 'to' in outgoing && !isEveryone(to)
    // JSON leaves out what is undefined. The host refuses an option that it does not know.
    const entry = {
      ...options,
      event,
      to: isAddressed ? copyOfTarget(to) : undefined,
      payload: text,
      bytes,
      except: copyOfTarget(options?.except),
      component,
      causes: causes.length > 0 ? causes : undefined,
    }
    // A server has no receivers.
    const sent = isServer()
      ? Promise.resolve({ seq: 0, pages: 0, listeners: 0 })
      : open().queue.send(isAddressed ? 'emit_to' : 'emit', entry, size)
    return sent.catch(refused) as Promise<Receipt & void>
  } catch (error) {
    const rejected = Promise.reject(error).catch(refused)
    // Where there is no Tauri, one report stands for all that is not awaited.
    if (error === noTauri()) rejected.catch(report)
    return rejected
  }
}
