import { INBOX } from '../../src/core/realm.js'
import type * as api from '../../src/index.js'
import type * as local from '../../src/local/index.js'
import { inRealm } from '../bundle.js'

export { HOST } from '../../src/types/endpoint.js'
export { INBOX }

export type LocalPage = typeof api &
  typeof local & {
    /** What it has reported. */
    readonly reports: unknown[]
    hasInbox(): boolean
    end(): void
  }

/** A page of a plain browser, in a realm of its own. */
export async function isolated(globals: Record<string, unknown> = {}): Promise<LocalPage> {
  const reports: unknown[] = []
  const window = 'window' in globals ? globals.window : {}
  const { exports, realm } = await inRealm<typeof api & typeof local>(
    `export * from './index.js'\nexport * from './local/index.js'`,
    { window, reportError: (error: unknown) => reports.push(error), ...globals },
  )
  const hasInbox = () => INBOX in realm
  const end = () => {
    if (hasInbox()) exports.createLocalBus().dispose()
  }
  return { ...exports, reports, hasInbox, end }
}
