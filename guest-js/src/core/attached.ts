import type { Call, Renewal, StateCommand } from './commands.js'
import type { EventBusError } from './error.js'
import { existingInbox } from './realm.js'
import { report } from './report.js'
import { pageRequests } from './requests/open.js'

/**
 * What a page has at the host beside subscriptions, requests and responders: wills, members, outcomes that it waits for. It
 * keeps the page's pull, which shows the host that the page is there.
 */
export interface Attached {
  /** Whether the host has to know that the page is there. */
  isActive(): boolean
  /** Takes an item that belongs to it. */
  receive?(item: object): boolean
  /** The calls with which a new session repeats it. */
  renewals?(): Renewal[]
  /** This page may not pull. */
  lose?(error: EventBusError): void
}

const ATTACHED = Symbol.for('tauri-plugin-event-bus:attached')

/** The channel of a page with what is attached to it, in whichever copy of this package. */
type Channel = ReturnType<typeof pageRequests> & { [ATTACHED]?: Attached[] }

/** Attaches something to this page. Pages that attach nothing do not load this. */
export function attach(attached: Attached): void {
  listOf(pageRequests()).push(attached)
}

/** The host has taken what is attached: from now on this page keeps its pull. */
export function keepPull(): void {
  pageRequests().pull()
}

/** The call with which a new session repeats what is attached. Where a rate refuses it, it is sent later. */
export function attachedRenewal(
  command: StateCommand,
  { value, size }: Pick<Call, 'value' | 'size'>,
  isWanted: () => boolean,
): Renewal {
  const call: Call = {
    value,
    size,
    resolve: keepPull,
    reject: (error) => {
      if (error.code === 'rate_limited') existingInbox()?.queue.renewLater(renewal, isWanted, error.retryAfterMs)
      else report(error)
    },
  }
  // A new session repeats any command in the same way.
  const renewal: Renewal = { command: command as Renewal['command'], call }
  return renewal
}

function listOf(channel: Channel): Attached[] {
  const known = channel[ATTACHED]
  if (known) return known
  const list: Attached[] = []
  const isActive = isActiveOf(channel)
  const { renewals, receiveStreamed, lose } = channel
  Object.defineProperties(channel, {
    [ATTACHED]: { value: list },
    isActive: { get: () => isActive.call(channel) || list.some((one) => one.isActive()) },
    renewals: { value: () => [...renewals.call(channel), ...list.flatMap((one) => one.renewals?.() ?? [])] },
    receiveStreamed: {
      value: (...args: Parameters<typeof receiveStreamed>) => {
        if (!list.some((one) => one.receive?.(args[0]))) receiveStreamed.apply(channel, args)
      },
    },
    lose: {
      value: (error: EventBusError) => {
        lose.call(channel, error)
        for (const one of list) one.lose?.(error)
      },
    },
  })
  return list
}

/** The getter of a channel's own class. */
function isActiveOf(channel: Channel): () => boolean {
  const { get } = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(channel), 'isActive') as PropertyDescriptor
  return get as () => boolean
}
