import type { Extras } from '../core/batch.js'
import { EventBusError, toEventBusError } from '../core/error.js'
import { bytesOf } from '../core/utf8.js'
import type { Receipt } from '../types/emit.js'
import { type Endpoint, HOST } from '../types/endpoint.js'
import type { JobSchedule } from '../types/job.js'
import type { JobInfo } from '../types/job-info.js'
import type { Target } from '../types/target.js'
import { checkComponentName } from './checks.js'
import { cloneOf } from './clone.js'
import type { NewEvent } from './contract.js'
import { type PayloadText, payloadText, readPayload } from './payload.js'
import { invalidArgument } from './results.js'
import { partsOf } from './target.js'

/** The shortest interval, in milliseconds. */
const MIN_MS = 1

/** The longest time that a job may be given, in milliseconds. */
const MAX_MS = 365 * 24 * 60 * 60 * 1000

/** The most bytes of an id. */
const MAX_ID_BYTES = 255

/** After how many failures in a row a job with a source ends. */
const MAX_FAILURES = 10

/** Control characters, and those that turn a line or break it. */
const CONTROL = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/u

/** The arguments of `start_job`. The payload and the arguments of the source are JSON. */
export interface NewJob extends Omit<JobSchedule, 'everyMs'> {
  event: string
  everyMs?: number
  /** Instead of an interval: how much later its only tick comes. */
  afterMs?: number
  /** Instead of an interval: when its only tick comes. */
  at?: number
  skipMissed?: boolean
  payload?: PayloadText
  source?: string
  args?: PayloadText
  component?: string
}

/** The changes of `update_job`. */
export interface JobUpdate {
  everyMs?: number
  to?: Target
  payload?: PayloadText
}

/** Which job is meant: of two with the same id, the one with this number. */
export interface JobKey {
  id: string
  number?: number
  owner?: Endpoint
}

/** What jobs need of the bus. */
export interface JobBus {
  /** The page that starts them. */
  readonly label: string
  /** Refuses what cannot be emitted. */
  check(event: string, payload: PayloadText | undefined, to: Target | undefined): void
  /** Whether it has listeners. */
  hasListeners(event: string, to: Target | undefined): boolean
  accept(emitted: NewEvent, source: Endpoint, tick: Extras['tick']): Receipt
}

/** Makes a payload, as a job source of the host does. */
export type PayloadSource = (args: unknown) => unknown

interface TestJob extends JobInfo {
  /** JSON; none is `null`. */
  payload: PayloadText | undefined
  /** Makes the payload instead. */
  make: PayloadSource | undefined
  args: unknown
  /** The component whose ticks it has. */
  component: string | undefined
  /** How many failures in a row count. */
  failures: number
}

/** The jobs of the page under test, which tick when the test says so. */
export class TestJobs {
  /** The job sources, by name. */
  readonly sources = new Map<string, PayloadSource>()
  private readonly jobs = new Set<TestJob>()
  private newest = 0

  constructor(private readonly bus: JobBus) {}

  /** All jobs, in the order of their ids. */
  /** Runs a command about jobs. */
  run(command: string, args: Record<string, unknown>): unknown {
    const key = args as unknown as JobKey
    switch (command) {
      case 'start_job':
        return this.start(args.job as NewJob)
      case 'stop_job':
        this.stop(key)
        return null
      case 'pause_job':
        return this.setState(key, 'paused')
      case 'resume_job':
        return this.setState(key, 'running')
      case 'update_job':
        return this.update(key, args.changes as JobUpdate)
      default:
        throw new EventBusError('unavailable', `the test bus does not know the command "${command}"`)
    }
  }

  list(): JobInfo[] {
    const jobs = [...this.jobs].sort((a, b) => (a.id < b.id ? -1 : 1))
    return jobs.map((job) => this.infoOf(job))
  }

  start(given: NewJob): JobInfo {
    const { event, payload, to, jitterMs = 0, replace } = given
    const { everyMs, at } = whenOf(given)
    const parts = to === undefined ? [] : partsOf(to)
    const make = this.sourceOf(given)
    if (given.owner !== undefined && given.owner?.kind !== 'host') {
      throw invalidArgument(`invalid owner ${JSON.stringify(given.owner)}: expected HOST, or none for this webview`)
    }
    checkChoice('missedTicks', given.missedTicks, ['skip', 'burst', 'delay'])
    checkTime('startDelayMs', given.startDelayMs)
    checkTime('jitterMs', jitterMs)
    checkJitter(jitterMs, everyMs)
    this.bus.check(event, payload, to)
    if (given.id !== undefined) checkId(given.id)
    if (given.component !== undefined) checkComponentName(given.component)
    const number = this.newest + 1
    const id = given.id ?? `job-${number}`
    const owner: Endpoint = given.owner ? { kind: 'host' } : this.page
    const old = this.find({ id, owner })
    if (old && !replace) {
      const text = `a job with the id "${id}" is running; stop it, replace it, or choose another id`
      throw new EventBusError('duplicate_job', text)
    }
    this.newest = number
    const source = given.source ?? null
    const job: TestJob = {
      id,
      number,
      event,
      everyMs,
      to: targetOf(parts),
      immediate: given.immediate ?? false,
      count: at === null && given.afterMs === undefined ? (given.count ?? null) : 1,
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
      maxFailures: given.maxFailures ?? (source === null ? null : MAX_FAILURES),
      lastError: null,
      at,
      payload,
      make,
      args: readPayload(given.args),
      component: given.component,
      failures: 0,
    }
    if (old) this.jobs.delete(old)
    this.jobs.add(job)
    if (job.immediate) this.tickAtOnce(job)
    return this.infoOf(job)
  }

  stop(key: JobKey): void {
    this.jobs.delete(this.job(key))
  }

  /** Pauses or resumes a job. */
  setState(key: JobKey, state: 'paused' | 'running'): JobInfo {
    const job = this.job(key)
    job.state = state
    return this.infoOf(job)
  }

  /** Makes all of the changes, or none. */
  update(key: JobKey, { everyMs, payload, to }: JobUpdate): JobInfo {
    const job = this.job(key)
    const parts = to === undefined ? [] : partsOf(to)
    if (everyMs !== undefined) {
      if (job.at !== null) throw invalidArgument(`the job "${job.id}" ticks at a time of day and has no interval`)
      checkInterval(everyMs)
      checkJitter(job.jitterMs, everyMs)
    }
    this.bus.check(job.event, payload, to)
    if (payload !== undefined && job.source !== null) {
      throw invalidArgument(
        `the payload of the job "${job.id}" comes from its source; start a new job for a fixed payload`,
      )
    }
    job.everyMs = everyMs ?? job.everyMs
    job.payload = payload ?? job.payload
    if (to !== undefined) job.to = targetOf(parts)
    return this.infoOf(job)
  }

  /** Makes the next tick of a job: of the page, or else of the host. */
  tick(id: string, owner?: Endpoint): Receipt {
    const key = { id, ...(owner && { owner }) }
    return this.tickOf(this.find(key) ?? this.job({ id, owner: HOST }))
  }

  private tickAtOnce(job: TestJob): void {
    try {
      if (this.infoOf(job).state === 'running') this.tickOf(job)
    } catch {
      // The job has recorded why, and goes on.
    }
  }

  private tickOf(job: TestJob): Receipt {
    const { id, event, count, component } = job
    const { state } = this.infoOf(job)
    if (state === 'paused') throw invalidArgument(`the job "${id}" is paused; resume it before its next tick`)
    if (state === 'idle')
      throw invalidArgument(`"${event}" has no listener, and the job "${id}" ticks only while there is one`)
    job.ticks += 1
    try {
      const emitted = { event, payload: this.payloadOf(job), to: job.to ?? undefined, component }
      const tick = { job: id, count: job.ticks, scheduledAt: job.at ?? Date.now(), missed: 0 }
      const receipt = this.bus.accept(emitted, this.page, tick)
      job.failures = 0
      return receipt
    } catch (error) {
      const { code, message } = toEventBusError(error)
      job.failed += 1
      // A refused event is not a failure of the source.
      job.failures = job.source !== null && code !== 'source_failed' ? 0 : job.failures + 1
      job.lastError = { code, message }
      throw error
    } finally {
      if (job.ticks === count || job.failures >= (job.maxFailures ?? Infinity)) this.jobs.delete(job)
    }
  }

  private payloadOf({ event, payload, source, make, args }: TestJob): PayloadText | undefined {
    if (!make) return payload
    try {
      return payloadText(event, make(cloneOf(args)))
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error)
      throw new EventBusError('source_failed', `the job source "${source}" failed: ${text}`, { cause: error })
    }
  }

  private sourceOf({ source, args, payload }: NewJob): PayloadSource | undefined {
    if (source === undefined) {
      if (args !== undefined) throw invalidArgument('`args` needs a `source`, and this job has none')
      return undefined
    }
    if (payload !== undefined)
      throw invalidArgument(
        `a job takes a \`payload\` or a \`source\`, not both; this one also has the source "${source}"`,
      )
    const make = this.sources.get(source)
    if (make) return make
    const help = `In a test, bus.jobSource("${source}", …) adds it`
    throw new EventBusError('unknown_source', `there is no job source "${source}". ${help}`)
  }

  private get page(): Endpoint {
    return { kind: 'webview', label: this.bus.label }
  }

  private find({ id, number, owner = this.page }: JobKey): TestJob | undefined {
    const matches = (job: TestJob) => job.id === id && ownerLabelOf(job) === ownerLabelOf({ owner })
    const job = [...this.jobs].find(matches)
    return number === undefined || job?.number === number ? job : undefined
  }

  private job(key: JobKey): TestJob {
    const job = this.find(key)
    if (!job) throw new EventBusError('unknown_job', `this owner has no job with the id "${key.id}"`)
    return job
  }

  private infoOf({ payload: _, make: __, args: ___, failures: ____, component: _____, ...job }: TestJob): JobInfo {
    const isWaiting = job.onlyWhileListened && !this.bus.hasListeners(job.event, job.to ?? undefined)
    // A copy, which later ticks do not change.
    return { ...job, state: job.state === 'running' && isWaiting ? 'idle' : job.state }
  }
}

/** The label of the page that owns a job; `null` for the host. */
function ownerLabelOf({ owner }: { owner: Endpoint }): string | null {
  return owner.kind === 'webview' ? owner.label : null
}

/** A target as the host reports it. */
function targetOf(parts: ReturnType<typeof partsOf>): Target | null {
  const [first = null] = parts
  return (parts.length > 1 ? parts : first) as Target | null
}

/** What only a job with an interval has, with what counts as left out. */
const OF_INTERVALS: [keyof NewJob, unknown?][] = [
  ['immediate', false],
  ['count'],
  ['startDelayMs', 0],
  ['jitterMs', 0],
  ['missedTicks', 'skip'],
  ['onlyWhileListened', false],
  ['maxFailures'],
  ['source'],
]

/** The interval of a job, or how much later its only tick is, and the time of that. */
function whenOf(given: NewJob): { everyMs: number; at: number | null } {
  const { everyMs, afterMs, at, skipMissed } = given
  if ([everyMs, afterMs, at].filter((given) => given !== undefined).length > 1) {
    throw invalidArgument('a job has one of `everyMs`, `afterMs` and `at`, and this one has several')
  }
  if (skipMissed && at === undefined) {
    throw invalidArgument('`skipMissed` is for a job with `at`: a delay is never missed')
  }
  const misplaced = OF_INTERVALS.find(([key, none]) => given[key] !== undefined && given[key] !== none)
  if ((at ?? afterMs) !== undefined && misplaced) {
    const own = at === undefined ? 'afterMs' : 'at'
    throw invalidArgument(
      `\`${misplaced[0]}\` is for a job with \`everyMs\`, and this one has \`${own}\`: its only tick has a payload and a target`,
    )
  }
  if (at !== undefined) {
    if (at < 0) throw invalidArgument(`at is ${at}; it must be in milliseconds since 1970, and at least 0`)
    const ahead = Math.max(at - Date.now(), MIN_MS)
    if (ahead > MAX_MS) throw invalidArgument(`the time is ${ahead} ms ahead; it must be at most a year ahead`)
    return { everyMs: ahead, at }
  }
  if (afterMs !== undefined) {
    if (afterMs >= MIN_MS && afterMs <= MAX_MS) return { everyMs: afterMs, at: null }
    throw invalidArgument(`afterMs is ${afterMs} ms; it must be at least ${MIN_MS} ms and at most a year`)
  }
  checkInterval(everyMs as number)
  return { everyMs: everyMs as number, at: null }
}

function checkInterval(everyMs: number): void {
  if (everyMs >= MIN_MS && everyMs <= MAX_MS) return
  const text = `the interval is ${everyMs} ms; it must be at least ${MIN_MS} ms and at most a year`
  throw new EventBusError('invalid_interval', text)
}

function checkTime(what: string, millis = 0): void {
  if (millis >= 0 && millis <= MAX_MS) return
  throw invalidArgument(`${what} is ${millis} ms; it must be at least 0 and at most a year`)
}

function checkJitter(jitterMs: number, everyMs: number): void {
  if (jitterMs < everyMs) return
  throw invalidArgument(`the jitter is ${jitterMs} ms; it must be shorter than the interval, which is ${everyMs} ms`)
}

function checkChoice(what: string, given: string | undefined, known: string[]): void {
  if (given === undefined || known.includes(given)) return
  throw invalidArgument(`invalid ${what} "${given}": expected one of "${known.join('", "')}"`)
}

/** An id, quoted, with visible control characters. */
function escaped(id: string): string {
  const visible = id.replaceAll(new RegExp(CONTROL, 'gu'), (c) => `\\u{${c.charCodeAt(0).toString(16)}}`)
  return `"${visible}"`
}

function checkId(id: string): void {
  const refuse = (what: string) => invalidArgument(`invalid job id ${escaped(id)}: ${what}`)
  const bytes = bytesOf(id)
  if (bytes < 1 || bytes > MAX_ID_BYTES) throw refuse(`it has ${bytes} bytes; expected 1 to ${MAX_ID_BYTES}`)
  const control = CONTROL.exec(id)
  if (!control) return
  const code = control[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')
  throw refuse(`it has the control character U+${code} at byte ${bytesOf(id.slice(0, control.index))}; expected none`)
}
