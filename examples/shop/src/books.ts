import { invoke } from '@tauri-apps/api/core'

/** A product of the shop, as in `books.rs`. */
export interface Product {
  id: number
  name: string
  /** In cents. */
  price: number
  stock: number
}

export interface Order {
  number: number
  items: { name: string; quantity: number }[]
  /** In cents. */
  amount: number
  isPaid: boolean
}

export const loadProducts = (): Promise<Product[]> => invoke('products')

/** Loads the orders, newest first. */
export const loadOrders = (): Promise<Order[]> => invoke('orders')

/** Rejects with `{ status, message }`. */
export const saveProduct = (product: Product): Promise<Product> => invoke('save_product', { product })
