import { invoke } from '@tauri-apps/api/core'

/** Something that can be bought, as `books.rs` has it. */
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

/** The newest first. */
export const loadOrders = (): Promise<Order[]> => invoke('orders')

/** Rejects with `{ status, message }`. */
export const saveProduct = (product: Product): Promise<Product> => invoke('save_product', { product })
