import 'tauri-plugin-event-bus-api'
import type { Theme } from './theme'

export interface TaskProgress {
  /** Which run this is; a later start has a higher one. */
  run: number
  state: 'running' | 'done' | 'cancelled'
  percent: number
  primes: number
  largest: number
  startedBy: string
}

export interface Notice {
  title: string
  text?: string
}

declare module 'tauri-plugin-event-bus-api' {
  interface EventMap {
    'app:ready': { version: string }
    'window:focused': { label: string }
    'window:closed': { label: string }
    /** The load of all cores, in percent. */
    'machine:cpu': number
    'clock:tick': { tick: number; uptimeSeconds: number }
    'task:progress': TaskProgress
    'task:cancel': null
    'burst:item': { thread: number; item: number }
    'ui:theme': { theme: Theme }
    'ui:notice': Notice
    ping: unknown
    pong: { from: string; youSent: unknown }
  }
}
