// Made by tauri-plugin-event-bus from the typed events of the app. Do not edit it: change the Rust types.
import type {} from 'tauri-plugin-event-bus-api'

export type Adjacent = { kind: 'nothing' } | { kind: 'text'; value: string } | { kind: 'point'; value: { x: number; y: number } }

/** What nobody has described. A page may emit anything under its name. */
export interface Anything {
  value: unknown
}

/** The app is ready. */
export type AppReady = null

/**
 * What is in the cart has changed.
 *
 * It says all of it, so that nobody has to count.
 */
export interface CartUpdated {
  /** How many items are in it | now. */
  itemCount: number
  /** What they are. */
  items: Item[]
  /** What the buyer wants us to know, which may *\/ be nothing. */
  note: string | null
  /** Renamed, since Rust has the word for itself. */
  type: string
  /** Left out where it is nobody. */
  giftFor?: string | null
}

/** Maps, sets and tuples. */
export interface Collected {
  byName: { [key: string]: number }
  byNumber: { [key: string]: string }
  byMethod: { [key: string]: boolean }
  set: number[]
  pair: [string, boolean]
  triple: number[]
  nested: (string | null)[] | null
}

export interface Duration {
  secs: number
  nanos: number
}

export type External = 'Plain' | 'renamed plain' | { Newtype: Item } | { Tuple: [number, string] } | { Struct: { flag: boolean } }

/** Fields of others among its own. */
export type Flattened = ({ status: 'open' } | { status: 'closed'; by: string }) & {
  id: string
  /** To the right. */
  x: number
  /** Down. */
  y: number
}

/** Something to buy. */
export interface Item {
  /** What it is called. */
  title: string
  /** Its price in cents. */
  priceCents: number
  /** With its unit. */
  'weight-kg': number
}

/** One type with parameters, made concrete twice. */
export interface Loaded {
  items: PageOfItem
  labels: PageOfstring
  result: Result_of_int64_or_string
}

/** Numbers of every kind. */
export interface Measured {
  float: number
  smallFloat: number
  signed: number
  unsigned: number
  byte: number
  /** As text, since it may be beyond 2^53. */
  exact: string
  exactSigned: string
  /** As text, since it may be no number. */
  exactFloat: string
  exactList: string[]
  exactOption: string | null
}

/** How somebody pays. */
export type Method =
  | 'bank-transfer' | 'cash'
  /** By card, of whatever kind. */
  | 'card'

/** An order went one step further. */
export type OrderChanged =
  /** It is there. */
  | { step: 'placed' }
  /** The money is there. */
  | {
    step: 'paid'
    /** How much. */
    cents: number
    method: Method
  }
  /** One thing is on its way. */
  | Item & { step: 'shipped' }
  | {
    step: 'returnedInPart'
    items: Item[]
    reason: string | null
  }

/** A page of a longer list. */
export interface PageOfItem {
  entries: Item[]
  /** The number of the next page, if there is one. */
  next: number | null
}

/** A page of a longer list. */
export interface PageOfstring {
  entries: string[]
  /** The number of the next page, if there is one. */
  next: number | null
}

export type Result_of_int64_or_string = { Ok: number } | { Err: string }

/** Dates and times. */
export interface Scheduled {
  /** As RFC 3339. */
  at: string
  day: string
  lasts: Duration
}

/** Enums in each of serde's ways. */
export interface Shapes {
  external: External
  adjacent: Adjacent
  untagged: Untagged
  method: Method
}

/** A type that has itself in it. */
export interface Tree {
  label: string
  children: Tree[]
  best: Tree | null
}

export type Untagged = number | { name: string } | string[]

/** A number with a name. */
export type Wrapped = number

declare module 'tauri-plugin-event-bus-api' {
  interface EventMap {
    /** What nobody has described. A page may emit anything under its name. */
    'typed:anything': Anything
    /** The app is ready. */
    'typed:app-ready': AppReady
    /**
     * What is in the cart has changed.
     *
     * It says all of it, so that nobody has to count.
     */
    'typed:cart-updated': CartUpdated
    /** Maps, sets and tuples. */
    'typed:collected': Collected
    /** Fields of others among its own. */
    'typed:flattened': Flattened
    /** One type with parameters, made concrete twice. */
    'typed:loaded': Loaded
    /** Numbers of every kind. */
    'typed:measured': Measured
    /** An order went one step further. */
    'typed:order-changed': OrderChanged
    /** Dates and times. */
    'typed:scheduled': Scheduled
    /** Enums in each of serde's ways. */
    'typed:shapes': Shapes
    /** A type that has itself in it. */
    'typed:tree': Tree
    /** A number with a name. */
    'typed:wrapped': Wrapped
  }
}
