import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { HOST, openChannel, type PartChannel, requestStream } from '../../src/index.js'
import { createTestBus, type TestBus } from '../../src/testing/index.js'

let bus: TestBus

beforeEach(() => {
  bus = createTestBus()
})

afterEach(() => bus.dispose())

async function all(channel: PartChannel<unknown, unknown>): Promise<unknown[]> {
  const parts: unknown[] = []
  for await (const part of channel) parts.push(part)
  return parts
}

describe('channels of the test bus', () => {
  it('carry parts both ways, and end with the function', async () => {
    bus.acceptChannel<{ add: number }, number, number>('add', async ({ add }, channel, { caller }) => {
      expect(caller).toEqual({ kind: 'webview', label: 'main' })
      for await (const part of channel) await channel.send(part + add)
    })
    const channel = openChannel<number, number>(HOST, 'add', { add: 10 }, { credit: { parts: 2 } })
    const read = all(channel)
    for (let part = 0; part < 20; part += 1) await channel.send(part)
    channel.close()
    expect(await read).toEqual(Array.from({ length: 20 }, (_, part) => part + 10))
    expect(await channel.closed).toEqual({ code: 'completed' })
    await bus.settled()
  })

  it('wait for credit each way', async () => {
    let sent = 0
    let open = () => {}
    const gate = new Promise<void>((resolve) => {
      open = resolve
    })
    bus.acceptChannel<null, number, number>('both', async (_, channel) => {
      const flood = (async () => {
        for (; sent < 10; sent += 1) await channel.send(sent)
      })()
      await gate
      let sum = 0
      for await (const part of channel) sum += part
      await flood
      await channel.send(sum)
    })
    const channel = openChannel<number, number>(HOST, 'both', null, { credit: { parts: 4 } })
    const mine: number[] = []
    for (let part = 1; part <= 8; part += 1) channel.send(part).then(() => mine.push(part))
    channel.close()
    await bus.settled()
    expect([sent, mine.length]).toEqual([4, 4])
    open()
    expect(await all(channel)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 36])
    expect(mine.length).toBe(8)
  })

  it('close one half before the other', async () => {
    bus.acceptChannel<null, string, string>('half', async (_, channel) => {
      await channel.send('last')
      channel.close()
      await expect(channel.send('too late')).rejects.toMatchObject({ code: 'cancelled' })
      for await (const part of channel) if (part === 'end') return
    })
    const channel = openChannel<string, string>(HOST, 'half')
    expect(await all(channel)).toEqual(['last'])
    await channel.send('end')
    expect(await channel.closed).toEqual({ code: 'completed' })
  })

  it('say why they have ended', async () => {
    bus.acceptChannel('fail', () => {
      throw new RangeError('no more')
    })
    const failed = openChannel(HOST, 'fail')
    expect(await failed.closed).toMatchObject({ code: 'responder_failed' })
    expect(await openChannel(HOST, 'nothing').closed).toMatchObject({ code: 'no_responder' })
    expect(await openChannel('main', 'fail').closed).toMatchObject({ code: 'invalid_argument' })
    await expect(requestStream(HOST, 'fail').response()).rejects.toThrow('openChannel')
    let aborted = false
    bus.acceptChannel('hang', async (_, channel, { signal }) => {
      signal.addEventListener('abort', () => {
        aborted = true
      })
      for await (const _ of channel);
    })
    const stopped = openChannel(HOST, 'hang')
    await stopped.send(1)
    stopped.stop()
    await bus.settled()
    expect(aborted).toBe(true)
  })
})
