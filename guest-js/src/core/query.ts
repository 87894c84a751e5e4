import { run } from './commands.js'
import { toEventBusError } from './error.js'
import { openInbox } from './inbox.js'

/** Runs a command that changes nothing, so it needs neither a session nor a number. */
export async function query(
  command: 'catalog' | 'compat_report' | 'inspect' | 'list_jobs' | 'list_tasks' | 'pages',
  args: Record<string, unknown> = {},
): Promise<unknown> {
  try {
    openInbox()
    return await repeatedAfterReturn(() => run(command, args))
  } catch (error) {
    throw toEventBusError(error, command)
  }
}

/** A page in the back/forward cache loses the replies that it waits for. What only reads is sent again when it is back. */
function repeatedAfterReturn(send: () => Promise<unknown>): Promise<unknown> {
  if (typeof addEventListener !== 'function') return send()
  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => {
      removeEventListener('pageshow', again)
      act()
    }
    const attempt = () => {
      send().then(
        (reply) => settle(() => resolve(reply)),
        (error) => settle(() => reject(error)),
      )
    }
    const again = (event: PageTransitionEvent) => {
      if (event.persisted) attempt()
    }
    addEventListener('pageshow', again)
    attempt()
  })
}
