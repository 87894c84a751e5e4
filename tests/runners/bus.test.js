import { clearMocks, mockIPC } from '@tauri-apps/api/mocks'
import { emit, listen } from 'tauri-plugin-event-bus-api/tauri'
import { createTestBus } from 'tauri-plugin-event-bus-api/testing'
import { emitLater, keepTotal } from './total.js'

// Vitest and Jest name them alike.
const mock = typeof jest === 'undefined' ? vi : jest

describe.each(['real', 'fake'])('with %s timers', (timers) => {
  let bus
  beforeEach(() => {
    if (timers === 'fake') mock.useFakeTimers()
    bus = createTestBus()
  })
  afterEach(() => {
    bus.dispose()
    mock.useRealTimers()
  })

  it('code listens, requests and emits', async () => {
    const off = await keepTotal()
    bus.respond('price', (product) => ({ tea: 4, pot: 20 })[product])
    bus.emit('cart:added', { product: 'tea' })
    await bus.settled()
    bus.emit('cart:added', { product: 'pot' })
    await bus.settled()
    expect(bus.emitted('cart:total')).toStrictEqual([
      { total: 4, at: { product: 'tea' } },
      { total: 24, at: { product: 'pot' } },
    ])
    off()
    await bus.settled()
    expect(bus.listeners()).toBe(0)
  })

  it('errors are those of the package', async () => {
    const { emit, EventBusError } = await import('tauri-plugin-event-bus-api')
    const error = await emit('a b').catch((reason) => reason)
    expect(error).toBeInstanceOf(EventBusError)
    expect(error.code).toBe('invalid_event_name')
    await expect(emit('a', [new Date(Number.NaN)])).rejects.toMatchObject({ code: 'invalid_payload' })
  })
})

it('fake timers are those of the code', async () => {
  mock.useFakeTimers()
  const bus = createTestBus()
  try {
    emitLater('reminder', 60_000)
    await bus.settled()
    expect(bus.history('reminder')).toHaveLength(0)
    mock.advanceTimersByTime(60_000)
    await bus.settled()
    expect(bus.history('reminder')).toHaveLength(1)
  } finally {
    bus.dispose()
    mock.useRealTimers()
  }
})

it('the entry of Tauri’s events works with mocked events', async () => {
  const isNode = typeof window === 'undefined'
  if (isNode) globalThis.window = globalThis
  try {
    mockIPC(() => {}, { shouldMockEvents: true })
    const received = []
    const unlisten = await listen('a', (event) => received.push(event.payload))
    await emit('a', { b: 1 })
    await unlisten()
    await emit('a', 2)
    expect(received).toStrictEqual([{ b: 1 }])
  } finally {
    clearMocks()
    if (isNode) delete globalThis.window
  }
})
