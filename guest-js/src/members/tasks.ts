import { checkName } from '../core/checks.js'
import type { Inbox } from '../core/contract.js'
import { EventBusError } from '../core/error.js'
import { query } from '../core/query.js'
import type { TaskInfo, TaskState } from '../types/task.js'
import type { Rights } from './rights.js'
import { type Entry, readText, sizeOf } from './values.js'

/** How many tasks that a member has started may wait or run: half of what the host grants its page. */
const MAX_TASKS = 64

/** The states of a task that has ended. */
const ENDED: readonly TaskState[] = ['completed', 'failed', 'cancelled']

/** What tasks need of their member. */
interface Starter {
  readonly source: string
  readonly inbox: Inbox
  componentOf(component: unknown): string
}

/** The tasks of the app, as a member may use them. They go on when it ends. */
export class MemberTasks {
  /** `started` has those that it has started, as far as they are not known to have ended. */
  constructor(
    private readonly member: Starter,
    private readonly rights: Rights,
    private readonly started: Set<string>,
  ) {}

  /** The name and the key of a task that the member may use. */
  read({ name, key }: Record<string, unknown>): { name: string; key: string } {
    checkName(name)
    this.rights.check('task', name)
    return { name, key: readText('key', key) }
  }

  async start(task: Entry): Promise<unknown> {
    const { source, inbox } = this.member
    const known = this.read(task)
    const component = this.member.componentOf(task.component)
    if (this.started.size >= MAX_TASKS) {
      const running = new Set((await allTasks()).filter(({ state }) => !ENDED.includes(state)).map(idOf))
      for (const id of this.started) if (!running.has(id)) this.started.delete(id)
    }
    if (this.started.size >= MAX_TASKS) {
      const text = `${MAX_TASKS} tasks that ${source} has started wait or run, the limit of a worker or frame`
      throw new EventBusError('too_many_tasks', text)
    }
    const reply = await inbox.queue.send('start_task', { task: { ...task, ...known, component } }, sizeOf(task))
    this.started.add(idOf(known))
    return reply
  }

  cancel(args: Record<string, unknown>): Promise<unknown> {
    return this.member.inbox.queue.send('cancel_task', this.read(args))
  }

  /** Those whose names the member may use. */
  async list(): Promise<TaskInfo[]> {
    return (await allTasks()).filter(({ name }) => this.rights.allows('task', name))
  }
}

async function allTasks(): Promise<TaskInfo[]> {
  return (await query('list_tasks')) as TaskInfo[]
}

const idOf = ({ name, key }: { readonly name: string; readonly key: string }) => `${name} ${key}`
