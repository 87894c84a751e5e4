import { checkText, checkTimeout } from '../core/checks.js'
import { EventBusError, toEventBusError } from '../core/error.js'
import { openInbox } from '../core/inbox.js'
import { query } from '../core/query.js'
import type { PageInfo, ReadyOptions } from '../types/page.js'
import { listen } from './listen.js'

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
 * @throws {EventBusError} by rejection: `timeout`; `page_gone` where the page is closed meanwhile; `denied` unless a capability
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
      const told = [
        listen('event-bus:page-ready', ({ payload }) => payload.label === label && resolve(), over),
        listen(
          'event-bus:page-closed',
          ({ payload }) => {
            if (payload.label !== label) return
            const text = `the page "${label}" was closed (${payload.reason}) before it was ready`
            reject(new EventBusError('page_gone', text))
          },
          over,
        ),
      ]
      // First the subscriptions, then the look, so that nothing comes between.
      Promise.all(told)
        .then(() => query('pages', { label }))
        .then((known) => {
          const isReady = (known as PageInfo[]).some((page) => page.label === label && page.state === 'ready')
          if (isReady) resolve()
        })
        .catch(reject)
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

async function say(isReady: boolean): Promise<void> {
  try {
    await openInbox().queue.send('page', { ready: isReady })
  } catch (error) {
    throw toEventBusError(error)
  }
}
