import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { LocalPage } from './page.js'
import { INBOX, isolated } from './page.js'

setFlagsFromString('--expose-gc')
const collect: () => void = runInNewContext('gc')

const PIECE = 1 << 18
const PIECES = 64

/** How many bytes of buffers are in use. */
function held(): number {
  collect()
  return process.memoryUsage().arrayBuffers
}

let page: LocalPage
beforeEach(async () => {
  Reflect.deleteProperty(globalThis, INBOX)
  page = await isolated()
  page.createLocalBus({ retain: ['kept'] })
})
afterEach(() => page.end())

it('keeps no bytes of what it has passed on', async () => {
  let received = 0
  await page.listen<Uint8Array>('image', ({ payload }) => {
    received += payload.length
  })
  await page.respondStream('images', async function* () {
    for (let sent = 0; sent < PIECES; sent += 1) yield new Uint8Array(PIECE)
  })
  await page.respond('copy', (image: Uint8Array) => new Uint8Array(image.length))
  const before = held()
  for (let sent = 0; sent < PIECES; sent += 1) {
    await page.emit('image', new Uint8Array(PIECE))
    await page.emit('kept', new Uint8Array(PIECE))
    const copy = await page.request<Uint8Array>('main', 'copy', new Uint8Array(PIECE))
    received += copy.length
  }
  for await (const part of page.requestStream<Uint8Array>('main', 'images')) received += part.length
  await vi.waitFor(() => expect(received).toBe(3 * PIECES * PIECE))
  // The newest retained event is there, and a batch that is not acknowledged yet may be.
  await vi.waitFor(() => expect(held() - before).toBeLessThan((PIECES / 4) * PIECE))
})
