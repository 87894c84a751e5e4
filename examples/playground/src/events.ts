// Made by tauri-plugin-event-bus from the typed events of the app. Do not edit it: change the Rust types.
import type {} from 'tauri-plugin-event-bus-api'

/** The app has started. */
export interface AppReady {
  /** The version of the app. */
  version: string
}

/** One of ten thousand, from one of four threads. */
export interface BurstItem {
  thread: number
  item: number
}

/** What is in the cart has changed. */
export interface CartUpdated {
  /** How many items are in it now. */
  itemCount: number
}

/** Ten seconds are over. */
export interface ClockTick {
  /** Counts from 1. */
  tick: number
  /** How long the app has been running. */
  uptimeSeconds: number
}

/** Asks the user of a window for a yes or a no. */
export interface Confirm {
  title: string
  text: string
}

/** A field of the form that sends events. */
export type Field = 'event' | 'payload'

/** Asks what stands in a field of a window's form. */
export interface FormValue {
  field: Field
}

/** Something that the user should see for a moment. */
export interface Notice {
  title: string
  text?: string | null
}

/** A window wants to hear from Rust. Whatever it says comes back. */
export type Ping = unknown

/** The answer to a ping, to the window that asked. */
export interface Pong {
  from: string
  /** What the window had said. */
  youSent: unknown
}

/** The long task is to stop. */
export type TaskCancel = null

/** How far the long task is. */
export interface TaskProgress {
  /** Which run this is; a later start has a higher one. */
  run: number
  state: TaskState
  percent: number
  /** How many primes were found so far. */
  primes: number
  /** The largest of them. */
  largest: number
  /** The label of the window that started it. */
  startedBy: string
}

/** Whether the task is still running. */
export type TaskState = 'running' | 'done' | 'cancelled'

/** The colours of a window. */
export type Theme = 'light' | 'dark'

/** Somebody has chosen a theme, and the other windows follow. */
export interface ThemeChanged {
  theme: Theme
}

/** A window is gone. */
export interface WindowClosed {
  /** The label it had. */
  label: string
}

/** A window has the focus now. */
export interface WindowFocused {
  /** The label of the window. */
  label: string
}

declare module 'tauri-plugin-event-bus-api' {
  interface EventMap {
    /** The app has started. */
    'app:ready': AppReady
    /** One of ten thousand, from one of four threads. */
    'burst:item': BurstItem
    /** What is in the cart has changed. */
    'cart:updated': CartUpdated
    /** Ten seconds are over. */
    'clock:tick': ClockTick
    /** A window wants to hear from Rust. Whatever it says comes back. */
    'ping': Ping
    /** The answer to a ping, to the window that asked. */
    'pong': Pong
    /** The long task is to stop. */
    'task:cancel': TaskCancel
    /** How far the long task is. */
    'task:progress': TaskProgress
    /** Something that the user should see for a moment. */
    'ui:notice': Notice
    /** Somebody has chosen a theme, and the other windows follow. */
    'ui:theme': ThemeChanged
    /** A window is gone. */
    'window:closed': WindowClosed
    /** A window has the focus now. */
    'window:focused': WindowFocused
  }
  interface RequestMap {
    /** Asks the user of a window for a yes or a no. */
    'confirm': { question: Confirm; answer: boolean }
    /** Asks what stands in a field of a window's form. */
    'form:value': { question: FormValue; answer: string }
  }
}
