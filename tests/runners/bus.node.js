import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { afterEach, beforeEach, describe, it, mock } from 'node:test'
import * as imported from 'tauri-plugin-event-bus-api'
import { createTestBus } from 'tauri-plugin-event-bus-api/testing'
import { emitLater, keepTotal } from './total.js'

for (const timers of ['real', 'fake']) {
  describe(`with ${timers} timers`, () => {
    let bus
    beforeEach(() => {
      if (timers === 'fake') mock.timers.enable()
      bus = createTestBus()
    })
    afterEach(() => {
      bus.dispose()
      mock.timers.reset()
    })

    it('code listens, requests and emits', async () => {
      const off = await keepTotal()
      bus.respond('price', () => 4)
      bus.emit('cart:added', { product: 'tea' })
      await bus.settled()
      assert.deepEqual(bus.emitted('cart:total'), [{ total: 4, at: { product: 'tea' } }])
      off()
      await bus.settled()
      assert.equal(bus.listeners(), 0)
    })
  })
}

it('fake timers are those of the code', async () => {
  mock.timers.enable({ apis: ['setTimeout'] })
  const bus = createTestBus()
  emitLater('reminder', 60_000)
  mock.timers.tick(60_000)
  await bus.settled()
  assert.equal(bus.history('reminder').length, 1)
  bus.dispose()
  mock.timers.reset()
})

it('the copy for CommonJS shares the bus', async () => {
  const require = createRequire(import.meta.url)
  const file = require.resolve('tauri-plugin-event-bus-api').replace(/(dist-js.)(commonjs.)?/, '$1commonjs/')
  const required = require(file)
  assert.notEqual(required.emit, imported.emit)
  const bus = createTestBus()
  const received = []
  await required.listen('a', ({ payload }) => received.push(payload))
  await imported.emit('a', 1)
  await required.emit('a', 2)
  await bus.settled()
  assert.deepEqual(received, [1, 2])
  const refused = await imported.emit('a b').catch((error) => error)
  const refusedThere = await required.emit('a b').catch((error) => error)
  assert.ok(refused instanceof imported.EventBusError && refusedThere instanceof required.EventBusError)
  bus.dispose()
})
