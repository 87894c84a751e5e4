import type { Endpoint } from '../types/endpoint.js'
import type { Tick } from '../types/job-info.js'
import type { NewEvent } from './contract.js'
import { readPayload } from './payload.js'
import type { AcceptedEvent } from './session.js'
import { isForAll } from './target.js'

/** An event with what the host adds to it. */
export function acceptedEvent(
  { event, payload, to, except, until, expiresMs, component, causes = [] }: NewEvent,
  seq: number,
  source: Endpoint,
  retain: boolean,
  tick?: Tick,
): AcceptedEvent {
  return {
    event,
    payload: readPayload(payload),
    seq,
    timestamp: Date.now(),
    source,
    to: isForAll(to) ? undefined : to,
    except,
    retain,
    expiresAt: expiresMs === undefined ? undefined : Date.now() + expiresMs,
    extras: {
      ...(tick && { tick }),
      ...(component !== undefined && { component }),
      ...(causes.length > 0 && { causes: [...causes] }),
      ...(until === 'consumed' && { consume: true }),
    },
  }
}
