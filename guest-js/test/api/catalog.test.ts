import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { catalog } from '../../src/api/catalog.js'
import { freshRealm } from '../realm.js'

let realm: ReturnType<typeof freshRealm>
beforeEach(() => {
  realm = freshRealm()
})
afterEach(() => {
  expect(realm.host.broken).toEqual([])
  vi.unstubAllGlobals()
})

it('returns what the host declares, without a session', async () => {
  realm.host.catalog = { strict: true, events: [{ name: 'a' }], components: [], $defs: {} }
  expect((await catalog()).events).toEqual([{ name: 'a' }])
  expect(realm.host.session).toBeFalsy()
})

it('names its permission when denied', async () => {
  realm.host.hold = ({ command }) => command === 'catalog'
  const denied = catalog()
  realm.host.held[0]?.reject('event-bus.catalog not allowed')
  await expect(denied).rejects.toMatchObject({
    code: 'denied',
    message: expect.stringContaining('event-bus:allow-catalog'),
  })
})
