import type { Gap } from '../types/gap.js'
import {
  type Batch,
  countOf,
  type Extras,
  endpointOf,
  type Head,
  type PassedRun,
  type PulledGap,
  type PulledOther,
  type Run,
} from './batch.js'
import type { Carrier } from './carrier.js'
import type { Cause, RequestChannel } from './contract.js'
import { admit } from './cursor.js'
import { addExtras, ReceivedEvent } from './received.js'
import type { Place } from './registrations.js'
import { report, reportLater } from './report.js'
import type { Subscriptions } from './subscriptions.js'
import { SKIPPED, Tally, type Teller } from './tally.js'

/** How long handlers run before the page gets its turn, in milliseconds. */
export const MAX_DISPATCH_MS = 8

/** After how many events the clock is read, while handlers are quick. */
const CLOCK_INTERVAL = 16

/** Where the first event of a run stands. */
const FIRST_EVENT = 2

/** Who receives what a page pulls. */
export interface Receivers extends Teller {
  readonly subscriptions: Subscriptions
  readonly channel: RequestChannel | null
  readonly carrier: Carrier
  /** What brings batches in tasks of their own. */
  readonly transport?: unknown
  cause: Cause | null
  /** Tells the host whether a handler has handled an event that it keeps until one has. */
  settle(seq: number, handled: boolean): void
  warn(gap: Gap, event: string): void
}

/** What one session has pulled. `handled` is the last index whose handlers have returned. */
export interface Progress extends Place {
  /** The last index that the host knows of. */
  acknowledged: number
  /** Whether handlers have exceeded their time, so that the clock is read after each of them. */
  isSlow: boolean
}

/** How far a batch has been read. */
export interface Reading {
  readonly batch: Batch
  /** The position of the next item. */
  item: number
  /** The position in it of the next event, where it is a run that has been begun. */
  offset: number
  /** The index of what was last read. */
  index: number
  /** The sequence number of the event that was last read. */
  seq: number
  /** Its time in microseconds. */
  micros: number
}

export function readingOf(batch: Batch): Reading {
  return { batch, item: 0, offset: FIRST_EVENT, index: batch.first - 1, seq: 0, micros: 0 }
}

/** The index of the last item of a batch. */
export function lastIndexOf({ first, items }: Batch): number {
  return items.reduce(
    (index, item) => index + (Array.isArray(item) ? (item.length - 2) >> 1 : countOf(item as PulledOther | PassedRun)),
    first - 1,
  )
}

/** The time during which handlers run before the page gets its turn. */
interface Slot {
  /** The index at which the clock is read next. */
  dueAt: number
  /** When it ends, as `performance.now()` tells it. */
  readonly endsAt: number
}

/**
 * Runs the handlers of a batch, from where it was read to, and returns whether it paused. Without pauses, slow handlers
 * would keep the page from drawing and from reacting to its user.
 */
export function dispatch(receivers: Receivers, progress: Progress, reading: Reading): boolean {
  const { items } = reading.batch
  const slot: Slot = { dueAt: reading.index + CLOCK_INTERVAL, endsAt: performance.now() + MAX_DISPATCH_MS }
  let isDone = false
  // What comes again may have been lost together with what was told to the host.
  if (reading.index < progress.handled) receivers.channel?.tellAgain()
  while (reading.item < items.length && !isDone) {
    const item = items[reading.item] as Batch['items'][number]
    if (Array.isArray(item)) {
      isDone = deliverRun(item, receivers, progress, reading, slot)
    } else if ('passOn' in item) {
      item.passOn(reading, progress)
    } else {
      const skipped = Math.max(0, progress.handled - reading.index)
      reading.item += 1
      reading.index += countOf(item)
      if (reading.index > progress.handled) {
        deliverOther(item, receivers, progress, skipped)
        progress.handled = reading.index
      }
      if (reading.index >= slot.dueAt || progress.isSlow) isDone = isOver(slot, reading.index, progress)
    }
  }
  return reading.item < items.length
}

/** Passes on what a batch begins with, and returns whether that is all of it. */
export function passOn(progress: Progress, reading: Reading): boolean {
  const { items } = reading.batch
  for (;;) {
    const item = items[reading.item]
    if (!item || Array.isArray(item) || !('passOn' in item)) return items.length > 0 && !item
    item.passOn(reading, progress)
  }
}

/**
 * Whether it is time to pause. It is called only where the clock is to be read: engines optimize a function that is called
 * for each event, which takes longer than a flood.
 */
function isOver(slot: Slot, index: number, progress: Progress): boolean {
  const isDue = index >= slot.dueAt
  if (isDue) slot.dueAt = index + CLOCK_INTERVAL
  if (performance.now() > slot.endsAt) {
    progress.isSlow = true
    return true
  }
  if (isDue) progress.isSlow = false
  return false
}

/**
 * Hands the events of a run to their subscriptions, and returns whether it is time to pause. Every event of a page passes
 * here, so this is one loop that makes nothing but what handlers see.
 */
function deliverRun(run: Run, receivers: Receivers, progress: Progress, reading: Reading, slot: Slot): boolean {
  const { subscriptions } = receivers
  const head = reading.batch.heads[run[0]] as Head
  const ids = typeof head[2] === 'number' ? [head[2]] : head[2]
  const end = run.length - (run.length % 2)
  const extras = run[end] as Extras | undefined
  const isReplayed = extras?.replayed === true
  const isRetained = extras?.retained === true
  const isLive = !isReplayed && !isRetained
  const isTracked = extras?.outcome === true
  let { offset, index, micros, seq } = reading
  if (offset === FIRST_EVENT) seq += run[1] - 1
  let isDone = false
  try {
    while (offset < end && !isDone) {
      seq += 1
      index += 1
      micros += run[offset] as number
      const payload = run[offset + 1]
      offset += 2
      if (index <= progress.handled) continue
      // Replayed and retained events are older than what other subscriptions still wait for.
      if (isLive && seq > subscriptions.seen) subscriptions.seen = seq
      const tally = isTracked ? new Tally(receivers, progress.session, seq, index) : undefined
      for (let i = 0; i < ids.length; i += 1) {
        const id = ids[i] as number
        // Looked up at its turn, since the handler before may have ended it.
        const subscription = subscriptions.get(id)
        if (!subscription) continue
        // Once a subscription has had a live event, the next one is usually just the next.
        const isNext = isLive && seq > subscription.last && seq >= subscription.live && subscription.place === progress
        if (isNext) subscription.last = seq
        else if (!admit(subscription, progress, seq, isReplayed, isRetained)) continue
        const { owner } = subscription
        if (owner.pass) {
          owner.pass(head, payload, seq, micros, extras, id)
          tally?.add(undefined, false)
          continue
        }
        const source = endpointOf(head[1])
        const event = new ReceivedEvent(head[0], payload, id, seq, micros / 1000, source, isReplayed, isRetained)
        if (extras) addExtras(event, extras)
        receivers.cause = event
        try {
          const returned = owner.deliver(event)
          if (returned !== undefined) reportLater(returned)
          if (extras?.consume) settleLater(receivers, seq, returned)
          tally?.add(returned, owner.sequential === true)
        } catch (error) {
          report(error)
          tally?.fail(error)
          if (extras?.consume) receivers.settle(seq, false)
        }
      }
      tally?.done()
      progress.handled = index
      if (index >= slot.dueAt || progress.isSlow) isDone = isOver(slot, index, progress)
    }
  } finally {
    receivers.cause = null
  }
  reading.seq = seq
  reading.micros = micros
  reading.index = index
  if (offset < end) {
    reading.offset = offset
  } else {
    reading.offset = FIRST_EVENT
    reading.item += 1
  }
  return isDone
}

/** Tells what becomes of an event, once its handler is done. */
function settleLater(receivers: Receivers, seq: number, returned: unknown): void {
  Promise.resolve(returned).then(
    // Another subscription gets it.
    (value) => value !== SKIPPED && receivers.settle(seq, true),
    () => receivers.settle(seq, false),
  )
}

function deliverOther(item: PulledOther, receivers: Receivers, progress: Progress, skipped: number): void {
  if ('request' in item) {
    receivers.cause = { event: item.name, causes: item.causes, traceparent: item.traceparent }
    try {
      receivers.channel?.receive(item, endpointOf(item.source))
    } finally {
      receivers.cause = null
    }
  } else if ('ended' in item) receivers.channel?.stop(item)
  else if ('subscriptions' in item) deliverGap(item, receivers, progress)
  else receivers.channel?.receiveStreamed(item, skipped)
}

function deliverGap({ subscriptions: ids, ...lost }: PulledGap, receivers: Receivers, progress: Progress): void {
  const { subscriptions } = receivers
  // A gap is no position: events whose policy is to reject may be older than its end, and still wait.
  for (const id of ids) {
    const subscription = subscriptions.get(id)
    if (!subscription) continue
    // As an event does, it shows that the host has accepted the subscription.
    subscription.place = progress
    const gap = { ...lost }
    const { owner } = subscription
    try {
      if (owner.gap) reportLater(owner.gap(gap))
      else receivers.warn(gap, owner.event)
    } catch (error) {
      report(error)
    }
  }
}
