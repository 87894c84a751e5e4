import type { PeriodicFailed, PeriodicInfo, PeriodicStopped } from '../api/jobs.js'

/**
 * The events that components emit by themselves. A name that ends with `-` begins the names of one for each component.
 * A test of the crate compares this list with its own.
 */
export const BUILT_IN_EVENTS = ['action-complete', 'error', 'message', 'refresh-'] as const

/**
 * What kind of message it is.
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
  /** The same for messages that take each other's place. */
  id: string
  /** Who says it. */
  component: string
  level: MessageLevel
  /** For the user. */
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
  /** Whose action it was. */
  component: string
  /** What the action is called. */
  action: string
  /** What it gave; `null` for nothing. */
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
  /** Whose action it was. */
  component: string
  /** What the action is called. */
  action: string
  /** What it failed with, for people. */
  error: string
  /** The error's status, if it has one. */
  status?: number
}

/**
 * The events that components and the plugin itself emit, with what their handlers receive. A name that the app has in
 * {@link EventMap} is the app's.
 *
 * Those of a namespace are typed through {@link namespace}, and under their whole names once the app says so:
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
  /** Asks the components of that name, which is in lower case, to load again what they show. */
  [refresh: `refresh-${string}`]: null
  'event-bus:job-started': PeriodicInfo
  'event-bus:job-stopped': PeriodicStopped
  'event-bus:job-failed': PeriodicFailed
}

/**
 * What {@link BuiltInEvents} components of a namespace emit, by their whole names.
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
