import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { compatReport } from '../../src/api/compat-report.js'
import { inspect } from '../../src/api/inspect.js'
import { freshRealm } from '../realm.js'

let realm: ReturnType<typeof freshRealm>
beforeEach(() => {
  realm = freshRealm()
})
afterEach(() => {
  expect(realm.host.broken).toEqual([])
  vi.unstubAllGlobals()
})

it('returns what the host reports, without a session', async () => {
  realm.host.inspection = { seq: 7, webviews: [{ label: 'main', page: null }] }
  const inspection = await inspect()
  expect([inspection.seq, inspection.webviews[0]?.label]).toEqual([7, 'main'])
  expect(realm.host.session).toBeFalsy()
})

it('names its permission when denied', async () => {
  realm.host.hold = ({ command }) => command === 'inspect'
  const denied = inspect()
  realm.host.held[0]?.reject('event-bus.inspect not allowed')
  await expect(denied).rejects.toMatchObject({
    code: 'denied',
    message: expect.stringContaining('event-bus:inspect'),
  })
})

it('returns the report of compatible mode', async () => {
  expect(await compatReport()).toEqual({ notes: [], omitted: 0 })
  expect(realm.host.session).toBeFalsy()
  realm.host.hold = ({ command }) => command === 'compat_report'
  const denied = compatReport()
  realm.host.held[0]?.reject('event-bus.compat_report not allowed')
  await expect(denied).rejects.toMatchObject({ message: expect.stringContaining('event-bus:inspect') })
})
