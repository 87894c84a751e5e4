import { run } from './commands.js'
import { toEventBusError } from './error.js'
import { openInbox } from './inbox.js'

/** Runs a command that changes nothing, so it needs neither a session nor a number. */
export async function query(command: 'catalog' | 'inspect' | 'list_jobs'): Promise<unknown> {
  try {
    openInbox()
    return await run(command, {})
  } catch (error) {
    throw toEventBusError(error, command)
  }
}
