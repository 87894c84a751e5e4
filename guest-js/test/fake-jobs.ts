type Job = Record<string, unknown>

/** The jobs of a fake host, by id. None of them ticks. */
export class FakeJobs extends Map<string, Job> {
  private started = 0

  start(job: Job): Job {
    const id = (job.id as string | undefined) ?? `job-${this.size + 1}`
    const owner = job.owner ?? { kind: 'webview', label: 'main' }
    this.started += 1
    const { event, everyMs, to = null } = job
    const info = { id, number: this.started, event, everyMs, to, ticks: 0, owner, state: 'running' }
    this.set(id, info)
    return info
  }

  change(id: string, changes: object): Job {
    const job = this.get(id)
    if (!job) throw { code: 'unknown_job', message: `no job ${id}` }
    return { ...Object.assign(job, changes) }
  }

  stop(id: string, number: unknown): null {
    const job = this.get(id)
    const isMeant = number === undefined || job?.number === number
    if (!job || !isMeant) throw { code: 'unknown_job', message: `no job ${id}` }
    this.delete(id)
    return null
  }

  /** Runs a command about jobs. */
  run(command: string, args: Record<string, unknown>): unknown {
    switch (command) {
      case 'start_job':
        return this.start(args.job as Record<string, unknown>)
      case 'pause_job':
        return this.change(args.id as string, { state: 'paused' })
      case 'resume_job':
        return this.change(args.id as string, { state: 'running' })
      case 'update_job':
        return this.change(args.id as string, args.changes as object)
      case 'stop_job':
        return this.stop(args.id as string, args.number)
      default:
        throw `Command ${command} not found`
    }
  }
}
