import { namespace } from 'tauri-plugin-event-bus-api'
import { bridgeToDom } from 'tauri-plugin-event-bus-api/dom'

/** Every event of this app has a name that begins with `shop:`. */
export const shop = namespace('shop')

export const productList = shop.component('ProductList')
export const shoppingCart = shop.component('ShoppingCart')
export const productEditor = shop.component('ProductEditor')
export const orderList = shop.component('OrderList')

/** What the plain scripts in `public` hear. The names have the prefix already, and do not get it again. */
export function bridgeToScripts(): void {
  bridgeToDom({
    events: ['shop:cart:updated', 'shop:message', 'shop:error', 'shop:action-complete'],
    prefix: 'shop:',
  })
}
