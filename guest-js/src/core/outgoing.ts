import type { EmitOptions, Receipt } from '../types/emit.js'
import type { Target } from '../types/target.js'
import { checkName } from './checks.js'
import type { Inbox } from './contract.js'
import { toEventBusError } from './error.js'
import { encodePayload } from './json.js'
import { currentCauses, isServer, type Traced, traceOf } from './realm.js'
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
  /** That the page waits for what becomes of it. */
  outcome?: { readonly id: number; readonly timeoutMs?: number | undefined }
  /** The host has accepted it in this session. */
  accepted?: (session: string) => void
  /** The names of what caused it; those of the event whose handler is running without it. */
  causes?: readonly string[]
  /** What has the trace of its cause; the event whose handler is running without it. */
  cause?: Traced
  /** The trace that it had before this is called. */
  traceparent?: string | undefined
}

/** Encodes an event and queues it. Copies what the caller may change afterwards before this returns. */
export function publish(open: () => Inbox, outgoing: OutgoingEvent): Promise<Receipt & void> {
  const refused = (error: unknown): never => {
    throw toEventBusError(error)
  }
  try {
    const { event, payload, options, component, to, outcome, accepted, causes = currentCauses(), cause } = outgoing
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
      traceparent: traceOf(options?.traceparent ?? outgoing.traceparent, cause),
      outcome,
    }
    // A server has no receivers.
    const queue = isServer() ? undefined : open().queue
    const sent = queue
      ? new Promise((resolve, reject) => {
          const settled = (reply: unknown, session: string) => {
            accepted?.(session)
            resolve(reply)
          }
          queue.push(isAddressed ? 'emit_to' : 'emit', { value: entry, size, resolve: settled, reject })
        })
      : Promise.resolve({ seq: 0, pages: 0, listeners: 0 })
    return sent.catch(refused) as Promise<Receipt & void>
  } catch (error) {
    const rejected = Promise.reject(error).catch(refused)
    // Where there is no Tauri, one report stands for all that is not awaited.
    if (error === noTauri()) rejected.catch(report)
    return rejected
  }
}
