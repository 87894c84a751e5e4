import { useLatest } from 'tauri-plugin-event-bus-api/react'
import { loadOrders } from './books'
import { orderList } from './bus'
import { useLoaded } from './loaded'
import { money } from './money'

orderList.describe({
  description: 'The orders and their revenue.',
  listens: { 'sales:updated': 'Retained, so a reloaded window has it at once.' },
})

/** The orders and their revenue. */
export function OrderList() {
  const orders = useLoaded(orderList, loadOrders, [])
  const sales = useLatest('shop:sales:updated')
  return (
    <section className="card orders" aria-labelledby="orders-title">
      <div className="head">
        <h2 id="orders-title">Orders</h2>
        <p className="soft">
          Sold <strong data-testid="revenue">{money(sales?.revenue ?? 0)}</strong>
        </p>
      </div>
      {orders.length === 0 && <p className="soft empty">No orders yet.</p>}
      <ol data-testid="orders">
        {orders.map(({ number, items, amount, isPaid }) => (
          <li key={number} data-order={number} data-paid={isPaid}>
            <span className="number">{number}</span>
            <span className="items soft">{items.map(({ name, quantity }) => `${quantity} ${name}`).join(', ')}</span>
            <span>{money(amount)}</span>
            <span className="state">{isPaid ? 'paid' : 'waiting'}</span>
          </li>
        ))}
      </ol>
    </section>
  )
}
