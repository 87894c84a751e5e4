import type { RequestContext, RespondOptions } from '../../types/request.js'
import type { Subscription } from '../../types/subscription.js'
import { checkFunction, checkName } from '../checks.js'
import { EventBusError } from '../error.js'
import { openInbox } from '../inbox.js'
import { emitAfter, emitToAfter } from '../received.js'
import { createSubscription } from '../subscription.js'
import { PageRequestChannel } from './channel.js'
import type { RequestOrigin, RunningStream, StreamToSend } from './responders.js'

/** Registers a responder. `stream` begins a stream of what it returns, where it responds with streams. */
export function register(
  name: string,
  responder: (request: never, context: RequestContext) => unknown,
  options: RespondOptions = {},
  stream?: (stream: StreamToSend) => RunningStream,
): Subscription {
  const { signal, stack = false } = options
  return createSubscription(signal, (registration) => {
    checkName(name)
    checkFunction(responder, 'responder', name)
    const title = responder.name === '' ? 'an unnamed function' : `the function "${responder.name}"`
    const respond = (payload: unknown, origin: RequestOrigin) => {
      const { caller, component, signal, chain, traceparent } = origin
      return responder(payload as never, {
        name,
        caller,
        component,
        signal,
        causes: chain.slice(0, -1),
        traceparent,
        emit: emitAfter(chain, origin),
        emitTo: emitToAfter(chain, origin),
      })
    }
    return pageRequests().add({ name, title, stack, respond, ...(stream && { stream }), ...registration })
  })
}

/** The requests and responders of this page. */
export function pageRequests(): PageRequestChannel {
  return openInbox().openChannel((queue, pull, carrier) => new PageRequestChannel(queue, pull, carrier))
}

/** Refuses numbers that JSON would turn into null, which means the default. */
export function checkTimeout(name: string, timeoutMs: unknown): void {
  if (timeoutMs === undefined || Number.isFinite(timeoutMs)) return
  throw new EventBusError(
    'invalid_argument',
    `timeoutMs of "${name}" must be a number from 1 to 86,400,000, not the ${typeof timeoutMs} ${String(timeoutMs)}`,
  )
}
