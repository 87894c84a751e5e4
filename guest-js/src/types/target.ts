import type { EventTarget } from '@tauri-apps/api/event'
import type { Endpoint } from './endpoint.js'

/**
 * The receivers of an event: a label, a glob of labels, Tauri's `EventTarget`, an {@link Endpoint} such as {@link HOST} or
 * the `source` of an event, everyone on another node, or an array of these. A string is always a label or a glob. A node needs a link of the
 * app, and an entry with `"link": true` in a capability of the page.
 *
 * @example
 * ```ts
 * import { emitTo, HOST, listen, type Target } from 'tauri-plugin-event-bus-api'
 *
 * const editors: Target = ['main', 'editor-*', HOST]
 * await emitTo(editors, 'saved')
 * listen('ping', ({ source }) => emitTo(source, 'pong'))
 * await emitTo({ kind: 'Node', node: 'till-4' }, 'order:created', 7)
 * ```
 */
export type Target = TargetPart | readonly TargetPart[]

type TargetPart = string | EventTarget | Endpoint | { kind: 'Node'; node: string }
