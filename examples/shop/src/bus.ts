import { namespace } from 'tauri-plugin-event-bus-api'
import { bridgeToDom } from 'tauri-plugin-event-bus-api/dom'

/** The names of all events of this app begin with `shop:`. */
export const shop = namespace('shop')

export const productList = shop.component('ProductList')
export const shoppingCart = shop.component('ShoppingCart')
export const productEditor = shop.component('ProductEditor')
export const orderList = shop.component('OrderList')

/** Dispatches the events for the plain scripts in `public`. The names keep their prefix, which is not added twice. */
export function bridgeToScripts(): void {
  bridgeToDom({
    events: ['shop:cart:updated', 'shop:message', 'shop:error', 'shop:action-complete'],
    prefix: 'shop:',
  })
}
