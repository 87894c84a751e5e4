import type { Receipt } from '../api/emit.js'
import type { PeriodicInfo, Schedule } from '../api/jobs.js'
import type { Extras } from '../core/batch.js'
import { EventBusError, toEventBusError } from '../core/error.js'
import { type EventSource, payloadJson } from '../types/event.js'
import type { Target } from '../types/target.js'
import { partsOf } from './target.js'

/** The shortest interval, in milliseconds. */
const SHORTEST = 1

/** The longest time that a job may be given, in milliseconds. */
const LONGEST = 365 * 24 * 60 * 60 * 1000

/** The most bytes of an id. */
const LONGEST_ID = 255

/** After how many failures in a row a job with a source ends. */
const MOST_FAILURES = 10

/** Control characters, and those that turn a line or break it. */
const CONTROL = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/u

/** What a job is asked for with. The payload and the arguments are JSON. */
export interface Started extends Omit<Schedule, 'target'> {
  event: string
  to?: Target
  payload?: string
  source?: string
  args?: string
}

/** What may be changed of a job. */
export interface Changes {
  everyMs?: number
  to?: Target
  payload?: string
}

/** Which job is meant: of two with the same id, the one with this number. */
export interface Named {
  id: string
  number?: number
  owner?: EventSource
}

/** What jobs do to the bus. */
export interface Ticking {
  /** The page that starts them. */
  readonly label: string
  /** Refuses what cannot be emitted. */
  check(event: string, payload: string | undefined, to: Target | undefined): void
  /** Whether anybody hears it. */
  isHeard(event: string, to: Target | undefined): boolean
  accept(
    emitted: { event: string; payload: string | undefined; to: Target | undefined },
    source: EventSource,
    periodic: Extras['periodic'],
  ): Receipt
}

/** Makes a payload, as a source in Rust does. */
export type PayloadSource = (args: unknown) => unknown

interface Job extends PeriodicInfo {
  /** JSON; none is `null`. */
  payload: string | undefined
  /** What makes the payload instead. */
  make: PayloadSource | undefined
  args: unknown
  /** How many failures in a row count. */
  failures: number
}

/** The periodic emits of the page under test, which tick when the test says so. */
export class TestJobs {
  /** What makes the payloads of jobs, by the names of the sources. */
  readonly sources = new Map<string, PayloadSource>()
  private readonly jobs = new Set<Job>()
  private newest = 0

  constructor(private readonly bus: Ticking) {}

  /** All jobs, in the order of their ids. */
  list(): PeriodicInfo[] {
    const jobs = [...this.jobs].sort((a, b) => (a.id < b.id ? -1 : 1))
    return jobs.map((job) => this.infoOf(job))
  }

  start(given: Started): PeriodicInfo {
    const { event, everyMs, payload, to, jitterMs = 0, replace } = given
    checkInterval(everyMs)
    const parts = to === undefined ? [] : partsOf(to)
    const make = this.sourceOf(given)
    checkChoice('owner', given.owner, ['window', 'app'])
    checkChoice('missedTicks', given.missedTicks, ['skip', 'burst', 'delay'])
    checkTime('startDelayMs', given.startDelayMs)
    checkTime('jitterMs', jitterMs)
    checkJitter(jitterMs, everyMs)
    this.bus.check(event, payload, to)
    if (given.id !== undefined) checkId(given.id)
    const number = this.newest + 1
    const id = given.id ?? `job-${number}`
    const owner: EventSource = given.owner === 'app' ? { kind: 'host' } : this.page
    const old = this.find({ id, owner })
    if (old && !replace) {
      const text = `a periodic job with the id "${id}" is running; stop it, ask to replace it, or choose another id`
      throw new EventBusError('duplicate_job', text)
    }
    this.newest = number
    const source = given.source ?? null
    const job: Job = {
      id,
      number,
      event,
      everyMs,
      to: targetOf(parts),
      immediate: given.immediate ?? false,
      count: given.count ?? null,
      ticks: 0,
      missed: 0,
      failed: 0,
      owner,
      state: 'running',
      nextAt: null,
      missedTicks: given.missedTicks ?? 'skip',
      onlyWhileListened: given.onlyWhileListened ?? false,
      jitterMs,
      source,
      maxFailures: given.maxFailures ?? (source === null ? null : MOST_FAILURES),
      lastError: null,
      payload,
      make,
      args: JSON.parse(given.args ?? 'null'),
      failures: 0,
    }
    if (old) this.jobs.delete(old)
    this.jobs.add(job)
    if (job.immediate) this.tickAtOnce(job)
    return this.infoOf(job)
  }

  stop(named: Named): void {
    this.jobs.delete(this.job(named))
  }

  /** Holds a job, or lets it go on. */
  hold(named: Named, state: 'paused' | 'running'): PeriodicInfo {
    const job = this.job(named)
    job.state = state
    return this.infoOf(job)
  }

  /** Changes all of what is asked, or nothing. */
  update(named: Named, { everyMs, payload, to }: Changes): PeriodicInfo {
    const job = this.job(named)
    const parts = to === undefined ? [] : partsOf(to)
    if (everyMs !== undefined) {
      checkInterval(everyMs)
      checkJitter(job.jitterMs, everyMs)
    }
    this.bus.check(job.event, payload, to)
    if (payload !== undefined && job.source !== null) {
      throw invalid(`the payload of the job "${job.id}" comes from its source; start it anew to give it a fixed one`)
    }
    job.everyMs = everyMs ?? job.everyMs
    job.payload = payload ?? job.payload
    if (to !== undefined) job.to = targetOf(parts)
    return this.infoOf(job)
  }

  /** Makes the next tick of a job: of the page, or else of the app. */
  tick(id: string): Receipt {
    return this.tickOf(this.find({ id }) ?? this.job({ id, owner: { kind: 'host' } }))
  }

  private tickAtOnce(job: Job): void {
    try {
      if (this.infoOf(job).state === 'running') this.tickOf(job)
    } catch {
      // The job has noted why, and goes on.
    }
  }

  private tickOf(job: Job): Receipt {
    const { id, event, count } = job
    const { state } = this.infoOf(job)
    if (state === 'paused') throw invalid(`the job "${id}" is paused`)
    if (state === 'unheard')
      throw invalid(`nobody listens to "${event}", and the job "${id}" ticks only while somebody does`)
    job.ticks += 1
    try {
      const emitted = { event, payload: this.payloadOf(job), to: job.to ?? undefined }
      const periodic = { id, tick: job.ticks, scheduledAt: Date.now(), missed: 0 }
      const receipt = this.bus.accept(emitted, this.page, periodic)
      job.failures = 0
      return receipt
    } catch (error) {
      const { code, message } = toEventBusError(error)
      job.failed += 1
      // That an event is refused is no failure of the source that has made it.
      job.failures = job.source !== null && code !== 'source_failed' ? 0 : job.failures + 1
      job.lastError = { code, message }
      throw error
    } finally {
      if (job.ticks === count || job.failures >= (job.maxFailures ?? Infinity)) this.jobs.delete(job)
    }
  }

  private payloadOf({ event, payload, source, make, args }: Job): string | undefined {
    if (!make) return payload
    try {
      return payloadJson(event, make(structuredClone(args)))
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error)
      throw new EventBusError('source_failed', `the periodic source "${source}" failed: ${text}`, { cause: error })
    }
  }

  private sourceOf({ source, args, payload }: Started): PayloadSource | undefined {
    if (source === undefined) {
      if (args !== undefined) throw invalid('there are arguments and no source; they are for one')
      return undefined
    }
    if (payload !== undefined) throw invalid('there are a payload and a source; a job has one of them')
    const make = this.sources.get(source)
    if (make) return make
    const help = `In a test, bus.periodicSource("${source}", …) plays it`
    throw new EventBusError('unknown_source', `no periodic source has the name "${source}". ${help}`)
  }

  private get page(): EventSource {
    return { kind: 'webview', label: this.bus.label }
  }

  private find({ id, number, owner = this.page }: Named): Job | undefined {
    const isIt = (job: Job) => job.id === id && labelOf(job.owner) === labelOf(owner)
    const job = [...this.jobs].find(isIt)
    return number === undefined || job?.number === number ? job : undefined
  }

  private job(named: Named): Job {
    const job = this.find(named)
    if (!job) throw new EventBusError('unknown_job', `no periodic job of this owner has the id "${named.id}"`)
    return job
  }

  private infoOf({ payload: _, make: __, args: ___, failures: ____, ...job }: Job): PeriodicInfo {
    const isWaiting = job.onlyWhileListened && !this.bus.isHeard(job.event, job.to ?? undefined)
    // Later ticks do not change what was told.
    return { ...job, state: job.state === 'running' && isWaiting ? 'unheard' : job.state }
  }
}

function labelOf(source: EventSource): string | null {
  return source.kind === 'webview' ? source.label : null
}

/** A target in the form in which the host tells it. */
function targetOf(parts: ReturnType<typeof partsOf>): Target | null {
  const [first = null] = parts
  return (parts.length > 1 ? parts : first) as Target | null
}

function checkInterval(everyMs: number): void {
  if (everyMs >= SHORTEST && everyMs <= LONGEST) return
  const text = `the interval is ${everyMs} ms; it must be at least ${SHORTEST} ms and at most a year`
  throw new EventBusError('invalid_interval', text)
}

function checkTime(what: string, millis = 0): void {
  if (millis >= 0 && millis <= LONGEST) return
  throw invalid(`${what} is ${millis} ms; it must be at least 0 and at most a year`)
}

function checkJitter(jitterMs: number, everyMs: number): void {
  if (jitterMs < everyMs) return
  throw invalid(`the jitter is ${jitterMs} ms; it must be shorter than the interval, which is ${everyMs} ms`)
}

function checkChoice(what: string, given: string | undefined, known: string[]): void {
  if (given === undefined || known.includes(given)) return
  throw invalid(`${what} is "${given}"; it is one of "${known.join('", "')}"`)
}

function checkId(id: string): void {
  const refuse = (what: string) => invalid(`the job id "${id}" is not one; ${what}`)
  const bytes = new TextEncoder().encode(id).length
  if (bytes < 1 || bytes > LONGEST_ID) throw refuse(`it has 1 to ${LONGEST_ID} bytes`)
  const control = CONTROL.exec(id)?.[0]
  if (control === undefined) return
  const code = control.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')
  throw refuse(`it has no control characters, and U+${code} is one`)
}

function invalid(message: string): EventBusError {
  return new EventBusError('invalid_argument', message)
}
