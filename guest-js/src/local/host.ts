import { bodyOf } from '../core/bytes.js'
import { EventBusError } from '../core/error.js'
import { filterOf } from '../testing/checks.js'
import { TestHost } from '../testing/host.js'
import { argumentsOf, payloadText } from '../testing/payload.js'
import type { AcceptedEvent } from '../testing/session.js'
import type { JobInfo } from '../types/job-info.js'
import { Clock } from './clock.js'

/** The commands after which a job may tick at another time. */
const TIMED = ['start_job', 'resume_job', 'update_job']

/** The host of a page without Tauri: that of a test bus, with a clock and without a history. */
export class LocalHost {
  /** Receives what this page has emitted. */
  emitted: (event: AcceptedEvent) => void = () => {}
  /** Is told what this page has cleared: a name or a pattern of retained events. */
  cleared: (pattern: string) => void = () => {}
  private readonly host: TestHost
  private readonly clock = new Clock((job) => this.tick(job))

  constructor(
    readonly label: string,
    retain: readonly string[],
  ) {
    const policies = retain.map(filterOf)
    this.host = new TestHost(label, (name) => policies.some((matches) => matches(name)), {
      replays: false,
      waits: true,
    })
    this.host.cleared = (pattern) => this.cleared(pattern)
  }

  /** Runs a command of the page. */
  async run(command: string, args: Record<string, unknown>): Promise<unknown> {
    if (command === 'inspect') throw new EventBusError('unavailable', 'a bus in memory has no inspect()')
    const read = argumentsOf(await bodyOf(args))
    const reply = await this.observed(() => this.host.handle(command, read))
    if (TIMED.includes(command)) this.clock.set(reply as JobInfo, read.job ?? {})
    return reply
  }

  /** Takes an event of another tab. One that it has retained since before this tab was there is no live event. */
  take(
    { event, payload, to, except, retain, expiresAt, extras }: AcceptedEvent,
    label: string,
    accepted: 'before' | 'since',
  ): void {
    const text = payloadText(event, payload)
    this.host.emit(label, { event, payload: text, to, except, retain, expiresAt, ...extras, accepted })
    this.host.accepted.length = 0
  }

  /** Another tab has cleared the retained events of a name or pattern, but for some. */
  clear(pattern: string, isKept: (event: AcceptedEvent) => boolean): void {
    this.host.clearRetained(pattern, isKept)
  }

  /** Another tab is there, so that this page can send to it. */
  join(label: string): void {
    this.host.labels.add(label)
  }

  leave(label: string): void {
    this.host.labels.delete(label)
  }

  end(): void {
    this.clock.stop()
    this.host.leave()
  }

  /** Whether the job goes on. */
  private tick({ id, owner, number }: JobInfo): JobInfo | undefined {
    const find = () => this.host.jobs.list().find((job) => job.number === number)
    if (find()?.state !== 'running') return find()
    try {
      void this.observed(() => this.host.jobs.tick(id, owner))
    } catch {
      // The job has recorded why, and goes on.
    }
    return find()
  }

  /** Hands on what is emitted meanwhile, and forgets it. */
  private observed<Returned>(run: () => Returned): Returned {
    try {
      return run()
    } finally {
      for (const event of this.host.accepted.splice(0)) this.emitted(event)
    }
  }
}
