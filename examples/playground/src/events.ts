// Made by tauri-plugin-event-bus from the typed events of the app. Do not edit it: change the Rust types.
import type {} from 'tauri-plugin-event-bus-api'

/** The app has started. */
export interface AppReady {
  /** The version of the app. */
  version: string
}

/** One of ten thousand events from four threads. */
export interface BurstItem {
  thread: number
  item: number
}

/** The cart has changed. */
export interface CartUpdated {
  /** How many items are in the cart. */
  itemCount: number
}

/** Ten seconds have passed. */
export interface ClockTick {
  /** Counts from 1. */
  tick: number
  /** How long the app has been running. */
  uptimeSeconds: number
}

/** Shows a dialog and responds with the user's choice. */
export interface Confirm {
  title: string
  text: string
}

/** A field of the form that emits events. */
export type Field = 'event' | 'payload'

/** Responds with the content of a field of the window's form. */
export interface FormValue {
  field: Field
}

/** A message that every window shows for a few seconds. */
export interface Notice {
  title: string
  text?: string | null
}

/** A message to Rust, which sends its payload back as `pong`. */
export type Ping = unknown

/** What Rust sends to the window that emitted `ping`. */
export interface Pong {
  from: string
  /** The payload of the ping. */
  youSent: unknown
}

/** Stops the long task. */
export type TaskCancel = null

/** The progress of the long task. */
export interface TaskProgress {
  /** The number of this run; later runs have higher numbers. */
  run: number
  state: TaskState
  percent: number
  /** How many primes it has found. */
  primes: number
  /** The largest prime found. */
  largest: number
  /** The label of the window that started it. */
  startedBy: string
}

/** The state of the long task. */
export type TaskState = 'running' | 'done' | 'cancelled'

/** The colors of a window. */
export type Theme = 'light' | 'dark'

/** A window changed its theme; the other windows follow. */
export interface ThemeChanged {
  theme: Theme
}

/** A window closed. */
export interface WindowClosed {
  /** The label it had. */
  label: string
}

/** A window got the focus. */
export interface WindowFocused {
  /** The label of the window. */
  label: string
}

declare module 'tauri-plugin-event-bus-api' {
  interface EventMap {
    /** The app has started. */
    'app:ready': AppReady
    /** One of ten thousand events from four threads. */
    'burst:item': BurstItem
    /** The cart has changed. */
    'cart:updated': CartUpdated
    /** Ten seconds have passed. */
    'clock:tick': ClockTick
    /** A message to Rust, which sends its payload back as `pong`. */
    'ping': Ping
    /** What Rust sends to the window that emitted `ping`. */
    'pong': Pong
    /** Stops the long task. */
    'task:cancel': TaskCancel
    /** The progress of the long task. */
    'task:progress': TaskProgress
    /** A message that every window shows for a few seconds. */
    'ui:notice': Notice
    /** A window changed its theme; the other windows follow. */
    'ui:theme': ThemeChanged
    /** A window closed. */
    'window:closed': WindowClosed
    /** A window got the focus. */
    'window:focused': WindowFocused
  }
  interface RequestMap {
    /** Shows a dialog and responds with the user's choice. */
    'confirm': { request: Confirm; response: boolean }
    /** Responds with the content of a field of the window's form. */
    'form:value': { request: FormValue; response: string }
  }
}
