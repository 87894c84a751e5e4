import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { component, emitAfter, emitAt, getJob, listen, listJobs, namespace } from '../../src/index.js'
import { createTestBus, type TestBus } from '../../src/testing/index.js'

let bus: TestBus
beforeEach(() => {
  bus = createTestBus()
})
afterEach(() => bus.dispose())

describe('an event that is emitted later', () => {
  it('is a job of one tick', async () => {
    const tea = await emitAfter('tea', 180_000, 'Assam', { id: 'tea', to: 'main' })
    expect(tea).toMatchObject({ id: 'tea', event: 'tea', everyMs: 180_000 })
    expect(await tea.info()).toMatchObject({ count: 1, at: null, to: 'main' })
    const seen: unknown[] = []
    await listen('tea', ({ payload, tick }) => seen.push([payload, tick?.count]))
    bus.tick('tea')
    await bus.settled()
    expect(seen).toEqual([['Assam', 1]])
    expect(await listJobs()).toEqual([])
  })

  it('is stopped by its handle', async () => {
    const lunch = await emitAt('lunch', new Date(Date.now() + 60_000), undefined, { id: 'lunch' })
    expect(await getJob('lunch')).toBeDefined()
    await lunch.stop()
    expect(await listJobs()).toEqual([])
  })

  it('has the time at which it is due', async () => {
    const time = Date.now() + 60_000
    const lunch = await emitAt('lunch', time, { menu: 1 }, { skipMissed: true })
    expect((await lunch.info())?.at).toBe(time)
    await expect(lunch.update({ everyMs: 1_000 })).rejects.toMatchObject({ code: 'invalid_argument' })
  })

  it('has the prefix and the component of a view', async () => {
    await namespace('shop').emitAfter('sale', 10, undefined, { id: 'a' })
    await component('Banner').emitAt('shown', Date.now() + 10, undefined, { id: 'b' })
    bus.tick('a')
    bus.tick('b')
    const emitted = bus.history().map(({ event, component: own }) => [event, own])
    expect(emitted).toEqual([
      ['shop:sale', undefined],
      ['shown', 'Banner'],
    ])
  })

  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY, 366 * 86_400_000])('is not %s ms later', async (delayMs) => {
    await expect(emitAfter('tea', delayMs)).rejects.toMatchObject({ code: 'invalid_argument' })
  })

  it.each([null, undefined, '', '5', [], true, {}, Number.NaN])('needs a time, not %j', async (time) => {
    for (const emitLater of [() => emitAfter('tea', time as number), () => emitAt('tea', time as number)]) {
      await expect(emitLater()).rejects.toMatchObject({
        code: 'invalid_argument',
        message: expect.stringMatching(/"tea" must be .*number, not /),
      })
    }
    expect(await listJobs()).toEqual([])
  })

  it.each([
    ['immediate', true],
    ['count', 5],
    ['startDelayMs', 5],
    ['jitterMs', 5],
    ['missedTicks', 'burst'],
    ['onlyWhileListened', true],
    ['maxFailures', 1],
    ['source', 'cpu'],
  ])('has no %s', async (key, value) => {
    const options = { [key]: value }
    const refused = { code: 'invalid_argument', message: expect.stringContaining(key) }
    await expect(emitAfter('tea', 10, undefined, options)).rejects.toMatchObject(refused)
    await expect(emitAt('tea', Date.now(), undefined, options)).rejects.toMatchObject(refused)
  })

  it('has a valid time', async () => {
    await expect(emitAt('tea', new Date('no'))).rejects.toMatchObject({
      code: 'invalid_argument',
      message: 'at of "tea" must be a valid Date or a finite number, not an invalid Date',
    })
    await expect(emitAt('tea', Date.now() + 366 * 86_400_000)).rejects.toMatchObject({ code: 'invalid_argument' })
    const options = { to: 'main', skipMissed: true }
    await expect(emitAfter('tea', 1, undefined, options)).rejects.toMatchObject({ code: 'invalid_argument' })
  })
})
