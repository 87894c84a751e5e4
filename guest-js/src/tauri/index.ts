/**
 * The types and functions of `@tauri-apps/api/event`, through the event bus: for apps that move over without changing their
 * code. The bundler plugin (`tauri-plugin-event-bus-api/bundler`) puts this entry in the place of Tauri's.
 *
 * @module
 */

export type { Event, EventCallback, EventName, EventTarget, Options, UnlistenFn } from '@tauri-apps/api/event'
export { TauriEvent } from '@tauri-apps/api/event'
export { emit, emitTo } from './emit.js'
export { listen, once } from './listen.js'
