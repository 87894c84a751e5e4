import { createTestBus } from 'tauri-plugin-event-bus-api/testing'
import { keepTotal } from './total.js'

it('works in a frame', async () => {
  expect(window.top).not.toBe(window)
  const bus = createTestBus()
  const off = await keepTotal()
  expect(bus.listeners('cart:added')).toBe(1)
  off()
  bus.dispose()
})
