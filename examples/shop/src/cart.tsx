import { useState } from 'react'
import { useEvent } from 'tauri-plugin-event-bus-api/react'
import type { Product } from './books'
import { shoppingCart } from './bus'
import type { Line } from './events'
import { money } from './money'

shoppingCart.describe({
  description: 'What the customer wants to buy.',
  emits: {
    'cart:updated': 'The cart has changed.',
    'order:created': 'The customer orders the content of the cart.',
  },
  listens: { 'payment:*': 'Shows the progress of the order.' },
})

/** The cart, and the progress of its order. */
export function Cart({ lines, products, onEmpty }: { lines: Line[]; products: Product[]; onEmpty(): void }) {
  const progress = useProgress()
  const priced = lines.map((line) => ({ ...line, ...products.find(({ id }) => id === line.product) }))
  const total = priced.reduce((sum, { price = 0, quantity }) => sum + price * quantity, 0)

  // Rust emits what follows: `payment:requested` or `error`.
  const order = () => shoppingCart.action('order', () => shoppingCart.emit('order:created', { lines }))

  return (
    <section className="card cart" aria-labelledby="cart-title">
      <h2 id="cart-title">Cart</h2>
      {priced.length === 0 && <p className="soft empty">Nothing yet.</p>}
      <ul data-testid="cart">
        {priced.map(({ product, name, quantity, price = 0 }) => (
          <li key={product}>
            <span>
              {quantity} × {name}
            </span>
            <span>{money(price * quantity)}</span>
          </li>
        ))}
      </ul>
      <p className="total">
        <span>Total</span>
        <strong data-testid="total">{money(total)}</strong>
      </p>
      <div className="acts">
        <button type="button" className="quiet" data-testid="empty" disabled={lines.length === 0} onClick={onEmpty}>
          Empty
        </button>
        <button
          type="button"
          className="primary"
          data-testid="order"
          disabled={lines.length === 0}
          onClick={() => void order().catch(() => {})}
        >
          Order
        </button>
      </div>
      <p className="progress soft" data-testid="progress" role="status">
        {progress}
      </p>
    </section>
  )
}

/** The progress of the last order, from the events about its payment. */
function useProgress(): string {
  const [progress, setProgress] = useState('Orders are paid by a bank in Rust.')
  useEvent('shop:payment:*', ({ event, payload }) => {
    const paid = event === 'shop:payment:paid'
    setProgress(paid ? `Order ${payload.order} is paid. Thank you!` : `Order ${payload.order}: waiting for the bank…`)
  })
  return progress
}
