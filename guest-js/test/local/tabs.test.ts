import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { INBOX, isolated, type LocalPage } from './page.js'

/** What the clock of all pages shows. */
let time = 0
class Clock extends Date {
  static override now = () => time
}

const pages: LocalPage[] = []
let channel = 0

/** Opens a tab of the channel of this test. */
async function open(label: string): Promise<LocalPage> {
  const page = await isolated({ Date: Clock })
  pages.push(page)
  page.createLocalBus({ label, channel: `test-${channel}`, retain: ['theme'] })
  // Answers, so that others know when it has taken what came before.
  await page.listen('ping', () => void page.emit('pong', label))
  return page
}

/** Waits until each of these tabs has taken what this one has sent, and this one what they have sent before. */
async function meet(page: LocalPage, ...others: string[]): Promise<void> {
  const heard = new Set<string>()
  const off = await page.listen<string>('pong', ({ payload }) => heard.add(payload))
  await page.emit('ping')
  await vi.waitFor(() => expect([...heard]).toEqual(expect.arrayContaining(others)))
  off()
}

/** What a new subscription of a tab receives of a name. */
async function retainedOf(page: LocalPage, name = 'theme'): Promise<unknown[]> {
  const received: unknown[] = []
  const off = await page.listen(name, ({ payload }) => received.push(payload))
  const end = vi.fn()
  await page.listen('end', end)
  await page.emit('end')
  await vi.waitFor(() => expect(end).toHaveBeenCalled())
  off()
  return received
}

beforeEach(() => {
  Reflect.deleteProperty(globalThis, INBOX)
  channel += 1
  time = Date.now()
})
afterEach(() => {
  for (const page of pages.splice(0)) page.end()
})

describe('what tabs retain', () => {
  it('is cleared in all of them', async () => {
    const [one, two] = [await open('one'), await open('two')]
    await one.emit('theme', 'dark')
    await one.emit('theme', 'light', { retain: true })
    await meet(one, 'two')
    expect(await retainedOf(two)).toEqual(['light'])
    expect(await two.clearRetained('th*')).toBe(1)
    await meet(two, 'one')
    expect(await retainedOf(one)).toEqual([])
    const three = await open('three')
    await meet(three, 'one', 'two')
    expect(await retainedOf(three)).toEqual([])
    await three.emit('theme', 'blue')
    await meet(three, 'one')
    expect(await retainedOf(one)).toEqual(['blue'])
  })

  it('is the same where one clears what another emits', async () => {
    const [one, two] = [await open('one'), await open('two')]
    const live = vi.fn()
    await two.listen('theme', live)
    await Promise.all([one.emit('theme', 'dark'), two.clearRetained('theme')])
    await vi.waitFor(() => expect(live).toHaveBeenCalled())
    await meet(two, 'one')
    for (const page of [one, two]) expect(await retainedOf(page)).toEqual([])
  })

  it('expires in all of them', async () => {
    const [one, two] = [await open('one'), await open('two')]
    await one.emit('theme', 'dark', { expiresMs: 500 })
    await meet(one, 'two')
    time += 499
    expect(await retainedOf(two)).toEqual(['dark'])
    const three = await open('three')
    await meet(three, 'one', 'two')
    time += 1
    const four = await open('four')
    await meet(four, 'one', 'two', 'three')
    for (const page of [one, two, three, four]) expect(await retainedOf(page)).toEqual([])
  })

  it('is the same where two emit at once', async () => {
    const [one, two] = [await open('one'), await open('two')]
    const seen: unknown[] = []
    for (const page of [one, two]) await page.listen('theme', ({ payload }) => seen.push(payload))
    await Promise.all([one.emit('theme', 'dark'), two.emit('theme', 'light')])
    await vi.waitFor(() => expect(seen).toHaveLength(4))
    expect(seen.sort()).toEqual(['dark', 'dark', 'light', 'light'])
    const three = await open('three')
    await meet(three, 'one', 'two')
    const [kept] = await retainedOf(one)
    for (const page of [one, two, three]) expect(await retainedOf(page)).toEqual([kept])
  })

  it('is the last one also within a millisecond', async () => {
    const [one, two] = [await open('one'), await open('two')]
    for (let round = 0; round < 8; round += 1) {
      const [from, to] = round % 2 ? [two, one] : [one, two]
      await from.emit('theme', round)
      await meet(from, round % 2 ? 'one' : 'two')
      expect(await retainedOf(from)).toEqual([round])
      expect(await retainedOf(to)).toEqual([round])
    }
  })
})

describe('an event of another tab', () => {
  /** A tab that a test plays. */
  function played(label: string) {
    const sent = new BroadcastChannel(`tauri-plugin-event-bus:test-${channel}`)
    let seq = 0
    return {
      emit(payload: unknown, timestamp: number, isCopy?: boolean): void {
        seq += 1
        const event = { event: 'theme', payload, seq, timestamp, retain: true, extras: {} }
        sent.postMessage({ kind: 'event', label, tab: label, event, isCopy })
      },
      clear: (at: number) => sent.postMessage({ kind: 'cleared', event: 'th*', at }),
      close: () => sent.close(),
    }
  }

  it('is retained if it is newer than the last clearing', async () => {
    const page = await open('one')
    const seen: unknown[] = []
    await page.listen('theme', ({ payload }) => seen.push(payload))
    const other = played('other')
    other.emit('kept', time + 2)
    other.clear(time + 1)
    other.emit('still kept', time + 3)
    await vi.waitFor(() => expect(seen).toContain('still kept'))
    other.clear(time + 2)
    other.emit('older', time + 1)
    await vi.waitFor(() => expect(seen).toContain('older'))
    expect(await retainedOf(page)).toEqual(['still kept'])
    other.clear(time + 5)
    other.emit('live', time + 5)
    other.emit('copy', time + 4, true)
    other.emit('end', time + 4)
    await vi.waitFor(() => expect(seen).toContain('end'))
    expect(await retainedOf(page)).toEqual([])
    other.close()
    expect(seen).toEqual(['kept', 'still kept', 'older', 'live', 'end'])
    // What it emits now is newer.
    await page.emit('theme', 'own')
    const three = await open('three')
    await meet(three, 'one')
    expect(await retainedOf(three)).toEqual(['own'])
  })

  it('is received where a newer one is retained', async () => {
    const page = await open('one')
    const seen: unknown[] = []
    await page.listen('theme', ({ payload, retained }) => seen.push([payload, retained]))
    const other = played('other')
    other.emit('newer', time + 2)
    other.emit('older', time + 1)
    other.emit('copy', time, true)
    other.emit('last', time + 3)
    await vi.waitFor(() => expect(seen).toContainEqual(['last', false]))
    other.close()
    expect(seen).toEqual([
      ['newer', false],
      ['older', false],
      ['last', false],
    ])
  })

  it('is no sign of that tab once another keeps it', async () => {
    const [one, two] = [await open('one'), await open('two')]
    await two.emit('theme', 'dark')
    await meet(two, 'one')
    two.end()
    await vi.waitFor(() => expect(one.emitTo('two', 'a')).rejects.toMatchObject({ code: 'unknown_target' }))
    const three = await open('three')
    await meet(three, 'one')
    expect(await retainedOf(three)).toEqual(['dark'])
    await expect(three.emitTo('two', 'a')).rejects.toMatchObject({ code: 'unknown_target' })
  })
})
