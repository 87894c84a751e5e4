// Made by tauri-plugin-event-bus from the typed events of the app. Do not edit it: change the Rust types.
import type {} from 'tauri-plugin-event-bus-api'

/** The cart has changed. */
export interface CartUpdated {
  lines: Line[]
}

/** A quantity of a product. */
export interface Line {
  /** The id of the product. */
  product: number
  quantity: number
}

/** A customer ordered the content of the cart. */
export interface OrderCreated {
  lines: Line[]
}

/** An order was paid. */
export interface PaymentPaid {
  /** The number of the order. */
  order: number
  /** In cents. */
  amount: number
}

/** An order was taken and waits for its payment. */
export interface PaymentRequested {
  /** The number of the order. */
  order: number
  /** In cents. */
  amount: number
}

/** The sales since the app started. */
export interface SalesUpdated {
  /** How many orders are paid. */
  orders: number
  /** The revenue in cents. */
  revenue: number
}

declare module 'tauri-plugin-event-bus-api' {
  interface EventMap {
    /** The cart has changed. */
    'shop:cart:updated': CartUpdated
    /** A customer ordered the content of the cart. */
    'shop:order:created': OrderCreated
    /** An order was paid. */
    'shop:payment:paid': PaymentPaid
    /** An order was taken and waits for its payment. */
    'shop:payment:requested': PaymentRequested
    /** The sales since the app started. */
    'shop:sales:updated': SalesUpdated
  }
}
