import { EventBusError } from '../core/error.js'
import type { NewEvent } from './contract.js'
import { isForAll, neededTarget } from './target.js'

/** Refuses an event to some receivers that is for everyone. Returns others. */
export function checkSent(sent: NewEvent): NewEvent {
  const { event, to } = sent
  if (!isForAll(neededTarget(to))) return sent
  throw new EventBusError(
    'invalid_argument',
    `the target ${JSON.stringify(to)} of "${event}" is everyone; expected some receivers, or use emit`,
  )
}
