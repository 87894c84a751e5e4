import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Gap } from '../../src/index.js'
import { INBOX, isolated, type LocalPage } from './page.js'

/** What the clock of all pages shows, but for those that are ahead: they take events late. */
let time = 0
const ahead = new Map<string, number>()

const pages: LocalPage[] = []
let channel = 0

/** Opens a tab of the channel of this test. */
async function open(label: string): Promise<LocalPage> {
  class Clock extends Date {
    static override now = () => time + (ahead.get(label) ?? 0)
  }
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
  ahead.clear()
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

  it('replaces an older one also where it has expired', async () => {
    const [one, two] = [await open('one'), await open('two')]
    const seen: unknown[] = []
    const gaps: Gap[] = []
    await one.listen('theme', ({ payload }) => seen.push(payload))
    const onGap = (gap: Gap) => gaps.push(gap)
    await two.listen('theme', ({ payload }) => seen.push(payload), { onGap })
    await one.emit('theme', 'dark')
    await meet(one, 'two')
    ahead.set('two', 500)
    await one.emit('theme', 'light', { expiresMs: 500 })
    await meet(one, 'two')
    expect(gaps).toEqual([expect.objectContaining({ count: 1, reason: 'expired' })])
    expect(await retainedOf(two)).toEqual([])
    time += 500
    const three = await open('three')
    await three.listen('theme', ({ payload }) => seen.push(payload), { onGap })
    await meet(three, 'one', 'two')
    for (const page of [one, two, three]) expect(await retainedOf(page)).toEqual([])
    expect(seen).toEqual(['dark', 'dark', 'light'])
    // What a new tab never was to receive is no loss.
    expect(gaps).toHaveLength(1)
  })

  it('was there before a tab also within a millisecond', async () => {
    const one = await open('one')
    for (const payload of [1, 2, 3, 4]) await one.emit('theme', payload)
    time += 1
    const two = await open('two')
    const seen: unknown[] = []
    await two.listen('theme', ({ payload, retained }) => seen.push([payload, retained]))
    await meet(two, 'one')
    expect(seen).toEqual([[4, true]])
  })

  it('stays where it is for a webview or the host', async () => {
    const [one, two] = [await open('one'), await open('two')]
    await meet(two, 'one')
    await one.emit('theme', 'dark')
    await one.emitTo('two', 'theme', 'own', { retain: true })
    await meet(one, 'two')
    expect(await one.clearRetained('*')).toBe(1)
    await meet(one, 'two')
    expect(await retainedOf(two)).toEqual(['own'])
    expect(await two.clearRetained('theme')).toBe(0)
    two.end()
    const again = await open('two')
    await meet(again, 'one')
    expect(await retainedOf(again)).toEqual(['own'])
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
    const own = new BroadcastChannel(`tauri-plugin-event-bus:test-${channel}`)
    // biome-ignore lint/suspicious/noExplicitAny: What tabs tell each other has no type outside.
    const heard: any[] = []
    own.onmessage = ({ data }) => heard.push(data)
    let seq = 0
    /** What the tab "one" tells one that opens. */
    async function toldTo(newcomer: string) {
      heard.length = 0
      await meet(await open(newcomer), 'one')
      const isAnswer = { kind: 'event', label: 'one', event: expect.objectContaining({ event: 'pong' }) }
      await vi.waitFor(() => expect(heard).toContainEqual(expect.objectContaining(isAnswer)))
      return heard
    }
    return {
      emit(payload: unknown, timestamp: number, isCopy?: boolean, others = {}): void {
        seq += 1
        const event = { event: 'theme', payload, seq, timestamp, retain: true, extras: {}, ...others }
        own.postMessage({ kind: 'event', label, tab: label, event, isCopy })
      },
      clear: (at: number, event = 'th*') => own.postMessage({ kind: 'cleared', event, at }),
      toldTo,
      async clearingsToldTo(newcomer: string) {
        const told = await toldTo(newcomer)
        return told.flatMap(({ kind, event, at }) => (kind === 'cleared' ? [[event, at]] : []))
      },
      close: () => own.close(),
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

  it('is compared with the newest 1,000 clearings', async () => {
    const page = await open('one')
    const seen: unknown[] = []
    await page.listen('theme', ({ payload }) => seen.push(payload))
    const other = played('other')
    for (let index = 1_001; index >= 1; index -= 1) other.clear(time + index, `name-${index}`)
    other.emit('older', time + 1, true)
    other.emit('newer', time + 2, true)
    other.emit('live', time + 1)
    await vi.waitFor(() => expect(seen).toContain('live'))
    expect(seen).toEqual(['newer', 'live'])
    const told = await other.clearingsToldTo('three')
    expect(told).toHaveLength(1_000)
    expect(told).not.toContainEqual(['name-1', time + 1])
    other.close()
  })

  it('is not compared with what a later clearing covers', async () => {
    await open('one')
    const other = played('other')
    other.clear(time + 1, 'theme')
    other.clear(time + 2, 'th*')
    other.clear(time + 1, 'th*')
    other.clear(time + 2, 'theme')
    other.clear(time + 3, 'this')
    other.clear(time + 1, 'other')
    expect(await other.clearingsToldTo('three')).toEqual([
      ['th*', time + 2],
      ['this', time + 3],
      ['other', time + 1],
    ])
    other.close()
  })

  it('marks the order of at most 1,000 expired ones', async () => {
    await open('one')
    const other = played('other')
    for (let index = 0; index <= 1_000; index += 1)
      other.emit(index, time, false, { event: `name-${index}`, expiresAt: time })
    const told = await other.toldTo('three')
    const copies = told.flatMap(({ kind, isCopy, event }) => (kind === 'event' && isCopy ? [event.payload] : []))
    expect(copies).toHaveLength(1_000)
    expect(copies).not.toContain(0)
    other.close()
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
