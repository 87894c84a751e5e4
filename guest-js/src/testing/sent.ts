import { EventBusError } from '../core/error.js'
import type { Target } from '../types/target.js'
import type { NewEvent } from './contract.js'
import { hasWildcard } from './glob.js'
import type { Label } from './requests.js'
import { isForAll, labelsOf, neededTarget, partsOf } from './target.js'

/** Refuses an event to some receivers that is for everyone. */
export function checkSent({ event, to }: NewEvent): void {
  if (!isForAll(neededTarget(to))) return
  throw new EventBusError(
    'invalid_argument',
    `the target ${JSON.stringify(to)} of "${event}" is everyone; expected some receivers, or use emit`,
  )
}

/** Who receives a request: one page, or the host. */
export function recipientOf(to: Target): Label {
  const [label] = labelsOf(to)
  if (partsOf(to).length > 1 || isForAll(to) || (label !== undefined && hasWildcard(label))) {
    const text = `invalid target of a request: ${JSON.stringify(to)}; expected one label of a webview, or HOST`
    throw new EventBusError('invalid_argument', text)
  }
  return label ?? null
}
