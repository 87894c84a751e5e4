import { afterEach, expect, test } from 'vitest'
import { emit, HOST, listen, request, respond, startJob } from '../../src/index.js'
import { createTestBus } from '../../src/testing/index.js'

let bus: ReturnType<typeof createTestBus>
afterEach(() => bus[Symbol.dispose]())

const bytes = (...values: number[]) => new Uint8Array(values)

test('bytes pass the test bus in every direction', async () => {
  bus = createTestBus()
  const received: unknown[] = []
  await listen('x', ({ payload }) => received.push(payload))
  const given = bytes(1, 2)
  await emit('x', { data: given, file: new Blob([bytes(3)]) }, { retain: true })
  bus.emit('x', [bytes(4).buffer])
  await bus.settled()
  expect(received).toEqual([{ data: bytes(1, 2), file: bytes(3) }, [bytes(4)]])
  expect(bus.emitted('x')).toEqual([{ data: bytes(1, 2), file: bytes(3) }])
  // Each listener has a copy.
  ;(received[0] as { data: Uint8Array }).data.fill(9)
  expect(bus.emitted('x')).toEqual([{ data: bytes(1, 2), file: bytes(3) }])
  await respond('double', (image) => [image, image])
  const doubled = bus.request('main', 'double', bytes(5))
  await bus.settled()
  expect(await doubled).toEqual([bytes(5), bytes(5)])
  bus.respond('size', (image) => (image as Uint8Array).length)
  expect(await request(HOST, 'size', bytes(1, 2, 3))).toBe(3)
})

test('the limit of payloads counts bytes', async () => {
  bus = createTestBus()
  const limit = 16_777_216
  await emit('x', new Uint8Array(limit - 4))
  await expect(emit('x', new Uint8Array(limit - 3))).rejects.toMatchObject({
    code: 'payload_too_large',
    message: expect.stringContaining('16777217 bytes;'),
  })
})

test('a job repeats bytes', async () => {
  bus = createTestBus()
  const received: unknown[] = []
  await listen('tick', ({ payload }) => received.push(payload))
  await startJob('tick', { everyMs: 1_000_000, immediate: true, payload: bytes(1) })
  await bus.settled()
  expect(received).toEqual([bytes(1)])
})
