import { checkText, checkTimeout } from '../core/checks.js'
import type { Renewal } from '../core/commands.js'
import { EventBusError, toEventBusError } from '../core/error.js'
import { query } from '../core/query.js'
import { report } from '../core/report.js'
import { subscribe } from '../core/subscription.js'
import type { BusEvent } from '../types/event.js'
import type { PageClosed, PageInfo, ReadyOptions } from '../types/page.js'
import { type Kept, openKept, sendKept } from './kept.js'

/**
 * Lists the pages that there are, as far as a capability lets this page know of them: `{ "identifier": "event-bus:pages",
 * "allow": [{ "page": "editor-*" }] }`, which is in no other set.
 *
 * @throws {EventBusError} by rejection: `denied`, `unavailable`.
 *
 * @example
 * ```ts
 * import { pages } from 'tauri-plugin-event-bus-api'
 *
 * const editors = (await pages()).filter((page) => page.label.startsWith('editor-') && page.state === 'ready')
 * console.log(editors.length, 'editors are ready')
 * ```
 */
export async function pages(): Promise<PageInfo[]> {
  return (await query('pages')) as PageInfo[]
}

/**
 * Waits until the page in the webview with this label is ready: it has subscribed and handled what waited for it, or has
 * called {@link ready}. A page that is ready already is not waited for. One that is not there yet is waited for, and so is a
 * webview.
 *
 * @throws {EventBusError} by rejection: `timeout`; `cancelled` where {@link unlisten} ended it; `page_gone` where the page is closed meanwhile; `denied` unless a capability
 * names the label, as for {@link pages}; `invalid_argument` for another `timeoutMs`; `unavailable`. Where `signal` aborts, the
 * promise rejects with its reason.
 *
 * @example
 * ```ts
 * import { emitTo, waitUntilReady } from 'tauri-plugin-event-bus-api'
 *
 * await waitUntilReady('editor-1', { timeoutMs: 10_000 })
 * await emitTo('editor-1', 'document:open', 'notes.txt')
 * ```
 */
export async function waitUntilReady(label: string, options: ReadyOptions = {}): Promise<void> {
  const { timeoutMs, signal } = options
  const over = new AbortController()
  let timer: ReturnType<typeof setTimeout> | undefined
  let abort: (() => void) | undefined
  try {
    if (typeof label !== 'string') {
      throw new EventBusError('invalid_argument', `the label of a page must be a string, not ${String(label)}`)
    }
    checkText(label, 'label')
    checkTimeout(timeoutMs, label)
    signal?.throwIfAborted()
    await new Promise<void>((resolve, reject) => {
      abort = () => reject(signal?.reason)
      signal?.addEventListener('abort', abort)
      if (timeoutMs !== undefined) {
        const late = new EventBusError('timeout', `the page "${label}" was not ready within ${timeoutMs} ms`)
        timer = setTimeout(reject, timeoutMs, late)
      }
      const look = async () => {
        const known = (await query('pages', { label })) as PageInfo[]
        if (known.some((page) => page.label === label && page.state === 'ready')) resolve()
      }
      // What was lost may be what it waits for.
      const onGap = () => void look().catch(reject)
      const told = (event: string, news: (page: PageClosed) => void) => {
        const deliver = ({ payload }: BusEvent<unknown>) => {
          if ((payload as PageClosed).label === label) news(payload as PageClosed)
        }
        const ended = (error?: EventBusError) =>
          reject(error ?? new EventBusError('cancelled', `unlisten("${event}") ended the wait for the page "${label}"`))
        return subscribe(event, { signal: over.signal, onGap }, deliver, deliver, ended)
      }
      const ready = told('event-bus:page-ready', () => resolve())
      const closed = told('event-bus:page-closed', (page) => {
        const text = `the page "${label}" was closed (${page.reason}) before it was ready`
        reject(new EventBusError('page_gone', text))
      })
      // First the subscriptions, then the look, so that nothing comes between.
      Promise.all([ready, closed]).then(look).catch(reject)
    })
  } catch (error) {
    // The reason of a signal is the caller's own.
    throw signal?.aborted ? error : toEventBusError(error)
  } finally {
    clearTimeout(timer)
    if (abort) signal?.removeEventListener('abort', abort)
    over.abort()
  }
}

/**
 * Says that this page is not ready until it calls {@link ready}. Call it before the first `listen`: otherwise a page is ready as
 * soon as its first subscription is accepted and it has handled what waited for it. It needs `event-bus:allow-page`.
 *
 * @throws {EventBusError} by rejection: `denied`; `invalid_argument` if the page is ready already; `unavailable`.
 *
 * @example
 * ```ts
 * import { deferReady, listen, ready } from 'tauri-plugin-event-bus-api'
 *
 * deferReady()
 * listen('document:open', ({ payload }) => console.log(payload))
 * await ready()
 * ```
 */
export function deferReady(): Promise<void> {
  return say(false)
}

/**
 * Says that this page is ready. See {@link deferReady}.
 *
 * @throws {EventBusError} by rejection: `denied`, `unavailable`.
 *
 * @example
 * ```ts
 * import { ready } from 'tauri-plugin-event-bus-api'
 *
 * await ready()
 * ```
 */
export function ready(): Promise<void> {
  return say(true)
}

async function say(ready: boolean): Promise<void> {
  try {
    await sendKept(openSaid(), '', 'page', { ready })
  } catch (error) {
    throw toEventBusError(error)
  }
}

/** What this page has said of itself last. */
function openSaid(): Kept<object> {
  const repeat = (value: object): Renewal => {
    const call = { value, size: 0, resolve: () => {}, reject: report }
    return { command: 'page' as Renewal['command'], call }
  }
  return openKept('event-bus:page', repeat, () => false)
}
