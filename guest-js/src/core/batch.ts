import type { Gap } from '../types/gap.js'
import type { Tick } from '../types/job-info.js'
import { EventBusError } from './error.js'

/** The reply to a pull, as docs/wire-protocol.md describes it. */
export interface Batch {
  /** Their indexes follow each other. */
  readonly items: (Run | PulledGap | PulledRequest | PulledEnding)[]
  readonly heads: Head[]
  /** The index of the first event or other item. */
  readonly first: number
  /** Whether the host has more. */
  readonly more: boolean
  /** Whether what follows comes by calls. */
  readonly call?: boolean
  /** The errors of the responses in the pull that the host has refused. */
  readonly refused?: unknown[]
}

/** What events of a batch have in common. A source of 0 is the host. */
export type Head = [event: string, source: 0 | string, subscriptions: number | number[]]

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
  readonly component?: string
  readonly causes?: string[]
}

export interface PulledGap extends Gap {
  readonly subscriptions: readonly number[]
}

/** A request to this page. A source of 0 is the host. */
export interface PulledRequest {
  readonly request: string
  readonly name: string
  readonly source: 0 | string
  readonly payload: unknown
  /** The component that sent it. */
  readonly component?: string
  readonly causes?: readonly string[]
}

/** The caller of this request no longer waits. */
export interface PulledEnding {
  readonly ended: string
  readonly code: string
}

export function readBatch(reply: unknown): Batch {
  const batch = reply as Partial<Batch> | null
  if (Array.isArray(batch?.items) && Array.isArray(batch.heads)) return batch as Batch
  throw new EventBusError(
    'unavailable',
    'the reply to a pull has no events: the crate and the npm package need the same version',
  )
}
