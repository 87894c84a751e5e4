// Made by tauri-plugin-event-bus from the typed events of the app. Do not edit it: change the Rust types.
import type {} from 'tauri-plugin-event-bus-api'

export type Adjacent = { kind: 'nothing' } | { kind: 'text'; value: string } | { kind: 'point'; value: { x: number; y: number } }

/** An unchecked event: a page may emit any payload under its name. */
export interface Anything {
  value: unknown
}

/** The app is ready. */
export type AppReady = null

/**
 * The cart has changed.
 *
 * The payload is the whole cart.
 */
export interface CartUpdated {
  /** How many items | are in the cart. */
  itemCount: number
  /** The items. */
  items: Item[]
  /** A note *\/ of the customer, if any. */
  note: string | null
  /** Renamed, since the word is reserved in Rust. */
  type: string
  /** Omitted without a recipient. */
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

/** Flattened fields of other types. */
export type Flattened = ({ status: 'open' } | { status: 'closed'; by: string }) & {
  id: string
  /** The distance from the left. */
  x: number
  /** The distance from the top. */
  y: number
}

/** A product. */
export interface Item {
  /** The name of the product. */
  title: string
  /** The price in cents. */
  priceCents: number
  /** The name of the field has its unit. */
  'weight-kg': number
}

/** A generic type with two different arguments. */
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
  /** As text, since it may exceed 2^53. */
  exact: string
  exactSigned: string
  /** As text, since it may be NaN. */
  exactFloat: string
  exactList: string[]
  exactOption: string | null
}

/** A method of payment. */
export type Method =
  | 'bank-transfer' | 'cash'
  /** Any card. */
  | 'card'

/** The next step of an order. */
export type OrderChanged =
  /** The order was placed. */
  | { step: 'placed' }
  /** The order was paid. */
  | {
    step: 'paid'
    /** The amount in cents. */
    cents: number
    method: Method
  }
  /** One item was shipped. */
  | Item & { step: 'shipped' }
  | {
    step: 'returnedInPart'
    items: Item[]
    reason: string | null
  }

/** A page of a longer list. */
export interface PageOfItem {
  entries: Item[]
  /** The number of the next page, if any. */
  next: number | null
}

/** A page of a longer list. */
export interface PageOfstring {
  entries: string[]
  /** The number of the next page, if any. */
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

/** Enums in each representation of serde. */
export interface Shapes {
  external: External
  adjacent: Adjacent
  untagged: Untagged
  method: Method
}

/** A recursive type. */
export interface Tree {
  label: string
  children: Tree[]
  best: Tree | null
}

export type Untagged = number | { name: string } | string[]

/** A newtype. */
export type Wrapped = number

declare module 'tauri-plugin-event-bus-api' {
  interface EventMap {
    /** An unchecked event: a page may emit any payload under its name. */
    'typed:anything': Anything
    /** The app is ready. */
    'typed:app-ready': AppReady
    /**
     * The cart has changed.
     *
     * The payload is the whole cart.
     */
    'typed:cart-updated': CartUpdated
    /** Maps, sets and tuples. */
    'typed:collected': Collected
    /** Flattened fields of other types. */
    'typed:flattened': Flattened
    /** A generic type with two different arguments. */
    'typed:loaded': Loaded
    /** Numbers of every kind. */
    'typed:measured': Measured
    /** The next step of an order. */
    'typed:order-changed': OrderChanged
    /** Dates and times. */
    'typed:scheduled': Scheduled
    /** Enums in each representation of serde. */
    'typed:shapes': Shapes
    /** A recursive type. */
    'typed:tree': Tree
    /** A newtype. */
    'typed:wrapped': Wrapped
  }
}
