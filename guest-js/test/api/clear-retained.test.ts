import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { clearRetained } from '../../src/api/clear-retained.js'
import { emit, emitTo } from '../../src/api/emit.js'
import { freshRealm } from '../realm.js'

let realm: ReturnType<typeof freshRealm>
beforeEach(() => {
  realm = freshRealm()
})
afterEach(() => {
  expect(realm.host.broken).toEqual([])
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})

it('forgets retained events and counts them', async () => {
  await emit('a', 1, { retain: true })
  await emit('b', 1, { retain: true })
  expect(await clearRetained('a')).toBe(1)
  expect(await clearRetained('*')).toBe(1)
  const sent = realm.host.commands('clear_retained').map(({ args }) => [args.n, args.event])
  expect(sent).toEqual([
    [3, 'a'],
    [4, '*'],
  ])
})

it('goes in the order of the calls', async () => {
  const [, cleared] = await Promise.all([emit('a', 1, { retain: true }), clearRetained('a'), emit('a', 2)])
  expect(cleared).toBe(1)
  expect(realm.host.commands().map(({ command }) => command)).toEqual(['emit', 'clear_retained', 'emit'])
})

it('names its permission where it is not allowed', async () => {
  realm.host.refuse = () => 'Command plugin:event-bus|clear_retained not allowed by ACL'
  const message = expect.stringContaining('"event-bus:allow-clear-retained" with "allow": [{ "event": name }]')
  await expect(clearRetained('a')).rejects.toMatchObject({ code: 'denied', message })
  await expect(clearRetained(7 as never)).rejects.toMatchObject({ code: 'invalid_event_name' })
})

it('leaves out receivers', async () => {
  const except = ['main', { kind: 'WebviewWindow' as const, label: 'editor' }]
  const emitted = [emit('a', 1, { except }), emitTo('*', 'a', 1, { except: 'main' })]
  except.length = 0
  await Promise.all(emitted)
  const [toAll, toSome] = realm.host.commands('emit', 'emit_to').map(({ args }) => (args.events as object[])[0])
  expect(toAll).toEqual({ event: 'a', payload: '1', except: ['main', { kind: 'WebviewWindow', label: 'editor' }] })
  expect(toSome).toEqual({ event: 'a', payload: '1', to: '*', except: 'main' })
})
