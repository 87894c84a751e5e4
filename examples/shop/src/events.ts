// Made by tauri-plugin-event-bus from the typed events of the app. Do not edit it: change the Rust types.
import type {} from 'tauri-plugin-event-bus-api'

/** What is in the cart now. */
export interface CartUpdated {
  lines: Line[]
}

/** So many of a product. */
export interface Line {
  /** The id of the product. */
  product: number
  quantity: number
}

/** A customer orders what is in the cart. */
export interface OrderCreated {
  lines: Line[]
}

/** The money for an order is there. */
export interface PaymentPaid {
  /** The number of the order. */
  order: number
  /** In cents. */
  amount: number
}

/** An order is taken and waits for its money. */
export interface PaymentRequested {
  /** The number of the order. */
  order: number
  /** In cents. */
  amount: number
}

/** What has been sold since the app started. */
export interface SalesUpdated {
  /** How many orders are paid. */
  orders: number
  /** What they brought, in cents. */
  revenue: number
}

declare module 'tauri-plugin-event-bus-api' {
  interface EventMap {
    /** What is in the cart now. */
    'shop:cart:updated': CartUpdated
    /** A customer orders what is in the cart. */
    'shop:order:created': OrderCreated
    /** The money for an order is there. */
    'shop:payment:paid': PaymentPaid
    /** An order is taken and waits for its money. */
    'shop:payment:requested': PaymentRequested
    /** What has been sold since the app started. */
    'shop:sales:updated': SalesUpdated
  }
}
