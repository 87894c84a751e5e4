import type { Endpoint } from '../types/endpoint.js'
import type { Gap } from '../types/gap.js'
import type { Tick } from '../types/job-info.js'
import type { Outcome, PageOutcome } from '../types/outcome.js'
import { EventBusError } from './error.js'

/** The reply to a pull, as docs/wire-protocol.md describes it. */
export interface Batch {
  /** Their indexes follow each other. */
  readonly items: (Run | PulledOther | PassedRun)[]
  readonly heads: Head[]
  /** The index of the first event or other item. */
  readonly first: number
  /** Whether the host has more. */
  readonly more: boolean
  /** Whether what follows comes by calls. */
  readonly call?: boolean
  /** Whether the host has lost the value of a call, and wants to be told again what values have carried. */
  readonly again?: boolean
  /** The errors of what the host has refused of what the pull carried. */
  readonly refused?: unknown[]
  /** Where plain runs stand in the text of the batch, if this page passes events on. */
  readonly cuts?: readonly Cut[]
}

/**
 * A run in the text of a batch: where it begins, its length, its head, how many events it has, the difference of its first
 * number to that of the event before, and the difference of its last time to that of the event before.
 */
export type Cut = [start: number, length: number, head: number, events: number, step: number, span: number]

/** A run that is passed on as text. */
export interface PassedRun {
  readonly events: number
  /** Passes it on, and moves the reading behind it, or puts what others receive in its place. */
  passOn(reading: object, progress: object): void
}

/** Anything but events. */
export type PulledOther = PulledGap | PulledRequest | PulledEnding | PulledStreamed | PulledOutcomes

/** What belongs to a stream or a channel. */
export type PulledStreamed = PulledIncoming | PulledCredit

/** Who has sent something: 0 is the host, a text the label of a page, and a list the name of another node. */
export type Source = 0 | string | [node: string]

/** What events of a batch have in common. */
export type Head = [event: string, source: Source, subscriptions: number | number[]]

/**
 * Events with one head and consecutive sequence numbers. `seq` and `micros` are the difference to the event before in the
 * batch. Each further event of a run adds `micros` and a payload. Where the length is odd, the last element holds the
 * extras of all of them.
 */
export type Run = [head: number, seq: number, micros: number, payload: unknown, ...more: unknown[]]

export interface Extras {
  readonly tick?: Tick
  readonly replayed?: boolean
  readonly retained?: boolean
  readonly superseded?: number
  /** Whether the host keeps it until this page, or another one, tells that it has handled it. */
  readonly consume?: boolean
  readonly redelivered?: boolean
  /** Whether the emitter waits for what the handlers of this page make of it. */
  readonly outcome?: boolean
  readonly component?: string
  readonly causes?: string[]
  readonly traceparent?: string
}

export interface PulledGap extends Gap {
  readonly subscriptions: readonly number[]
}

/** A request to this page. */
export interface PulledRequest {
  readonly request: string
  readonly name: string
  readonly source: Source
  readonly payload: unknown
  /** The component that sent it. */
  readonly component?: string
  readonly causes?: readonly string[]
  readonly traceparent?: string
  /** How much of its parts may be on their way, if it is a request for a stream. */
  readonly stream?: Credit
}

/** How much of a stream may be sent and not taken. */
export interface Credit {
  readonly bytes: number
  readonly parts: number
}

/** Parts of a stream that this page has requested under this number. Each has an index. */
export interface PulledParts {
  readonly stream: number
  readonly parts: readonly unknown[]
  /** Whether the host wants to know when the last one is taken. */
  readonly due?: boolean
}

/** The end of such a stream. */
export type PulledStreamEnd =
  | { readonly stream: number; readonly response: unknown }
  | { readonly stream: number; readonly error: unknown }

/**
 * What the host tells of a channel that this page has opened: so many parts of this page count no more, the host reads none,
 * or no more parts of the host come.
 */
export type PulledNote =
  | { readonly stream: number; readonly credit: number }
  | { readonly stream: number; readonly unread: true }
  | { readonly stream: number; readonly closed: true }

/** What belongs to a stream or a channel that this page has requested. */
export type PulledIncoming = PulledParts | PulledStreamEnd | PulledNote

/** So many parts of a stream that this page sends count no more. */
export interface PulledCredit {
  readonly credit: string
  readonly parts: number
}

/** What became of an event of this page, under the number that the page gave. */
export interface PulledOutcomes {
  readonly outcome: number
  readonly pages: PageOutcome[]
  readonly listeners?: Outcome
  /** Why it stays unknown, as the page of a worker or a frame tells it. */
  readonly error?: unknown
}

/** How many indexes an item has that is no run. */
export function countOf(item: PulledOther | PassedRun): number {
  if ('events' in item) return item.events
  return 'stream' in item && 'parts' in item ? item.parts.length : 1
}

/** The caller of this request no longer waits. */
export interface PulledEnding {
  readonly ended: string
  readonly code: string
}

/** The endpoint that a source stands for. */
export function endpointOf(source: Source): Endpoint {
  if (typeof source === 'object') return { kind: 'node', node: source[0] }
  return source === 0 ? { kind: 'host' } : { kind: 'webview', label: source }
}

/** How the host writes an endpoint. */
export function sourceOf(endpoint: Endpoint): Source {
  if (endpoint.kind === 'node') return [endpoint.node]
  return endpoint.kind === 'host' ? 0 : endpoint.label
}

export function readBatch(reply: unknown): Batch {
  const batch = reply as Partial<Batch> | null
  if (Array.isArray(batch?.items) && Array.isArray(batch.heads)) return batch as Batch
  throw new EventBusError(
    'unavailable',
    'the reply to a pull has no events: the crate and the npm package need the same version',
  )
}
