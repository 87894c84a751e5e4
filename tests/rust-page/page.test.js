// Runs the page in Rust against a test bus that plays the host. `RUST_PAGE` is the folder that wasm-bindgen has written.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { env } from 'node:process'
import { afterEach, beforeEach, test } from 'node:test'
import { pathToFileURL } from 'node:url'

import { createTestBus } from '../../guest-js/dist-js/testing/index.js'

const folder = env.RUST_PAGE
const { initSync, ...page } = await import(pathToFileURL(join(folder, 'rust_page.js')).href)
initSync({ module: await readFile(join(folder, 'rust_page_bg.wasm')) })

const cart = { itemCount: 2, note: null, items: [{ name: 'tea', price: 2.5 }] }
const seen = 'Cart { item_count: 2, note: None, items: [Item { name: "tea", price: 2.5 }] }'

let bus

beforeEach(() => {
  bus = createTestBus()
})

afterEach(async () => {
  page.stop()
  await bus.settled()
  bus.dispose()
  page.takeLog()
})

/** The log, once what is under way has come to rest. */
async function logged() {
  await bus.settled()
  return page.takeLog()
}

test('tells whether there is a bus', () => {
  assert.equal(page.available(), true)
  bus.dispose()
  assert.equal(page.available(), false)
})

test('emits typed events', async () => {
  assert.match(await page.emitCart(3), /^Receipt \{ seq: 1, pages: 0, listeners: 0, linked: false \}$/)
  assert.deepEqual(bus.emitted('cart:updated'), [{ itemCount: 3, note: null, items: [{ name: 'tea', price: 2.5 }] }])
  // It was retained.
  assert.equal(bus.clearRetained('cart:updated'), 1)
})

test('emits bytes as bytes', async () => {
  bus.page('other')
  assert.match(await page.emitPicture('other'), /^Receipt/)
  assert.match(await page.emitPicture('nowhere'), /^unknown_target: /)
  await page.emitBytes()
  assert.deepEqual(bus.emitted('picture'), [
    { pixels: Uint8Array.of(1, 2, 255), layers: [Uint8Array.of(), Uint8Array.of(120)] },
  ])
  assert.deepEqual(bus.emitted('bytes'), [Uint8Array.of(7, 8)])
})

test('refuses what no page can read', async () => {
  assert.match(await page.emitBig(), /^invalid_payload: the payload of "big": 18446744073709551615 is beyond/)
  assert.deepEqual(bus.emitted('big'), [])
})

test('names the error of the host', async () => {
  bus.refuse('cart:updated')
  assert.match(await page.emitCart(1), /^denied: the test refuses "cart:updated"/)
})

test('reads events as a stream', async () => {
  await page.followCarts(1_024)
  bus.emit('cart:updated', cart)
  bus.emit('cart:updated', { itemCount: -1 })
  bus.gap('cart:updated', { count: 4 })
  const [first, invalid, gap, ...rest] = await logged()
  assert.equal(first, `cart:updated ${seen} seq 1 from Host retained false causes []`)
  assert.match(invalid, /^invalid cart:updated: the payload of "cart:updated" does not match .*Cart: at `itemCount`: /)
  assert.equal(gap, 'gap of 4 (QueueFull)')
  assert.deepEqual(rest, [])
})

test('tells what a slow loop has lost', async () => {
  let go = () => {}
  globalThis.later = () =>
    new Promise((resolve) => {
      go = resolve
    })
  await page.followCarts(2)
  for (let index = 0; index < 5; index += 1) bus.emit('cart:updated', { ...cart, itemCount: index })
  const counts = (lines) => lines.map((line) => /item_count: \d|gap of \d+ \(\w+\)/.exec(line)?.[0] ?? line)
  assert.deepEqual(counts(await logged()), ['item_count: 0'])
  const rest = []
  for (let item = 0; item < 3; item += 1) {
    go()
    rest.push(...counts(await logged()))
  }
  assert.deepEqual(rest, ['gap of 2 (BufferFull)', 'item_count: 3', 'item_count: 4'])
})

test('knows of other nodes', async () => {
  await page.followCarts(1_024)
  const inbox = globalThis[Symbol.for('tauri-plugin-event-bus')]
  const gap = { subscriptions: [1], from: 1, to: 3, count: 3, atMost: false, reason: 'link_lost' }
  // As the host calls a page. A test bus has no link to other nodes.
  inbox.receive({ first: 1, more: false, heads: [['cart:updated', ['till-4'], 1]], items: [gap, [0, 4, 0, cart]] })
  const lines = await logged()
  assert.equal(lines[0], 'gap of 3 (LinkLost)')
  assert.match(lines[1], /seq 4 from Node\("till-4"\)/)
})

test('ends a stream with the refusal', async () => {
  bus.refuse('cart:updated')
  await page.followCarts(1_024)
  const [ended, over] = await logged()
  assert.match(ended, /^ended: denied the test refuses "cart:updated"/)
  assert.equal(over, 'no more carts')
})

test('reads bytes and whatever a pattern matches', async () => {
  page.followPictures()
  await bus.settled()
  bus.emit('picture', { pixels: Uint8Array.of(1, 255), layers: [Uint8Array.of(3)] })
  bus.emit('log:line', { text: 'a "b"', list: [1, null] })
  assert.deepEqual(await logged(), [
    'Picture { pixels: b"\\x01\\xff", layers: [b"\\x03"] }',
    'log:line Object {"list": Array [Number(1), Null], "text": String("a \\"b\\"")} seq 2 from Host retained false causes []',
  ])
})

test('keeps the causes of what it emits', async () => {
  page.emitCaused()
  await bus.settled()
  bus.emit('cart:updated', cart)
  assert.deepEqual(await logged(), [])
  assert.deepEqual(
    bus.history('picture').map(({ causes }) => causes),
    [['cart:updated'], ['cart:updated']],
  )
})

test('sends requests', async () => {
  bus.respond('sum', ({ numbers }) => numbers.reduce((sum, number) => sum + number, 0))
  assert.equal(await page.requestSum(), '3.5')
})

test('tells how a request fails', async () => {
  assert.match(await page.requestSum(), /^no_responder: /)
  const off = bus.respond('sum', () => {
    throw new RangeError('too many')
  })
  assert.match(await page.requestSum(), /^responder_failed: .*too many \(Some\("too many"\)\)$/)
  off()
  bus.respond('sum', () => 'seven')
  assert.match(await page.requestSum(), /^invalid_payload: the response to "sum" does not match f64: invalid type/)
})

test('cancels a request that is dropped', async () => {
  let reason
  bus.respond('sum', (_, { signal }) => {
    signal.addEventListener('abort', () => {
      reason = signal.reason.code
    })
    return new Promise(() => {})
  })
  page.dropRequest()
  assert.deepEqual(await logged(), ['Pending'])
  assert.equal(reason, 'cancelled')
})

test('responds to requests', async () => {
  assert.equal(await page.respondSum(), 'Ok(())')
  assert.equal(await bus.request('main', 'sum', { numbers: [1, 2] }), 3)
  assert.equal(await bus.page('other').request('main', 'sum', { numbers: [1.5, 2] }), 3.5)
  assert.deepEqual(await logged(), ['sum for Host', 'sum for Webview("other")'])
  await assert.rejects(bus.request('main', 'sum', { numbers: [] }), {
    code: 'responder_failed',
    message: /nothing to add/,
  })
  await assert.rejects(bus.request('main', 'sum', 7), { code: 'responder_failed', message: /does not match/ })
})

test('drops a responder whose caller has gone', async () => {
  await page.respondSum()
  const stopped = new AbortController()
  const sent = bus.request('main', 'sum', { numbers: [1] }, { signal: stopped.signal })
  assert.deepEqual(await logged(), ['sum for Host'])
  stopped.abort()
  await assert.rejects(sent, { code: 'cancelled' })
  assert.deepEqual(await logged(), ["the responder's future was dropped"])
})

test('reads streams', async () => {
  bus.respondStream('count', async function* ({ to }) {
    for (let number = 1; number <= to; number += 1) yield number
    return 'all'
  })
  assert.equal(await page.readCount(4), '"all"')
  assert.deepEqual(await logged(), ['part 1', 'part 2', 'part 3', 'no more parts'])
  assert.equal(await page.readCount(2), '"all"')
  assert.deepEqual(await logged(), ['part 1', 'part 2'])
})

test('leaves streams', async () => {
  let isLeft = false
  bus.respondStream('count', async function* () {
    try {
      for (let number = 1; ; number += 1) yield number
    } finally {
      isLeft = true
    }
  })
  assert.equal(await page.readCount(1), '"left"')
  await bus.settled()
  assert.equal(isLeft, true)
})

test('sends streams', async () => {
  assert.equal(await page.respondCount(), 'Ok(())')
  const parts = bus.requestStream('main', 'count', { to: 3 })
  const got = []
  for await (const part of parts) got.push(part)
  assert.deepEqual(got, [1, 2, 3])
  assert.equal(await parts.result, 'counted to 3')
  assert.deepEqual(await logged(), ['sent 1', 'sent 2', 'sent 3'])
  const failed = bus.requestStream('main', 'count', { to: 0 })
  await assert.rejects(failed.next(), { code: 'responder_failed', message: /nothing to count/ })
})

test('sends no more than the credit', async () => {
  await page.respondCount()
  const parts = bus.requestStream('main', 'count', { to: 1_000 }, { credit: { parts: 4 } })
  assert.deepEqual((await parts.next()).value, 1)
  const sent = await logged()
  assert.ok(sent.length > 0 && sent.length < 10, sent.join())
  parts.stop()
  assert.ok((await logged()).length < 10)
})

test('has the latest event as a signal', async () => {
  page.makeSignal()
  await bus.settled()
  assert.equal(page.readSignal(), undefined)
  bus.emit('cart:updated', { ...cart, itemCount: 1 }, { retain: true })
  bus.emit('cart:updated', cart, { retain: true })
  await bus.settled()
  assert.equal(page.readSignal(), 2)
  assert.equal(bus.listeners('cart:updated'), 1)
  page.disposeSignal()
  await bus.settled()
  assert.equal(bus.listeners('cart:updated'), 0)
})

test('ends what is dropped', async () => {
  page.listenBriefly()
  await bus.settled()
  bus.emit('cart:updated', cart)
  assert.deepEqual(await logged(), [])
  assert.equal(bus.listeners('cart:updated'), 0)
  page.followPictures()
  await bus.settled()
  assert.equal(bus.listeners('picture'), 1)
  page.stop()
  await bus.settled()
  assert.equal(bus.listeners('picture'), 0)
})

test('shares the session of the npm package', async () => {
  const { emit } = await import('../../guest-js/dist-js/index.js')
  await page.followCarts(1_024)
  await emit('cart:updated', cart)
  assert.equal(await page.emitCart(3), 'Receipt { seq: 2, pages: 1, listeners: 0, linked: false }')
  const own = (await logged()).map((line) => /seq \d from Webview\("main"\)/.exec(line)?.[0])
  assert.deepEqual(own, ['seq 1 from Webview("main")', 'seq 2 from Webview("main")'])
})
