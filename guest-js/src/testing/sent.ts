import { EventBusError } from '../core/error.js'
import type { NewEvent } from './contract.js'
import { isForAll, neededTarget } from './target.js'

/** Refuses an event to some receivers that is for everyone. */
export function checkSent({ event, to }: NewEvent): void {
  if (!isForAll(neededTarget(to))) return
  throw new EventBusError(
    'invalid_argument',
    `the target ${JSON.stringify(to)} of "${event}" is everyone; expected some receivers, or use emit`,
  )
}
