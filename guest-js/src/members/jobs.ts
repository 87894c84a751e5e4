import type { Extras } from '../core/batch.js'
import { checkName } from '../core/checks.js'
import type { StateCommand } from '../core/commands.js'
import type { Inbox } from '../core/contract.js'
import { EventBusError } from '../core/error.js'
import { query } from '../core/query.js'
import { report } from '../core/report.js'
import type { JobInfo } from '../types/job-info.js'
import type { Rights } from './rights.js'
import { type Entry, readId, readText, sizeOf } from './values.js'

/** How many jobs a member may have. */
const MAX_JOBS = 64

/** What jobs need of their member. */
export interface Owner {
  readonly source: string
  readonly inbox: Inbox
  componentOf(component: unknown): string
}

/** The jobs of a member. They are its page's at the host; their ids begin with the source of the member. */
export class MemberJobs {
  /** The ids at the host, by the numbers of the jobs. */
  private readonly ids = new Map<number, string>()
  private isOver = false

  constructor(
    private readonly member: Owner,
    private readonly rights: Rights,
  ) {}

  private get prefix(): string {
    return `${this.member.source}/`
  }

  async start(job: Entry): Promise<JobInfo> {
    const { event, id, component } = job
    checkName(event)
    this.rights.check('emit', event)
    if (this.ids.size >= MAX_JOBS) await this.list()
    if (this.ids.size >= MAX_JOBS) {
      throw new EventBusError(
        'too_many_jobs',
        `${this.member.source} has ${MAX_JOBS} jobs, the limit of a worker or frame`,
      )
    }
    const sent = {
      ...job,
      ...(id !== undefined && { id: this.prefix + readText('id', id) }),
      component: this.member.componentOf(component),
    }
    const started = (await this.member.inbox.queue.send('start_job', { job: sent }, sizeOf(job))) as JobInfo
    this.ids.set(started.number, started.id)
    if (this.isOver) this.end()
    return this.localInfo(started)
  }

  /** Runs a command about one job of the member. */
  async control(
    command: 'stop_job' | 'pause_job' | 'resume_job' | ('update_job' & StateCommand),
    { id: given, number: numbered }: Record<string, unknown>,
    changes?: Entry,
  ): Promise<unknown> {
    const number = numbered === undefined || numbered === null ? undefined : readId('number', numbered)
    const known = number === undefined ? undefined : this.ids.get(number)
    const id = known ?? this.prefix + readText('id', given)
    const args = { id, ...(number !== undefined && { number }), ...(changes && { changes }) }
    const reply = await this.member.inbox.queue.send(command, args, changes && sizeOf(changes))
    if (command !== 'stop_job') return this.localInfo(reply as JobInfo)
    if (number !== undefined) this.ids.delete(number)
    return null
  }

  /** The jobs of the member. Forgets those that have ended. */
  async list(): Promise<JobInfo[]> {
    const jobs = (await query('list_jobs')) as JobInfo[]
    const own = jobs.filter(({ id, number, owner }) => {
      return owner.kind === 'webview' && (this.ids.has(number) || id.startsWith(this.prefix))
    })
    const running = new Set(own.map(({ number }) => number))
    for (const number of [...this.ids.keys()]) if (!running.has(number)) this.ids.delete(number)
    return own.map((job) => this.localInfo(job))
  }

  /** The extras of a tick, with the id that the member knows. */
  localize(extras: Extras): Extras {
    const { tick } = extras
    return tick?.job.startsWith(this.prefix) ? { ...extras, tick: { ...tick, job: this.localId(tick.job) } } : extras
  }

  private localInfo(job: JobInfo): JobInfo {
    return { ...job, id: this.localId(job.id) }
  }

  private localId(id: string): string {
    return id.startsWith(this.prefix) ? id.slice(this.prefix.length) : id
  }

  /** Stops all of them. */
  end(): void {
    this.isOver = true
    for (const [number, id] of this.ids) {
      this.member.inbox.queue.send('stop_job', { id, number }).catch((error: EventBusError) => {
        if (error.code !== 'unknown_job') report(error)
      })
    }
    this.ids.clear()
  }
}
