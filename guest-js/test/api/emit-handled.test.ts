import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { component, emitHandled, listen, namespace } from '../../src/index.js'
import { STALE } from '../fake-host.js'
import { freshRealm, settled } from '../realm.js'

let realm: ReturnType<typeof freshRealm>
beforeEach(() => {
  realm = freshRealm()
})
afterEach(async () => {
  await settled()
  expect(realm.host.broken).toEqual([])
  expect(realm.reported).not.toHaveBeenCalled()
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})

const entries = () =>
  realm.host
    .commands('emit', 'emit_to')
    .flatMap(({ command, args }) => (args.events as object[]).map((entry) => ({ command, ...entry })))

it('waits for what the host tells, and keeps its pull', async () => {
  const handled = emitHandled('saved', { n: 1 }, { timeoutMs: 500 })
  await settled()
  expect(entries()).toEqual([
    { command: 'emit', event: 'saved', payload: '{"n":1}', outcome: { id: 1, timeoutMs: 500 } },
  ])
  expect(realm.host.pullsInFlight).toBe(1)
  realm.host.push({
    outcome: 1,
    pages: [{ page: 'main', outcome: 'handled' }, { outcome: 'failed' }],
    listeners: { outcome: 'timeout' },
  })
  expect(await handled).toEqual({
    receipt: expect.objectContaining({ seq: 1 }),
    pages: [{ page: 'main', outcome: 'handled' }, { outcome: 'failed' }],
    listeners: { outcome: 'timeout' },
  })
  await settled()
  expect(realm.host.pullsInFlight).toBe(0)
})

it('has a number for each event', async () => {
  const first = emitHandled('saved')
  const second = emitHandled('saved', 2, { to: 'editor-*', retain: true })
  await settled()
  expect(entries()).toEqual([
    { command: 'emit', event: 'saved', outcome: { id: 1 } },
    { command: 'emit_to', event: 'saved', payload: '2', to: 'editor-*', retain: true, outcome: { id: 2 } },
  ])
  realm.host.push({ outcome: 2, pages: [] })
  expect(await second).toMatchObject({ pages: [] })
  realm.host.push({ outcome: 1, pages: [{ outcome: 'gone' }] })
  expect(await first).toMatchObject({ pages: [{ outcome: 'gone' }] })
})

it('has the prefix of its view, and its component', async () => {
  const shop = namespace('shop')
  const all = [
    shop.emitHandled('saved', 1, { to: 'main', timeoutMs: 500 }),
    shop.emitHandled('shop:saved'),
    shop.component('Cart').emitHandled('saved'),
    component('List').emitHandled('saved'),
  ]
  await settled()
  expect(entries()).toEqual([
    { command: 'emit_to', event: 'shop:saved', payload: '1', to: 'main', outcome: { id: 1, timeoutMs: 500 } },
    { command: 'emit', event: 'shop:saved', outcome: { id: 2 } },
    { command: 'emit', event: 'shop:saved', component: 'Cart', outcome: { id: 3 } },
    { command: 'emit', event: 'saved', component: 'List', outcome: { id: 4 } },
  ])
  for (const id of [1, 2, 3, 4]) realm.host.push({ outcome: id, pages: [{ outcome: 'handled' }] })
  for (const handled of all) expect(await handled).toMatchObject({ pages: [{ outcome: 'handled' }] })
})

it('may learn of the outcomes before the receipt', async () => {
  await listen('x', () => {})
  realm.host.hold = ({ command }) => command === 'emit'
  const handled = emitHandled('saved')
  await settled()
  realm.host.push({ outcome: 1, pages: [] })
  await settled()
  realm.host.release()
  expect(await handled).toMatchObject({ pages: [] })
})

it('is unknown once the session has ended', async () => {
  const off = listen('x', () => {})
  await off
  const handled = emitHandled('saved')
  await settled()
  realm.host.endSession()
  await expect(handled).rejects.toMatchObject({
    code: 'unavailable',
    message: expect.stringContaining('what became of it is unknown'),
  })
  await settled()
  const again = emitHandled('saved')
  await settled()
  realm.host.push({ outcome: 2, pages: [] })
  expect(await again).toMatchObject({ pages: [] })
  off()
})

it('is sent again where the host has not run it', async () => {
  const off = listen('x', () => {})
  await off
  let isRefused = false
  realm.host.refuse = ({ command }) => {
    if (command !== 'emit' || isRefused) return undefined
    isRefused = true
    return STALE
  }
  const handled = emitHandled('saved')
  await settled()
  realm.host.push({ outcome: 1, pages: [{ outcome: 'handled' }] })
  expect(await handled).toMatchObject({ pages: [{ outcome: 'handled' }] })
  off()
})

it('rejects where the host refuses the event', async () => {
  realm.host.refuseEntry = () => ({ code: 'queue_full', message: 'full' })
  await expect(emitHandled('saved')).rejects.toMatchObject({ code: 'queue_full' })
  await settled()
  expect(realm.host.pullsInFlight).toBe(0)
})

it.each([Number.NaN, Number.POSITIVE_INFINITY, '5' as never])('has no timeout of %s', async (timeoutMs) => {
  await expect(emitHandled('saved', 1, { timeoutMs })).rejects.toMatchObject({ code: 'invalid_argument' })
  expect(entries()).toEqual([])
})
