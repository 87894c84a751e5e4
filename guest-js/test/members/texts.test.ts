import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Batch, Cut, Run } from '../../src/core/batch.js'
import type { Inbox } from '../../src/core/contract.js'
import { existingInbox } from '../../src/core/realm.js'
import { listen } from '../../src/index.js'
import { type ExposeOptions, expose } from '../../src/worker.js'
import { batchOf } from '../batches.js'
import { endOfTask, freshRealm, settled } from '../realm.js'
import { dedicatedWorker } from './member.js'

/** What is posted to a worker itself. */
type Posted = { message?: { texts?: [number, string][] } }

let realm: ReturnType<typeof freshRealm>
const ends: (() => void)[] = []
beforeEach(() => {
  realm = freshRealm()
  vi.stubGlobal('addEventListener', () => {})
})
afterEach(async () => {
  for (const end of ends.splice(0)) end()
  await endOfTask()
  expect(realm.host.broken).toEqual([])
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})

const inbox = () => existingInbox() as Inbox

/** Writes a batch as the host writes it for a page that passes events on. */
function textOf(batch: Batch): string {
  const { items, ...rest } = batch
  const cuts: Cut[] = []
  let text = '{"items":['
  for (const item of items) {
    if (!text.endsWith('[')) text += ','
    const json = JSON.stringify(item)
    if (Array.isArray(item) && item.length % 2 === 0) {
      const run = item as Run
      const span = run.reduce((sum: number, one, place) => (place > 1 && place % 2 === 0 ? sum + Number(one) : sum), 0)
      cuts.push([text.length, json.length, run[0], (run.length - 2) / 2, run[1], span])
    }
    text += json
  }
  return `${text}],${JSON.stringify({ ...rest, cuts }).slice(1)}`
}

const row = (index: number, event: string, ids: number | number[], payload: unknown = index, extras?: object) => [
  index,
  index,
  index,
  event,
  0,
  ids,
  payload,
  ...(extras ? [extras] : []),
]
const call = (...rows: unknown[]) => inbox().receive(textOf(batchOf(rows)))

/** A worker, and what is posted to it. */
async function start(options: ExposeOptions = {}) {
  const { realm: inWorker, posted, worker } = await dedicatedWorker()
  const exposed = expose(worker, options)
  await inWorker.connect()
  ends.push(() => exposed.stop())
  const texts = () => posted.mock.calls.flatMap(([message]) => (message as Posted).message?.texts ?? [])
  return { worker: inWorker, posted, texts }
}

/** Lets the host call the page from now on. */
async function handOver() {
  await settled()
  const { session } = realm.host
  session?.pull?.resolve({ ...batchOf([]), call: true })
  if (session) session.pull = null
  await settled()
}

describe('events of a worker', () => {
  it('reach it as text, which its page does not read', async () => {
    const { worker, texts } = await start()
    const handler = vi.fn()
    await worker.listen('a', ({ payload, seq, timestamp }) => handler(payload, seq, timestamp))
    const subscribed = realm.host.commands('subscribe')[0]?.args.subscriptions
    expect(subscribed).toMatchObject([{ event: 'a', pass: true }])
    await handOver()
    // The first one shows that its subscription has begun.
    expect(await call(row(1, 'a', 1))).toBe(`${inbox().session}:1`)
    const parse = vi.spyOn(JSON, 'parse')
    const reply = call(row(2, 'a', 1, 'zwölf 🎈'), row(3, 'a', 1, { deep: ['"],"heads":['] }), row(4, 'a', 1))
    const read = parse.mock.calls.map(([text]) => text)
    expect(read.some((text) => text.includes('zwölf'))).toBe(false)
    expect(await reply).toBe(`${inbox().session}:4`)
    await vi.waitFor(() => expect(handler).toHaveBeenCalledTimes(4))
    expect(handler.mock.calls).toEqual([
      [1, 1, 1],
      ['zwölf 🎈', 2, 2],
      [{ deep: ['"],"heads":['] }, 3, 3],
      [4, 4, 4],
    ])
    expect(texts()).toHaveLength(1)
  })

  it('reach it before its page may run handlers', async () => {
    const { worker, posted } = await start()
    await worker.listen('a', () => {})
    await handOver()
    await call(row(1, 'a', 1))
    posted.mockClear()
    const inPage = vi.fn()
    await listen('b', inPage)
    void call(row(2, 'a', 1), row(3, 'b', 2))
    await null
    await null
    expect(posted).toHaveBeenCalledTimes(1)
    expect(inPage).not.toHaveBeenCalled()
    await vi.waitFor(() => expect(inPage).toHaveBeenCalledTimes(1))
  })

  it('are cut out of those of the page', async () => {
    const { worker, posted, texts } = await start({ listen: ['a'] })
    const there = vi.fn()
    const here = vi.fn()
    await worker.listen('a', ({ payload, seq, timestamp }) => there(payload, seq, timestamp))
    await listen('secret', ({ payload, seq, timestamp }) => here(payload, seq, timestamp))
    await handOver()
    await call(row(1, 'a', 1), row(2, 'secret', 2, 'hidden'))
    await call(
      row(3, 'secret', 2, 'hidden'),
      row(4, 'a', 1),
      row(5, 'a', 1),
      row(6, 'secret', 2, 'hidden'),
      row(8, 'a', 1),
      row(9, 'secret', 2, 'hidden', { tick: { job: 'j', count: 1, scheduledAt: 1, missed: 0 } }),
      row(10, 'a', 1),
    )
    await vi.waitFor(() => expect(there).toHaveBeenCalledTimes(5))
    expect(there.mock.calls).toEqual([1, 4, 5, 8, 10].map((seq) => [seq, seq, seq]))
    expect(here.mock.calls).toEqual([2, 3, 6, 9].map((seq) => ['hidden', seq, seq]))
    expect(texts().map(([, text]) => JSON.parse(text).length)).toEqual([6, 4, 4])
    expect(JSON.stringify(posted.mock.calls)).not.toMatch(/hidden|secret/)
  })

  it('are read by both where its page has them, too', async () => {
    const { worker, texts } = await start()
    const there = vi.fn()
    const here = vi.fn()
    const newest = vi.fn()
    await worker.listen('a', ({ payload }) => there(payload))
    await listen('a', ({ payload }) => here(payload))
    await worker.listen('*', ({ payload }) => newest(payload))
    await handOver()
    await call(row(1, 'a', [1, 2, 3]))
    await call(row(2, 'a', [1, 2, 3]), row(3, 'a', [1, 2, 3]))
    await vi.waitFor(() => expect(newest).toHaveBeenCalledTimes(3))
    for (const handler of [there, here, newest]) expect(handler.mock.calls).toEqual([[1], [2], [3]])
    expect(texts()).toHaveLength(1)
  })

  it('are passed on once if the host brings them again', async () => {
    const { worker } = await start()
    const handler = vi.fn()
    await worker.listen('a', ({ payload }) => handler(payload))
    await handOver()
    const { session } = inbox()
    await call(row(1, 'a', 1))
    await call(row(2, 'a', 1), row(3, 'a', 1))
    expect(await call(row(2, 'a', 1), row(3, 'a', 1))).toBe(`${session}:3`)
    expect(await call(row(3, 'a', 1), row(4, 'a', 1), row(5, 'a', 1))).toBe(`${session}:5`)
    await vi.waitFor(() => expect(handler).toHaveBeenCalledTimes(5))
    expect(handler.mock.calls).toEqual([[1], [2], [3], [4], [5]])
  })

  it('keep their order with what is no run', async () => {
    const { worker } = await start()
    const received: unknown[] = []
    await worker.listen('a', ({ payload }) => received.push(payload), {
      onGap: ({ count }: { count: number }) => received.push({ count }),
    })
    await handOver()
    await call(row(1, 'a', 1))
    const gap = { index: 3, from: 3, to: 4, count: 2, atMost: false, reason: 'queue_full', subscriptions: [1] }
    const cause = { causes: ['z'] }
    const rows = [row(2, 'a', 1), gap, [4, 5, 5, 'a', 0, 1, 5], [5, 6, 6, 'a', 0, 1, 6, cause], [6, 7, 7, 'a', 0, 1, 7]]
    await call(...rows)
    await vi.waitFor(() => expect(received).toHaveLength(6))
    expect(received).toEqual([1, 2, { count: 2 }, 5, 6, 7])
  })

  it('reach it as text where its page pulls, too', async () => {
    const { worker, texts } = await start()
    const there = vi.fn()
    await worker.listen('a', ({ payload }) => there(payload))
    await settled()
    const pull = async (...rows: unknown[]) => {
      const text = new TextEncoder().encode(`[${textOf(batchOf(rows))},[]]`)
      const frame = new Uint8Array(4 + text.length)
      new DataView(frame.buffer).setUint32(0, text.length, true)
      frame.set(text, 4)
      const { session } = realm.host
      const waiting = session?.pull
      const last = (rows.slice(-1)[0] as number[])[0] as number
      if (session) Object.assign(session, { pull: null, given: last, index: last })
      waiting?.resolve(frame.buffer)
      await vi.waitFor(() => expect(realm.host.session?.pull?.args.ack).toBe(last))
    }
    await pull(row(1, 'a', 1))
    await pull(row(2, 'a', 1, 'ü'), row(3, 'a', 1))
    await vi.waitFor(() => expect(there).toHaveBeenCalledTimes(3))
    expect(there.mock.calls).toEqual([[1], ['ü'], [3]])
    expect(texts()).toHaveLength(1)
  })

  it('go to each of two workers', async () => {
    const [one, other] = [await start(), await start()]
    const handlers = [vi.fn(), vi.fn()]
    await one.worker.listen('a', ({ payload }) => handlers[0]?.(payload))
    await other.worker.listen('a', ({ payload }) => handlers[1]?.(payload))
    await handOver()
    await call(row(1, 'a', [1, 2]))
    await call(row(2, 'a', [1, 2]), row(3, 'a', 2))
    await vi.waitFor(() => expect(handlers[1]).toHaveBeenCalledTimes(3))
    await vi.waitFor(() => expect(handlers[0]).toHaveBeenCalledTimes(2))
    expect(one.texts()).toHaveLength(1)
    expect(other.texts()).toHaveLength(2)
  })
})
