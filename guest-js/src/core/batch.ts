import type { Gap, PeriodicTick } from '../types/event.js'
import { EventBusError } from './error.js'

/** The answer to a pull, as docs/wire-protocol.md describes it. */
export interface Batch {
  /** Their indexes follow each other. */
  readonly items: (Run | PulledGap | PulledQuestion | PulledEnding)[]
  readonly heads: Head[]
  /** The index of the first event or other item. */
  readonly first: number
  /** Whether the host has more. */
  readonly more: boolean
  /** Which of the answers that came with the pull the host has refused, and why. */
  readonly refused?: unknown[]
}

/** What events of a batch have in common. A source of 0 is the host. */
export type Head = [event: string, source: 0 | string, subscriptions: number | number[]]

/**
 * Events with one head, whose sequence numbers follow each other. `seq` and `micros` are the difference to the event
 * before in the batch; of the events after the first of a run `micros` and the payload follow, in turns. Where the
 * length is odd, the last element is what all of them have beside.
 */
export type Run = [head: number, seq: number, micros: number, payload: unknown, ...more: unknown[]]

export interface Extras {
  readonly periodic?: PeriodicTick
  readonly replayed?: boolean
  readonly retained?: boolean
  readonly superseded?: number
  readonly component?: string
  readonly causes?: string[]
}

export interface PulledGap extends Gap {
  readonly subscriptions: readonly number[]
}

/** A question that this page is asked. A source of 0 is the host. */
export interface PulledQuestion {
  readonly request: string
  readonly event: string
  readonly source: 0 | string
  readonly payload: unknown
  readonly causes?: readonly string[]
}

/** Nobody waits for this answer any more. */
export interface PulledEnding {
  readonly ended: string
  readonly code: string
}

export function readBatch(answer: unknown): Batch {
  const batch = answer as Partial<Batch> | null
  if (Array.isArray(batch?.items) && Array.isArray(batch.heads)) return batch as Batch
  throw new EventBusError(
    'unavailable',
    'the answer to a pull has no list of events: the crate tauri-plugin-event-bus and the npm package ' +
      'tauri-plugin-event-bus-api differ in their versions, perhaps; install the same of both',
  )
}
