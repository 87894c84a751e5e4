import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { listen, startTask } from '../../src/index.js'
import { Budget } from '../../src/members/budget.js'
import { Rights } from '../../src/members/rights.js'
import { readEntry } from '../../src/members/values.js'
import { expose } from '../../src/worker.js'
import { Workers } from './member.js'

let workers: Workers
beforeEach(() => {
  workers = new Workers()
})
afterEach(async () => {
  await workers.end()
  vi.restoreAllMocks()
})

const denied = (message: string) => ({ code: 'denied', message: expect.stringContaining(message) })

describe('a narrowed worker', () => {
  it('does what the lists name, and nothing else', async () => {
    const lists = { listen: ['log:*'], emit: ['log:seen'], request: [], respond: ['ping'] }
    const { realm } = await workers.start({ name: 'logger', ...lists })
    const received = vi.fn()
    await realm.listen('log:*', received)
    await realm.listen('log:a*', received)
    await realm.listen('log:b', received)
    await realm.emit('log:seen', 1)
    await realm.respond('ping', () => 'pong')
    await vi.waitFor(() => expect(received).toHaveBeenCalledTimes(1))
    await expect(realm.listen('*', received).then()).rejects.toMatchObject(
      denied('worker:logger may not listen to "*"'),
    )
    await expect(realm.listen('lo*', received).then()).rejects.toMatchObject(denied('"lo*"'))
    await expect(realm.listen('cart', received).then()).rejects.toMatchObject(denied('"log:*"'))
    await expect(realm.emit('log:a')).rejects.toMatchObject(denied('may not emit "log:a"'))
    await expect(realm.emitTo('main', 'cart')).rejects.toMatchObject(denied('emit'))
    await expect(realm.startJob('cart', { everyMs: 1_000 })).rejects.toMatchObject(denied('emit'))
    await expect(realm.request('main', 'sum')).rejects.toMatchObject(denied('request "sum"'))
    await expect(realm.respond('pong', () => 1).then()).rejects.toMatchObject(denied('respond to "pong"'))
    await expect(realm.catalog()).rejects.toMatchObject(denied('catalog'))
    await expect(realm.pages()).rejects.toMatchObject(denied('pages'))
    await expect(realm.inspect()).rejects.toMatchObject(denied('inspect'))
    await expect(realm.clearRetained('log:*')).rejects.toMatchObject(denied('clear_retained'))
    expect(workers.bus.history().map(({ event }) => event)).toEqual(['log:seen'])
    expect(workers.reported).not.toHaveBeenCalled()
  })

  it('learns the bare outcomes of its events', async () => {
    const { realm } = await workers.start({ emit: ['save'] })
    workers.bus.page('editor').listen('save', () => {
      throw new Error('disk full')
    })
    workers.bus.listen('save', () => {
      throw new Error('no disk')
    })
    const { pages, listeners } = await realm.emitHandled('save')
    expect([pages, listeners]).toEqual([[{ outcome: 'failed' }], { outcome: 'failed' }])
    await expect(realm.emitHandled('other')).rejects.toMatchObject({ code: 'denied' })
  })

  it('may do what its page may without a list', async () => {
    const { realm } = await workers.start({ emit: [] })
    await realm.listen('*', vi.fn())
    await expect(realm.emit('a')).rejects.toMatchObject(denied('(nothing)'))
    const { realm: open } = await workers.start()
    await expect(open.catalog()).resolves.toMatchObject({ events: [] })
    await expect(open.clearRetained('a')).resolves.toBe(0)
  })

  it('uses the tasks that the list names', async () => {
    workers.bus.registerTask('export', () => 'done')
    workers.bus.registerTask('delete', () => 'gone')
    const { realm } = await workers.start({ name: 'exporter', task: ['export*'] })
    await expect(realm.startTask('export', null, { key: 'k' }).result).resolves.toBe('done')
    await startTask('delete', null, { key: 'k' }).result
    expect((await realm.listTasks()).map(({ name }) => name)).toEqual(['export'])
    const refused = denied('worker:exporter may not use the task "delete": its page allows what the list "task"')
    await expect(realm.startTask('delete').result).rejects.toMatchObject(refused)
    await expect(realm.attachTask('delete', 'k').result).rejects.toMatchObject(refused)
    await expect(realm.attachTask('delete', 'k').cancel()).rejects.toMatchObject(refused)
    await realm.emit('a')
    expect(workers.reported).not.toHaveBeenCalled()
  })

  it('needs valid lists and a name of its own', () => {
    const { port1 } = new MessageChannel()
    expect(() => expose(port1, { listen: ['a**'] })).toThrow(expect.objectContaining({ code: 'invalid_pattern' }))
    expect(() => expose(port1, { emit: ['a b'] })).toThrow(expect.objectContaining({ code: 'invalid_event_name' }))
    expect(() => expose(port1, { emit: 'a' as never })).toThrow(expect.objectContaining({ code: 'invalid_argument' }))
    for (const name of ['', 'a:b', 'a/b', 'x'.repeat(65)]) {
      expect(() => expose(port1, { name })).toThrow(expect.objectContaining({ code: 'invalid_argument' }))
    }
    workers.expose({ name: 'twice' })
    expect(() => expose(port1, { name: 'twice' })).toThrow(/exposed already/)
    port1.close()
  })
})

describe('rights', () => {
  const rights = new Rights('worker:x', { listen: ['log:*', '*:end', 'event-bus:job-*'], emit: ['*'] }, true)
  const may = (kind: 'listen' | 'emit', name: string) => {
    try {
      rights.check(kind, name)
      return true
    } catch {
      return false
    }
  }

  it('cover patterns that lie within an entry', () => {
    expect(
      ['log:*', 'log:a', 'log:[ab]?', 'log:a*b', '*:end', 'a:end', 'event-bus:job-failed'].every((name) =>
        may('listen', name),
      ),
    ).toBe(true)
    expect(['*', 'l*', '?og:a', 'a*:end', 'log', 'event-bus:*', '[l]og:*'].some((name) => may('listen', name))).toBe(
      false,
    )
  })

  it('leave events of the bus out of other patterns', () => {
    expect(may('emit', 'anything')).toBe(true)
    expect(may('emit', 'event-bus:x')).toBe(false)
    expect(new Rights('worker:x', { listen: ['*'] }, true).check.bind(null, 'listen', 'event-bus:*')).toThrow()
  })
})

describe('entries of a member', () => {
  it('are copied as far as the host can read them', () => {
    const bytes = [new Uint8Array([1])]
    const given = {
      event: 'a',
      payload: '[1]',
      bytes,
      to: ['a', { kind: 'Window', label: 'b' }],
      causes: ['x'],
      retain: true,
    }
    expect(readEntry({ ...given, compatible: true, lossy: 'x', expiresMs: undefined })).toEqual(given)
    expect(readEntry({ to: { kind: 'host', other: 1n } })).toEqual({ to: { kind: 'host' } })
  })

  const lone = 'a\ud800'
  const shared: unknown[] = []
  shared.push(shared, shared)
  it.each([
    ['a number', 1],
    ['a list', []],
    ['a BigInt', { everyMs: 1n }],
    ['a number that is none', { everyMs: Number.NaN }],
    ['an object', { retain: {} }],
    ['a cycle', { to: shared }],
    ['too many labels', { to: Array.from({ length: 65 }, () => 'a') }],
    ['half a pair in a name', { event: lone }],
    ['half a pair in a label', { to: lone }],
    ['half a pair in a list', { to: ['a', { kind: 'Window', label: lone }] }],
    ['half a pair in a payload', { payload: `"${lone}"` }],
    ['half a pair in a cause', { causes: [lone] }],
    ['half a pair in a key', { [lone]: 1 }],
    ['bytes that are none', { bytes: [{ size: 4 }] }],
    ['a payload that is no text', { payload: { a: 1 } }],
  ])('are refused with %s', (_, given) => {
    expect(() => readEntry(given)).toThrow(expect.objectContaining({ name: 'EventBusError' }))
  })
})

describe('a budget', () => {
  it('allows a burst, and then an amount in a second', () => {
    const now = vi.spyOn(performance, 'now').mockReturnValue(0)
    const budget = new Budget('frame:x', 10)
    for (let i = 0; i < 20; i += 1) budget.take(0)
    expect(() => budget.take(0)).toThrow(expect.objectContaining({ code: 'rate_limited', retryAfterMs: 100 }))
    now.mockReturnValue(100)
    budget.take(0)
    expect(() => budget.take(0)).toThrow()
  })

  it('limits the payloads, and lets a large one through', () => {
    const now = vi.spyOn(performance, 'now').mockReturnValue(0)
    const budget = new Budget('frame:x', 1_000)
    budget.take(1_000_000)
    expect(() => budget.take(5_000_000)).toThrow(expect.objectContaining({ code: 'rate_limited' }))
    now.mockReturnValue(2_000)
    budget.take(5_000_000)
    expect(() => budget.take(1)).toThrow()
  })
})

describe('an event for a narrowed worker', () => {
  it('is what its page may listen to', async () => {
    const { realm } = await workers.start({ listen: ['a'] })
    workers.bus.refuse('a', { command: 'listen' })
    await expect(realm.listen('a', vi.fn()).then()).rejects.toMatchObject({ code: 'denied' })
    await listen('b', vi.fn())
  })
})
