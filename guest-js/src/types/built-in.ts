import type { JobFailed, JobInfo, JobStopped } from './job-info.js'
import type { PageClosed, PageEvent } from './page.js'

/**
 * The events that components emit by themselves. A name that ends with `-` is the prefix of one event for each component.
 * A test of the crate compares this list with its own.
 */
export const BUILT_IN_EVENTS = ['action-complete', 'error', 'message', 'refresh-'] as const

/**
 * The kind of a {@link Message}.
 *
 * @example
 * ```ts
 * import type { MessageLevel } from 'tauri-plugin-event-bus-api'
 *
 * const icons: Record<MessageLevel, string> = { success: '✓', info: 'i', warning: '!', error: '✗' }
 * ```
 */
export type MessageLevel = 'success' | 'info' | 'warning' | 'error'

/**
 * The payload of the built-in event `message`.
 *
 * @example
 * ```ts
 * import { component, type Message } from 'tauri-plugin-event-bus-api'
 *
 * const shown = new Map<string, Message>()
 * component('Toasts').onMessage((message) => shown.set(message.id, message))
 * ```
 */
export interface Message {
  /** Messages with the same id replace each other. */
  id: string
  /** The component that sends it. */
  component: string
  level: MessageLevel
  /** The text for the user. */
  text: string
}

/**
 * The payload of the built-in event `action-complete`.
 *
 * @example
 * ```ts
 * import { type ActionComplete, on } from 'tauri-plugin-event-bus-api'
 *
 * const log = ({ component, action, state }: ActionComplete) => console.log(component, action, state)
 * on('action-complete', log)
 * ```
 */
export interface ActionComplete<State = unknown> {
  /** The component whose action it was. */
  component: string
  /** The name of the action. */
  action: string
  /** What the action returned; `null` for nothing. */
  state: State
}

/**
 * The payload of the built-in event `error`.
 *
 * @example
 * ```ts
 * import { type ActionFailed, on } from 'tauri-plugin-event-bus-api'
 *
 * const log = ({ component, action, error, status }: ActionFailed) => console.warn(component, action, error, status)
 * on('error', log)
 * ```
 */
export interface ActionFailed {
  /** The component whose action it was. */
  component: string
  /** The name of the action. */
  action: string
  /** What went wrong, for people. */
  error: string
  /** The status of the error, if it has one. */
  status?: number
}

/**
 * The events that components and the plugin itself emit, with the payloads that handlers receive. A name that the app has
 * in {@link EventMap} belongs to the app.
 *
 * Those of a namespace are typed through {@link namespace}, and under their full names once the app declares them:
 *
 * @example
 * ```ts
 * import type { BuiltInEventsIn } from 'tauri-plugin-event-bus-api'
 *
 * declare module 'tauri-plugin-event-bus-api' {
 *   interface EventMap extends BuiltInEventsIn<'shop'> {}
 * }
 * ```
 */
export interface BuiltInEvents {
  'action-complete': ActionComplete
  error: ActionFailed
  message: Message
  /** Tells the components of that name, in lower case, to reload what they show. */
  [refresh: `refresh-${string}`]: null
  'event-bus:job-started': JobInfo
  'event-bus:job-stopped': JobStopped
  'event-bus:job-failed': JobFailed
  'event-bus:page-opened': PageEvent
  'event-bus:page-ready': PageEvent
  'event-bus:page-reloaded': PageEvent
  'event-bus:page-closed': PageClosed
}

/**
 * What {@link BuiltInEvents} components of a namespace emit, by their full names.
 *
 * @example
 * ```ts
 * import type { BuiltInEventsIn } from 'tauri-plugin-event-bus-api'
 *
 * const failed: BuiltInEventsIn<'shop'>['shop:error'] = { component: 'Cart', action: 'pay', error: 'no' }
 * ```
 */
export type BuiltInEventsIn<Prefix extends string> = {
  [Name in 'action-complete' | 'error' | 'message' as `${Prefix}:${Name}`]: BuiltInEvents[Name]
}
