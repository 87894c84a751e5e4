import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { deferReady, listen, pages, ready, unlisten, waitUntilReady } from '../../src/index.js'
import { createTestBus } from '../../src/testing/index.js'
import { endOfTask, freshRealm, settled } from '../realm.js'

const main = { label: 'main', window: 'main', state: 'ready', since: 7 }

describe('a page that waits for another one', () => {
  let realm: ReturnType<typeof freshRealm>
  beforeEach(() => {
    realm = freshRealm()
  })
  afterEach(async () => {
    vi.useRealTimers()
    await settled()
    await endOfTask()
    // Nothing is left of a wait that is over.
    expect(realm.host.session?.subscriptions.size ?? 0).toBe(0)
    expect(realm.host.broken).toEqual([])
    expect(realm.reported).not.toHaveBeenCalled()
    vi.unstubAllGlobals()
    vi.restoreAllMocks()
  })

  it('goes on at once where that is ready', async () => {
    realm.host.pages = [{ ...main, label: 'other' }, main]
    await waitUntilReady('main')
    // It looks only once it would be told.
    const order = realm.host.commands('subscribe', 'pages').map(({ command }) => command)
    expect(order).toEqual(['subscribe', 'pages'])
    expect(realm.host.commands('pages')[0]?.args).toEqual({ label: 'main' })
  })

  it('is told when that becomes ready', async () => {
    realm.host.pages = [{ ...main, state: 'away' }]
    const waiting = waitUntilReady('main', { timeoutMs: 1_000 })
    await settled()
    realm.host.emit('event-bus:page-ready', { label: 'other', window: 'other' })
    realm.host.emit('event-bus:page-ready', { label: 'main', window: 'main' })
    await waiting
  })

  it('is told when that is closed', async () => {
    const waiting = waitUntilReady('main')
    await settled()
    realm.host.emit('event-bus:page-closed', { label: 'main', window: 'main', reason: 'crashed' })
    await expect(waiting).rejects.toMatchObject({
      code: 'page_gone',
      message: 'the page "main" was closed (crashed) before it was ready',
    })
  })

  it('looks again where something was lost', async () => {
    realm.host.pages = [{ ...main, state: 'away' }]
    const waiting = waitUntilReady('main')
    await settled()
    realm.host.pages = [main]
    realm.host.push({ from: 1, to: 9, count: 9, atMost: true, reason: 'queue_full', subscriptions: [1] })
    await waiting
  })

  it.each(['event-bus:page-ready', 'event-bus:page-closed'] as const)('ends with unlisten("%s")', async (event) => {
    const waiting = waitUntilReady('main')
    await settled()
    unlisten(event)
    await expect(waiting).rejects.toMatchObject({
      code: 'cancelled',
      message: `unlisten("${event}") ended the wait for the page "main"`,
    })
  })

  it('waits no longer than it is told to', async () => {
    vi.useFakeTimers()
    const waiting = waitUntilReady('main', { timeoutMs: 50 })
    const failed = expect(waiting).rejects.toMatchObject({ code: 'timeout' })
    await vi.advanceTimersByTimeAsync(50)
    await failed
  })

  it('stops with its signal', async () => {
    const stop = new AbortController()
    const waiting = waitUntilReady('main', { signal: stop.signal })
    await settled()
    stop.abort('enough')
    await expect(waiting).rejects.toBe('enough')
    await expect(waitUntilReady('main', { signal: stop.signal })).rejects.toBe('enough')
  })

  it('learns that it may not know of that', async () => {
    realm.host.refuse = ({ command }) => (command === 'pages' ? { code: 'denied', message: 'no' } : undefined)
    await expect(waitUntilReady('main')).rejects.toMatchObject({ code: 'denied' })
  })

  it.each([0, -1, Number.NaN, 86_400_001])('does not wait for %s ms', async (timeoutMs) => {
    await expect(waitUntilReady('main', { timeoutMs })).rejects.toMatchObject({ code: 'invalid_argument' })
  })

  it('names it by its label', async () => {
    await expect(waitUntilReady(7 as never)).rejects.toMatchObject({
      code: 'invalid_argument',
      message: 'the label of a page must be a string, not 7',
    })
  })

  it('lists what the host knows', async () => {
    realm.host.pages = [main]
    expect(await pages()).toEqual([main])
  })

  it('says that it is not ready', async () => {
    const said = deferReady()
    const off = listen('x', () => {})
    await Promise.all([said, off, ready()])
    const sent = realm.host.commands('page', 'subscribe').map(({ command, args }) => args.ready ?? command)
    expect(sent).toEqual([false, 'subscribe', true])
    off()
  })
})

describe('what a page has said of itself', () => {
  it.each([
    ['deferred', deferReady, false],
    ['ready', ready, true],
  ] as const)('is said again in a new session: %s', async (_, say, isReady) => {
    const { host } = freshRealm()
    const off = listen('x', () => {})
    await Promise.all([say(), off])
    host.endSession()
    await settled()
    // Before its subscriptions, which would make it ready.
    const sent = host.commands('page', 'subscribe').map(({ command, args }) => args.ready ?? command)
    expect(sent.slice(-2)).toEqual([isReady, 'subscribe'])
    off()
    await settled()
    vi.unstubAllGlobals()
  })

  const [accepted, refused] = [true, false]
  it.each([
    [
      'the later one',
      [
        [deferReady, refused],
        [ready, accepted],
      ],
      [true],
    ],
    [
      'the first one',
      [
        [ready, accepted],
        [deferReady, refused],
        [deferReady, refused],
      ],
      [true],
    ],
    [
      'none',
      [
        [deferReady, refused],
        [deferReady, refused],
      ],
      [],
    ],
  ] as const)('is said again as the host accepted it: %s', async (_, said, kept) => {
    const { host } = freshRealm()
    const replies = said.map(([, isAccepted]) => (isAccepted ? undefined : { code: 'denied', message: 'no' }))
    host.refuse = ({ command }) => (command === 'page' ? replies.shift() : undefined)
    const off = listen('x', () => {})
    await Promise.allSettled([...said.map(([say]) => say()), off])
    host.endSession()
    await settled()
    const again = host.commands('page').slice(said.length)
    expect(again.map(({ args }) => args.ready)).toEqual(kept)
    off()
    await settled()
    vi.unstubAllGlobals()
  })

  it('is not said again where the host refused it', async () => {
    const { host } = freshRealm()
    host.refuse = ({ command }) => (command === 'page' ? { code: 'denied', message: 'no' } : undefined)
    const off = listen('x', () => {})
    await expect(ready()).rejects.toMatchObject({ code: 'denied' })
    host.endSession()
    await settled()
    expect(host.commands('page')).toHaveLength(1)
    off()
    await settled()
    vi.unstubAllGlobals()
  })
})

it('knows of the pages that a test plays', async () => {
  const bus = createTestBus()
  const waiting = waitUntilReady('editor', { timeoutMs: 1_000 })
  await bus.settled()
  bus.page('editor')
  await waiting
  expect((await pages()).map(({ label }) => label)).toEqual(['main', 'editor'])
  expect(bus.history()).toEqual([])
  await deferReady()
  bus.dispose()
})
