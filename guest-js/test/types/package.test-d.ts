// Compiled against the built package, since apps augment it under its name.
import {
  type ActionFailed,
  type BuiltInEventsIn,
  type BusEvent,
  component,
  type Emit,
  type EmitOptions,
  type EmitTo,
  type Event,
  type EventCallback,
  type EventMap,
  type EventName,
  type EventOf,
  emit,
  emitTo,
  events,
  HOST,
  isGap,
  listen,
  type Message,
  namespace,
  on,
  once,
  openChannel,
  type PartChannel,
  type PartOf,
  type PartStream,
  type PayloadArguments,
  type PayloadOf,
  type Receipt,
  type RequestContext,
  type RequestName,
  type RequestOf,
  type ResponseOf,
  request,
  requestStream,
  respond,
  respondStream,
  type StreamName,
  type StreamRequestOf,
  type StreamResponseOf,
  type Subscription,
  startJob,
  type UnlistenFn,
} from 'tauri-plugin-event-bus-api'

interface Cart {
  itemCount: number
}

declare module 'tauri-plugin-event-bus-api' {
  interface EventMap extends BuiltInEventsIn<'desk'> {
    'shop:cart': Cart
    // biome-ignore lint/suspicious/noConfusingVoidType: Apps write it so.
    'shop:closed': void
    'cart:updated': Cart
    // biome-ignore lint/suspicious/noConfusingVoidType: Apps write it so.
    'app:ready': void
    'app:idle': null
    'note:changed': string | undefined
    'note:deleted': { id: string }
    'log:line/7': number
  }
  interface RequestMap {
    confirm: { request: { title: string }; response: boolean }
    ping: { request: null; response: string }
    // biome-ignore lint/suspicious/noConfusingVoidType: Apps write it so.
    version: { request: void; response: string }
    pick: { request: string | undefined; response: number[] | null }
    'shop:price': { request: { id: string }; response: number }
  }
  interface StreamMap {
    export: { request: { format: string }; part: { done: number }; response: string }
    // biome-ignore lint/suspicious/noConfusingVoidType: Apps write it so.
    tail: { request: void; part: string; response: null }
    'shop:rows': { request: { id: string }; part: number; response: boolean }
  }
  interface ChannelMap {
    chat: { request: { room: string }; incoming: { text: string }; outgoing: string }
    'shop:till': { request: null; incoming: number; outgoing: { cents: number } }
  }
}

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
function same<A, B>(_: Equal<A, B>): void {}

// Names in the map give their payloads.
listen('cart:updated', (event) => same<typeof event, BusEvent<Cart, 'cart:updated'>>(true))
on('cart:updated', (payload) => same<typeof payload, Cart>(true))
once('app:ready', (event) => same<typeof event.payload, null>(true))
// @ts-expect-error The payload has no such field.
listen('cart:updated', (event) => event.payload.total)
// @ts-expect-error The annotated payload is another one.
listen('cart:updated', (_: BusEvent<{ total: number }>) => {})

// Other names give unknown, and so do patterns that match no name in the map, and what is only known as a string.
listen('other', (event) => same<typeof event, BusEvent<unknown>>(true))
listen('nothing:*', (event) => same<typeof event, BusEvent<unknown>>(true))
listen(String('cart:updated'), (event) => same<typeof event.payload, unknown>(true))
listen(`cart:${String(1)}`, (event) => same<typeof event.payload, unknown>(true))
// @ts-expect-error An unknown payload has to be narrowed.
listen('other', (event) => event.payload.itemCount)

// Patterns give the union of what they match in the map.
listen('cart:*', (event) => same<typeof event, BusEvent<Cart, 'cart:updated'>>(true))
on('note:*', (payload) => same<typeof payload, string | undefined | { id: string }>(true))
on('app:*', (payload) => same<typeof payload, null>(true))
on('*:line/?', (payload) => same<typeof payload, number>(true))
on('lo[fg]:l*e/[0-9]', (payload) => same<typeof payload, number>(true))
on('*', (payload) => same<typeof payload, PayloadOf<keyof EventMap & string>>(true))
once('note:*', (event) => {
  if (event.event === 'note:deleted') same<typeof event.payload, { id: string }>(true)
  else same<typeof event.payload, string | undefined>(true)
})
// @ts-expect-error The pattern does not match that name.
listen('note:*', (event) => event.event === 'cart:updated')
// @ts-expect-error Not every event of the pattern has it.
on('note:*', (payload) => payload.id)

// A type argument asserts the payload, as in Tauri's own API.
listen<string>('other', (event) => event.payload.length)
listen<Cart>('other', (event) => event.payload.itemCount)
// biome-ignore lint/suspicious/noExplicitAny: Code that is moved over may say any.
listen<any>('other', (event) => event.payload.whatever)
const moved: EventCallback<Cart> = (event: Event<Cart>) => console.log(event.payload.itemCount)
listen('cart:updated', moved)
listen<Cart>('other', moved)

// Payloads are checked when emitting.
emit('cart:updated', { itemCount: 3 })
emit('app:ready')
emit('app:idle')
emit('note:changed')
emit('note:changed', 'text')
emit('other')
emit('other', { anything: true })
emit<Cart>('other', { itemCount: 3 })
emitTo('main', 'cart:updated', { itemCount: 3 })
emitTo(['main', 'editor-*'], 'app:ready')
emitTo({ kind: 'Webview', label: 'main' }, 'app:ready')
// @ts-expect-error The payload is missing.
emit('cart:updated')
// @ts-expect-error The payload is of another type.
emit('cart:updated', { itemCount: '3' })
// @ts-expect-error The event has no payload.
emit('app:ready', 1)
// @ts-expect-error The payload is missing.
emitTo('main', 'cart:updated')
emitTo(HOST, 'app:ready')
emitTo(['main', HOST, { kind: 'webview', label: 'other' }], 'app:ready')
listen('cart:updated', ({ source }) => emitTo(source, 'app:ready'))
// @ts-expect-error A number is not a target.
emitTo(1, 'app:ready')
// @ts-expect-error An endpoint of a webview has a label.
emitTo({ kind: 'webview' }, 'app:ready')
same<typeof emit, Emit>(true)
same<typeof emitTo, EmitTo>(true)

// Options follow the payload, which an event without one leaves undefined.
const kept: EmitOptions = { retain: true }
emit('cart:updated', { itemCount: 3 }, kept)
emit('app:ready', undefined, kept)
emit('app:idle', null, kept)
emit('note:changed', undefined, kept)
emit('other', undefined, kept)
emit<Cart>('other', { itemCount: 3 }, kept)
emitTo('main', 'cart:updated', { itemCount: 3 }, kept)
emitTo('main', 'app:ready', undefined, kept)
// @ts-expect-error The payload is missing.
emit('cart:updated', undefined, kept)
// @ts-expect-error The options are not the payload.
emit('app:ready', kept)
// @ts-expect-error The options are not the payload.
emitTo('main', 'app:ready', kept)
// @ts-expect-error There is no such option.
emit('app:ready', undefined, { retained: true })
// @ts-expect-error Nothing follows the options.
emit('app:ready', undefined, kept, 1)

// A name of any type is one that the map does not have, so that the compiler builds no type of every event in the map.
// biome-ignore lint/suspicious/noExplicitAny: It is what this is about.
declare const event: EventOf<any>
same<typeof event, BusEvent<unknown>>(true)

// Wrappers of both kinds pass on what they are given.
export function received<Name extends EventName>(event: Name, handler: (event: EventOf<Name>) => void): Subscription {
  return listen(event, handler)
}
export function receivedPayload<Name extends EventName>(event: Name, handler: (payload: PayloadOf<Name>) => void) {
  return on(event, handler)
}
received('note:deleted', (event) => same<typeof event.payload, { id: string }>(true))

// A wrapper passes on what emit takes.
export function logged<Name extends EventName>(event: Name, ...payload: PayloadArguments<Name>): Promise<Receipt> {
  return emit(event, ...payload)
}

// What came before may be left out, and an event says how it came.
listen('cart:updated', ({ replayed, retained }) => same<typeof replayed | typeof retained, boolean>(true), {
  replay: false,
  retained: false,
})
on('other', (_, { superseded }) => same<typeof superseded, number | undefined>(true), { replay: false })
once('other', () => {}, { retained: false })
events('other', { replay: false, retained: false, buffer: 9, target: 'main' })
// @ts-expect-error An iterator yields its gaps.
events('other', { onGap: () => {} })

// Jobs follow the same rules.
startJob('cart:updated', { everyMs: 10, payload: { itemCount: 1 } })
startJob('app:ready', { everyMs: 10 })
startJob('other', { everyMs: 10, payload: 1 })
// @ts-expect-error The payload is missing.
startJob('cart:updated', { everyMs: 10 })
// @ts-expect-error The payload is of another type.
startJob('cart:updated', { everyMs: 10, payload: { itemCount: '1' } })
// @ts-expect-error The interval is missing.
startJob('app:ready', {})

// A source takes the place of the payload.
startJob('cart:updated', { everyMs: 10, source: 'cart', args: [1], missedTicks: 'burst', owner: HOST })
// @ts-expect-error There is no such policy.
startJob('app:ready', { everyMs: 10, missedTicks: 'later' })
// @ts-expect-error Only the host can be another owner.
startJob('app:ready', { everyMs: 10, owner: 'app' })
// @ts-expect-error Arguments are for a source.
startJob('cart:updated', { everyMs: 10, args: 1 })
// @ts-expect-error A payload is given or taken from a source.
startJob('cart:updated', { everyMs: 10, source: 'cart', payload: { itemCount: 1 } })
// @ts-expect-error So it is of an event without a declaration.
startJob<number>('unknown', { everyMs: 10, source: 'cart', payload: 1 })
startJob<number>('unknown', { everyMs: 10, source: 'cart' })

// A subscription is a function, a promise and disposable, and resolves to a plain function.
const off: Subscription = listen('cart:updated', () => {})
off()
export async function outcomes(): Promise<void> {
  const plain = await off
  same<typeof plain, UnlistenFn>(true)
  for await (const value of events('cart:updated')) {
    if (isGap(value)) same<typeof value.count, number>(true)
    else same<typeof value.payload, Cart>(true)
  }
  for await (const value of events('note:*')) {
    if (!isGap(value) && value.event === 'note:deleted') same<typeof value.payload, { id: string }>(true)
  }
  const receipt = await emit('app:ready')
  same<typeof receipt.seq, number>(true)
}

// A namespace knows its names with the prefix and without it.
const shop = namespace('shop')
shop.emit('cart', { itemCount: 1 })
shop.emit('shop:cart', { itemCount: 1 }, kept)
shop.emit('closed')
shop.emit('other', 1)
shop.emitTo('main', 'cart', { itemCount: 1 })
shop.listen('cart', (event) => same<typeof event, BusEvent<Cart, 'shop:cart'>>(true))
shop.listen('shop:cart', (event) => same<typeof event, BusEvent<Cart, 'shop:cart'>>(true))
shop.on('cart', (payload) => same<typeof payload, Cart>(true))
shop.on('c*', (payload) => same<typeof payload, Cart | null>(true))
shop.once('nothing', (event) => same<typeof event.payload, unknown>(true))
shop.listen<string>('other', (event) => event.payload.length)
shop.startJob('cart', { everyMs: 10, payload: { itemCount: 1 } })
// @ts-expect-error The payload is missing.
shop.emit('cart')
// @ts-expect-error The payload is of another type.
shop.emit('shop:cart', { itemCount: '1' })
// @ts-expect-error The event has no payload.
shop.emit('closed', 1)
// @ts-expect-error The payload is of another type.
shop.component('Cart').emit('cart', { itemCount: '1' })
// @ts-expect-error The payload is missing.
shop.component('Cart').emitTo('main', 'cart')
// @ts-expect-error The payload is missing.
shop.startJob('cart', { everyMs: 10 })
// @ts-expect-error The payload has no such field.
shop.on('cart', (cart) => cart.total)

// Its requests have the prefix, too, and a component has all of its functions.
const counter = shop.component('Counter')
for (const view of [shop, counter]) {
  view.request(HOST, 'price', { id: 'a' }).then((price) => same<typeof price, number>(true))
  view.request(HOST, 'shop:price', { id: 'a' }, { timeoutMs: 5 })
  view.request<string>(HOST, 'other', 1).then((response) => same<typeof response, string>(true))
  view.respond('price', ({ id }, { caller }) => id.length + caller.kind.length)
  view.waitFor('cart', { filter: ({ payload }) => payload.itemCount > 1 }).then(({ payload }) => {
    same<typeof payload, Cart>(true)
  })
  view.clearRetained('cart').then((count) => same<typeof count, number>(true))
  view.emit('cart', { itemCount: 1 }, { except: ['main', HOST] })
  // @ts-expect-error The request is missing.
  view.request(HOST, 'price')
  // @ts-expect-error The response is of another type.
  view.respond('price', ({ id }) => id)
  // @ts-expect-error The payload has no such field.
  view.waitFor('cart', { filter: ({ payload }) => payload.total })
}
same<(typeof desk)['name'], 'shop:desk'>(true)
const desk = shop.namespace('desk')
const left = desk.namespace('shop:desk:left')
same<(typeof left)['name'], 'shop:desk:left'>(true)
component('Cart')
  .request(HOST, 'ping')
  .then((response) => same<typeof response, string>(true))
component('Cart')
  .namespace('shop')
  .on('cart', (payload) => same<typeof payload, Cart>(true))

// What the plugin emits by itself is typed, in a namespace, too.
on('message', (message) => same<typeof message, Message>(true))
on('error', (failure) => same<typeof failure, ActionFailed>(true))
on('refresh-list', (payload) => same<typeof payload, null>(true))
shop.on('message', (message) => same<typeof message, Message>(true))
shop.listen('shop:error', (event) => same<typeof event, BusEvent<ActionFailed, 'shop:error'>>(true))
shop.on('refresh-list', (payload) => same<typeof payload, null>(true))
on('desk:message', (message) => same<typeof message, Message>(true))
on('upload:error', (payload) => same<typeof payload, unknown>(true))
// @ts-expect-error There is no such level.
on('message', ({ level }) => level === 'fatal')

// Actions give what they are given, and components emit as the package does.
export async function actions(): Promise<void> {
  const cart = component('Cart')
  const shown: Receipt = await cart.success('saved')
  same<typeof shown.seq, number>(true)
  const one = await cart.action('one', () => 1)
  const two = await cart.action('two', async () => 'two')
  same<typeof one, number>(true)
  same<typeof two, string>(true)
  cart.emit('cart:updated', { itemCount: 3 })
  cart.onRefresh((event) => same<typeof event.payload, null>(true))
  // @ts-expect-error The payload is missing.
  cart.emit('cart:updated')
  // @ts-expect-error There is no such option.
  cart.info('text', { id: 'x' })
}

// An event emits as the package does.
listen('cart:updated', (event) => event.emit('note:deleted', { id: 'a' }))
// @ts-expect-error The payload is missing.
listen('cart:updated', ({ emit }) => emit('note:deleted'))
// @ts-expect-error The payload is missing.
listen('cart:updated', ({ emitTo }) => emitTo('main', 'note:deleted'))

// Requests: the map gives both sides, and other names take and give unknown.
request('main', 'confirm', { title: 'x' }).then((response) => same<typeof response, boolean>(true))
request(HOST, 'ping').then((response) => same<typeof response, string>(true))
request(HOST, 'ping', null, { timeoutMs: 5 })
request('main', 'other', 1).then((response) => same<typeof response, unknown>(true))
request<number>('main', 'other', 1).then((response) => same<typeof response, number>(true))
request(HOST, 'version').then((response) => same<typeof response, string>(true))
request('main', 'version', undefined, { timeoutMs: 5 })
request('main', 'pick').then((response) => same<typeof response, number[] | null>(true))
request('main', 'pick', 'a')
request({ kind: 'Webview', label: 'main' }, 'other')
// @ts-expect-error The request has another type.
request('main', 'pick', 5)
// @ts-expect-error The request is missing.
request('main', 'confirm')
// @ts-expect-error The request has no such field.
request('main', 'confirm', { text: 'x' })
// @ts-expect-error There is no such option.
request('main', 'confirm', { title: 'x' }, { timeout: 5 })
respond('confirm', async ({ title }, { signal }) => {
  same<typeof title, string>(true)
  return !signal.aborted
})
respond('ping', () => 'pong')
respond('version', (payload, context) => {
  same<typeof payload, null>(true)
  same<typeof context, RequestContext>(true)
  return '1.0'
})
respond('other', (payload) => same<typeof payload, unknown>(true))
respond<number>('other', (n) => n + 1)
respond<{ text: string }>('confirm', ({ text }) => text === '')
same<ResponseOf<'confirm'>, boolean>(true)
same<RequestOf<'pick'>, string | undefined>(true)
same<RequestOf<'other'>, unknown>(true)
const anyName: RequestName = 'anything'
respond(anyName, () => 1)
// @ts-expect-error The response has another type.
respond('confirm', () => 'yes')
// @ts-expect-error The promise resolves to another type.
respond('confirm', async () => 1)
// @ts-expect-error The request has no such field.
respond('confirm', ({ text }) => text === '')

// Streams: the map gives the request, the parts and the response.
const exported = requestStream(HOST, 'export', { format: 'csv' }, { credit: { parts: 1 } })
same<typeof exported, PartStream<{ done: number }, string>>(true)
const lines = requestStream('main', 'tail')
same<typeof lines, PartStream<string, null>>(true)
const others = requestStream('main', 'other', 1)
same<typeof others, PartStream<unknown, unknown>>(true)
const numbers = requestStream<number, boolean>('main', 'other')
same<typeof numbers, PartStream<number, boolean>>(true)
// @ts-expect-error The request is missing.
requestStream(HOST, 'export')
// @ts-expect-error The request has another type.
requestStream(HOST, 'export', { format: 5 })
// @ts-expect-error There is no such option.
requestStream(HOST, 'tail', null, { credits: 5 })
respondStream('export', async function* ({ format }, { signal }) {
  same<typeof format, string>(true)
  if (!signal.aborted) yield { done: 1 }
  return 'file'
})
// A response without a value may be left out.
respondStream('tail', function* () {
  yield 'line'
})
respondStream('other', (payload) => {
  same<typeof payload, unknown>(true)
  return [1, 2]
})
respondStream<number>('other', function* (n) {
  yield n + 1
})
// @ts-expect-error The parts have another type.
respondStream('export', async function* () {
  yield { of: 1 }
  return 'file'
})
// @ts-expect-error The response is missing.
respondStream('export', async function* () {
  yield { done: 1 }
})
for (const view of [namespace('shop'), namespace('shop').component('Cart')]) {
  const rows = view.requestStream(HOST, 'rows', { id: 'a' })
  same<typeof rows, PartStream<number, boolean>>(true)
  const other = view.requestStream<string, string>(HOST, 'other')
  same<typeof other, PartStream<string, string>>(true)
  // @ts-expect-error The request is missing.
  view.requestStream(HOST, 'shop:rows')
  view.respondStream('rows', function* ({ id }) {
    same<typeof id, string>(true)
    yield 1
    return true
  })
}
same<PartOf<'export'>, { done: number }>(true)
same<StreamResponseOf<'shop:rows'>, boolean>(true)
same<StreamRequestOf<'tail'>, null>(true)
const anyStream: StreamName = 'anything'
requestStream(HOST, anyStream)

// Channels, by the map and without it.
const chat = openChannel(HOST, 'chat', { room: 'tea' }, { credit: { parts: 4 } })
same<typeof chat, PartChannel<{ text: string }, string>>(true)
void chat.send('hello')
// @ts-expect-error A page sends text.
void chat.send(5)
// @ts-expect-error The payload is missing.
openChannel(HOST, 'chat')
// @ts-expect-error A channel has no timeout.
openChannel(HOST, 'chat', { room: 'tea' }, { timeoutMs: 5 })
const till = namespace('shop').openChannel(HOST, 'till')
same<typeof till, PartChannel<number, { cents: number }>>(true)
const free = openChannel<Uint8Array, string>(HOST, 'terminal', { cols: 80 })
same<typeof free, PartChannel<Uint8Array, string>>(true)
const unknown = openChannel(HOST, 'other')
same<typeof unknown, PartChannel<unknown, unknown>>(true)
