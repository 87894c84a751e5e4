import { emit, listen, request } from 'tauri-plugin-event-bus-api'

/** Keeps the total of a cart and emits it, as code of an app does. */
export function keepTotal() {
  let total = 0
  return listen('cart:added', async (event) => {
    total += await request({ kind: 'host' }, 'price', event.payload.product)
    await event.emit('cart:total', { total, at: new Map([['product', event.payload.product]]) })
  })
}

/** Emits later, by a timer. */
export function emitLater(name, ms) {
  setTimeout(() => emit(name), ms)
}
