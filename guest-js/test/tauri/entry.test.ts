import * as core from '@tauri-apps/api/event'
import { getCurrentWindow } from '@tauri-apps/api/window'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { emit, emitTo, listen, once, TauriEvent } from '../../src/tauri/index.js'
import { replaceEvents } from '../../src/tauri/replace.js'
import { endOfTask, settled } from '../realm.js'
import { FakeTauri } from './fake-core.js'

const COMPATIBLE = { core: true, values: true }

let tauri: FakeTauri
let reported: ReturnType<typeof vi.fn>

beforeEach(() => {
  tauri = new FakeTauri()
  reported = vi.fn()
  vi.stubGlobal('reportError', reported)
})

afterEach(() => {
  expect(tauri.host.broken).toEqual([])
  vi.unstubAllGlobals()
})

/** The entries of every command of that name that reached the host. */
function entriesOf(command: string): Record<string, unknown>[] {
  return tauri.host.sent
    .filter((sent) => sent.command === command)
    .flatMap(({ args }) => (args.subscriptions ?? args.events) as Record<string, unknown>[])
}

describe('the entry exports', () => {
  it('what @tauri-apps/api/event does', async () => {
    const entry = await import('../../src/tauri/index.js')
    expect(Object.keys(entry).sort()).toEqual(Object.keys(core).sort())
    expect(TauriEvent).toBe(core.TauriEvent)
  })
})

describe.each([null, COMPATIBLE])('with the mode %j', (mode) => {
  beforeEach(() => tauri.install(mode))

  it('an event has exactly the properties of Tauri', async () => {
    const received: unknown[] = []
    const unlisten = await listen('chat', (event) => received.push(event))
    tauri.host.emit('chat', { text: 'hello' })
    tauri.host.emit('chat')
    await settled()
    expect(received).toEqual([
      { event: 'chat', id: expect.any(Number), payload: { text: 'hello' } },
      { event: 'chat', id: expect.any(Number), payload: null },
    ])
    const [first, second] = received as [{ id: number }, { id: number }]
    expect(first.id).toBe(second.id)
    expect(first).not.toBe(second)
    await unlisten()
    tauri.host.emit('chat', 1)
    await settled()
    expect(received).toHaveLength(2)
  })

  it('emit resolves to nothing', async () => {
    expect(await emit('chat', 1)).toBeUndefined()
    expect(await emitTo('main', 'chat', 1)).toBeUndefined()
    expect(tauri.emitted).toEqual([])
  })

  it('names of Tauri stay with Tauri', async () => {
    const received: unknown[] = []
    const unlisten = await listen(TauriEvent.WINDOW_FOCUS, ({ payload }) => received.push(payload))
    await once('tauri://blur', ({ payload }) => received.push(payload))
    tauri.emit('tauri://focus', 1)
    tauri.emit('tauri://blur', 2)
    await emit('tauri://focus', 3)
    await emitTo('main', 'tauri://focus', 4)
    expect(received).toEqual([1, 2, 3, 4])
    await unlisten()
    await settled()
    expect(tauri.listeners.size).toBe(0)
    expect(tauri.host.sent).toEqual([])
  })

  it('a target of everyone is no target', async () => {
    await emitTo({ kind: 'Any' }, 'chat', 1)
    expect(entriesOf('emit')).toHaveLength(1)
    expect(entriesOf('emit_to')).toEqual([])
  })

  it.each([undefined, null])('emitTo does not send to everyone: %s', async (target) => {
    class Window {
      async emitTo(..._: unknown[]): Promise<void> {}
    }
    replaceEvents({ window: { Window: Window as never } })
    for (const send of [emitTo, new Window().emitTo]) {
      await expect(send(target as never, 'chat', 1)).rejects.toMatchObject({
        code: 'invalid_argument',
        message: expect.stringMatching(/^the target of "chat" is .*; expected a label or an EventTarget/),
      })
    }
    expect(tauri.host.sent).toEqual([])
  })

  it('once hears one event of a batch', async () => {
    const received: unknown[] = []
    await once('chat', ({ payload }) => received.push(payload))
    tauri.host.emit('chat', 1)
    tauri.host.emit('chat', 2)
    await settled()
    expect(received).toEqual([1])
    expect(tauri.listeners.size).toBe(0)
    expect(tauri.host.session?.subscriptions.size).toBe(0)
  })

  it('a handler that throws does not stop the next', async () => {
    const received: unknown[] = []
    await listen('chat', () => {
      throw new Error('broken')
    })
    await listen('chat', ({ payload }) => received.push(payload))
    tauri.host.emit('chat', 1)
    await settled()
    expect(received).toEqual([1])
    expect(reported).toHaveBeenCalledTimes(1)
  })

  it('a refusal of the bus is a rejection', async () => {
    tauri.host.refuseEntry = (command) =>
      command === 'subscribe' ? { code: 'denied', message: 'this page may not listen to it' } : undefined
    await expect(listen('chat', vi.fn())).rejects.toMatchObject({ code: 'denied' })
    await settled()
    expect(tauri.listeners.size).toBe(0)
    await endOfTask()
    expect(reported).not.toHaveBeenCalled()
  })
})

describe('in compatible mode', () => {
  beforeEach(() => tauri.install(COMPATIBLE))

  it('a listener hears what either system emits, once', async () => {
    const received: unknown[] = []
    const unlisten = await listen('store://change', (event) => received.push(event))
    tauri.emit('store://change', { key: 'a' })
    tauri.host.emit('store://change', { key: 'b' })
    await settled()
    expect(received).toEqual([
      { event: 'store://change', id: expect.any(Number), payload: { key: 'a' } },
      { event: 'store://change', id: expect.any(Number), payload: { key: 'b' } },
    ])
    await unlisten()
    expect(tauri.listeners.size).toBe(0)
    tauri.host.emit('store://change', 1)
    await settled()
    expect(received).toHaveLength(2)
  })

  it('a subscription is marked, and has its target', async () => {
    await listen('a', vi.fn())
    await listen('a', vi.fn(), { target: 'other' })
    await listen('a', vi.fn(), { target: { kind: 'Window', label: 'other' } })
    const targets = [{ kind: 'Any' }, { kind: 'AnyLabel', label: 'other' }, { kind: 'Window', label: 'other' }]
    expect(entriesOf('subscribe')).toMatchObject(targets.map((target) => ({ event: 'a', target, compatible: true })))
    expect([...tauri.listeners.values()].map(({ target }) => target)).toEqual(targets)
  })

  it('a renewed subscription is still marked', async () => {
    await listen('a', vi.fn())
    tauri.host.refuse = ({ command, args }) =>
      command === 'emit' && args.n !== 1 && tauri.host.opened === 1
        ? { code: 'stale_session', message: 'the session has ended' }
        : undefined
    await emit('b')
    await settled()
    expect(entriesOf('subscribe')).toMatchObject([{ compatible: true }, { compatible: true, resume: {} }])
  })

  it('what is emitted is marked, and has its target', async () => {
    await emit('a', 1)
    await emitTo('hub', 'a', 2)
    await emitTo({ kind: 'WebviewWindow', label: 'hub' }, 'a')
    expect(entriesOf('emit')).toEqual([{ event: 'a', payload: '1', compatible: true }])
    expect(entriesOf('emit_to')).toEqual([
      { event: 'a', payload: '2', to: { kind: 'AnyLabel', label: 'hub' }, compatible: true },
      { event: 'a', to: { kind: 'WebviewWindow', label: 'hub' }, compatible: true },
    ])
  })

  it('a refusal of core ends the other listener', async () => {
    tauri.refuse = (command) => (command === 'plugin:event|listen' ? 'event.listen not allowed' : undefined)
    await expect(listen('chat', vi.fn())).rejects.toBe('event.listen not allowed')
    await settled()
    expect(tauri.host.session?.subscriptions.size).toBe(0)
  })

  it('once counts an event before listen resolves', async () => {
    tauri.host.hold = ({ command }) => command === 'subscribe'
    const received: unknown[] = []
    const listening = once('log://log', ({ payload }) => received.push(payload))
    await settled()
    tauri.emit('log://log', 1)
    tauri.emit('log://log', 2)
    tauri.host.release()
    await listening
    await settled()
    expect(received).toEqual([1])
    expect(tauri.listeners.size).toBe(0)
    expect(tauri.host.session?.subscriptions.size).toBe(0)
  })

  it('parts can be off', async () => {
    tauri.install({ core: false, values: true })
    await emit('a', Number.NaN)
    const received: unknown[] = []
    const unlisten = await listen('a', ({ payload }) => received.push(payload))
    expect(entriesOf('emit')).toMatchObject([{ event: 'a', payload: 'null', compatible: true }])
    expect(entriesOf('subscribe')).toMatchObject([{ event: 'a', target: { kind: 'Any' }, compatible: true }])
    expect(tauri.listeners.size).toBe(0)
    tauri.host.emit('a', 1)
    await settled()
    await unlisten()
    tauri.host.emit('a', 2)
    await settled()
    expect(received).toEqual([1])
    tauri.install({ core: true, values: false })
    await expect(emit('a', Number.NaN)).rejects.toMatchObject({ code: 'invalid_payload' })
  })
})

describe('without compatible mode', () => {
  beforeEach(() => tauri.install(null))

  it('core has no listener, and nothing is marked', async () => {
    await listen('a', vi.fn())
    await emit('a', 1)
    expect(tauri.listeners.size).toBe(0)
    expect([...entriesOf('subscribe'), ...entriesOf('emit')]).toEqual([
      { id: expect.any(Number), event: 'a' },
      { event: 'a', payload: '1' },
    ])
  })

  it('the strict rules hold', async () => {
    await expect(emit('a', [Number.NaN])).rejects.toMatchObject({ code: 'invalid_payload' })
    await emit('a', new Set([1]))
    expect(entriesOf('emit')).toEqual([{ event: 'a', payload: '[1]' }])
  })
})

it('windows need the bundler plugin', async () => {
  tauri.install(COMPATIBLE)
  await getCurrentWindow().emit('a', 1)
  expect(tauri.emitted).toHaveLength(1)
})
