// An app, or a library, that exports what the package gives it. `scripts/declarations.mjs` compiles it with declarations.
import * as bus from 'tauri-plugin-event-bus-api'
import {
  catalog,
  clearRetained,
  component,
  emit,
  emitTo,
  events,
  getJob,
  HOST,
  inspect,
  isGap,
  listen,
  listJobs,
  namespace,
  on,
  once,
  request,
  respond,
  startJob,
  unlisten,
  waitFor,
} from 'tauri-plugin-event-bus-api'

declare module 'tauri-plugin-event-bus-api' {
  interface EventMap {
    'shop:cart': { itemCount: number }
    'theme:changed': { dark: boolean }
  }
  interface RequestMap {
    'shop:confirm': { request: { title: string }; response: boolean }
  }
}

// Views, whole and in parts.
export const shop = namespace('shop')
export const cart = shop.component('Cart')
export const toasts = component('Toasts')
export const desk = shop.namespace('desk')
export const {
  emit: emitInShop,
  emitTo: emitToInShop,
  listen: listenInShop,
  once: onceInShop,
  on: onInShop,
  events: eventsInShop,
  waitFor: waitForInShop,
  unlisten: unlistenInShop,
  clearRetained: clearRetainedInShop,
  request: requestInShop,
  respond: respondInShop,
  startJob: startJobInShop,
  component: componentInShop,
  namespace: namespaceInShop,
} = namespace('shop')
export const {
  emit: emitAsCart,
  emitTo: emitToAsCart,
  listen: listenAsCart,
  once: onceAsCart,
  on: onAsCart,
  events: eventsAsCart,
  waitFor: waitForAsCart,
  unlisten: unlistenAsCart,
  clearRetained: clearRetainedAsCart,
  request: requestAsCart,
  respond: respondAsCart,
  startJob: startJobAsCart,
  refresh,
  onRefresh,
  success,
  message,
  onMessage,
  action,
  describe,
} = component('Cart')

// As factories, classes and members write it.
export function shopOf<Name extends string>(name: Name) {
  const { emit, listen, waitFor, startJob } = namespace(name)
  return { emit, listen, waitFor, startJob, cart: component(name).emit }
}
export const makeShop = () => ({ ...namespace('shop') })
export class Shop {
  readonly bus = namespace('shop')
  readonly emit = this.bus.emit
  readonly request = component('Shop').request
}
export type EmitInShop = typeof shop.emit
export type ShopOptions = Parameters<typeof shop.startJob>[1]
export default { listen: shop.listen, emit: cart.emit }

// The functions themselves, and what they return.
export const functions = {
  catalog,
  clearRetained,
  emit,
  emitTo,
  events,
  getJob,
  HOST,
  inspect,
  isGap,
  listJobs,
  listen,
  on,
  once,
  request,
  respond,
  startJob,
  unlisten,
  waitFor,
}
export const subscription = listen('theme:changed', () => {})
export const responder = respond('shop:confirm', () => true)
export const responderInShop = shop.respond('confirm', () => true)
export const stream = events('theme:*')
export const streamInShop = shop.events('cart')
export const job = () => startJob('clock', { everyMs: 1_000 })
export const jobInShop = () => shop.startJob('cart', { everyMs: 1_000, payload: { itemCount: 1 } })
export const jobs = () => listJobs()
export const next = () => waitFor('theme:changed')
export const nextInShop = () => shop.waitFor('message')
export const receipt = () => shop.emit('cart', { itemCount: 1 })
export const response = () => shop.request('main', 'confirm', { title: 'Close?' })
export const forward = (cb: Parameters<typeof listen>[1]) => listen('a', cb)
export const handlers = { changed: onInShop('cart', (cart) => cart.itemCount) }
export const everything = { ...bus }
