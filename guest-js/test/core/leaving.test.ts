import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { emit, emitTo } from '../../src/api/emit.js'
import { listen } from '../../src/api/listen.js'
import { respond } from '../../src/api/request.js'
import { STALE } from '../fake-host.js'
import { endOfTask, freshRealm, settled } from '../realm.js'

let realm: ReturnType<typeof freshRealm>
const listeners = new Map<string, (event: { persisted: boolean }) => void>()
beforeEach(() => {
  realm = freshRealm()
  vi.stubGlobal('addEventListener', (name: string, listener: (event: { persisted: boolean }) => void) => {
    listeners.set(name, listener)
  })
})
afterEach(async () => {
  await endOfTask()
  expect(realm.reported).not.toHaveBeenCalled()
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})

/** The page is left: nothing of it runs but the handlers of this, and their microtasks. */
const leave = () => listeners.get('pagehide')?.({ persisted: false })
const comeBack = () => listeners.get('pageshow')?.({ persisted: true })
const isState = ({ args }: { args: Record<string, unknown> }) => typeof args.n === 'number'
/** The events that have reached the host, each with the number of its command. */
const arrived = () =>
  realm.host.sent.filter(isState).flatMap(({ args }) => {
    const entries = (args.events ?? []) as { event: string }[]
    return entries.map(({ event }) => `${args.n} ${event}`)
  })

it('what waits goes out at once, in order', async () => {
  realm.host.hold = isState
  emitTo('main', 'bye:1')
  emit('bye:2')
  await settled()
  emit('bye:3')
  emitTo('main', 'bye:4')
  await settled()
  expect(arrived()).toEqual(['1 bye:1'])
  leave()
  // The task of the page has ended: not even microtasks are sure to run.
  expect(arrived()).toEqual(['1 bye:1', '2 bye:2', '2 bye:3', '3 bye:4'])
})

it('what follows waits for nothing', async () => {
  realm.host.hold = isState
  emit('beforeunload')
  await settled()
  emit('waiting')
  leave()
  emit('pagehide')
  await settled()
  emit('visibilitychange')
  await settled()
  expect(arrived()).toEqual(['1 beforeunload', '2 waiting', '3 pagehide', '4 visibilitychange'])
})

it('what was made in the same task goes along', () => {
  emit('a')
  emit('b')
  leave()
  expect(arrived()).toEqual(['1 a', '1 b'])
})

it('responses go along, too', async () => {
  await respond('q', (request) => {
    // The page is left while the response before waits for the next pull.
    if (request === 3) leave()
    return request
  })
  await settled()
  for (const number of [1, 2, 3]) realm.host.request(`r${number}`, 'q', number)
  await settled()
  const [first] = realm.host.commands('respond')
  expect(first?.args.responses).toEqual([expect.objectContaining({ payload: '2' })])
})

it('promises settle with what the host replies', async () => {
  realm.host.hold = isState
  const all = [emit('a')]
  await settled()
  all.push(emit('b'), emitTo('main', 'c'))
  leave()
  realm.host.release()
  expect((await Promise.all(all)).map(({ seq }) => seq)).toEqual([1, 2, 3])
})

it('a stale session is renewed once', async () => {
  await listen('x', vi.fn())
  realm.host.hold = isState
  emit('a')
  await settled()
  emitTo('main', 'b')
  leave()
  realm.host.hold = () => false
  for (const held of realm.host.held.splice(0)) held.reject(STALE)
  await settled()
  const sessions = [...new Set(realm.host.sent.map(({ args }) => args.session))]
  expect(sessions).toHaveLength(2)
  const sent = realm.host.sent.filter((one) => isState(one) && one.args.session === sessions[1])
  expect(sent.map(({ command, args }) => `${args.n} ${command}`)).toEqual(['1 subscribe', '2 emit', '3 emit_to'])
})

it('a page that comes back takes its turns again', async () => {
  const handler = vi.fn()
  await listen('x', handler)
  realm.host.hold = isState
  const first = emit('a')
  await settled()
  const second = emit('b')
  leave()
  expect(arrived()).toEqual(['2 a', '3 b'])
  // No answer comes to a page that is frozen.
  const [, b] = realm.host.loseReplies()
  realm.host.hold = () => false
  realm.host.replyNow(b)
  comeBack()
  // Whether the first one ran is not recorded any more.
  await expect(first).rejects.toMatchObject({ code: 'unavailable', message: expect.stringContaining('was left') })
  expect(await second).toMatchObject({ seq: 1 })
  await settled()
  realm.host.hold = isState
  const third = emit('c')
  await settled()
  const fourth = emit('d')
  await settled()
  expect(arrived().slice(-1)).toEqual([expect.stringMatching(/ c$/)])
  realm.host.release()
  await Promise.all([third, fourth])
  realm.host.emit('x')
  await settled()
  expect(handler).toHaveBeenCalledTimes(1)
})

it('what may still run is not sent again', async () => {
  realm.host.hold = isState
  const first = emit('a')
  await settled()
  const second = emitTo('main', 'b')
  leave()
  realm.host.loseReplies()
  realm.host.hold = () => false
  // The first command opens the session when it arrives, and the second one may follow it.
  realm.host.refuse = ({ args }) => (args.n === 2 ? STALE : undefined)
  comeBack()
  await expect(first).rejects.toMatchObject({ code: 'unavailable' })
  await expect(second).rejects.toMatchObject({ code: 'unavailable', message: expect.stringContaining('"emit_to"') })
  expect(arrived()).toEqual(['1 a', '2 b', '2 b'])
})

it('what registers is sent again in any case', async () => {
  realm.host.hold = isState
  const first = emit('a')
  await settled()
  const second = listen('x', vi.fn())
  leave()
  realm.host.loseReplies()
  realm.host.hold = () => false
  realm.host.refuse = ({ args }) => (args.n === 2 ? STALE : undefined)
  comeBack()
  await expect(first).rejects.toMatchObject({ code: 'unavailable' })
  await second
  expect(realm.host.commands('subscribe').map(({ args }) => args.n)).toEqual([2, 2, 1])
})

it('what registers outlives a leave that takes the reply', async () => {
  const handler = vi.fn()
  await listen('y', vi.fn())
  realm.host.hold = isState
  const listening = listen('x', handler)
  await settled()
  const responding = respond('q', () => 1)
  const ended = listen('z', vi.fn())
  ended.stop()
  const last = emit('a')
  leave()
  // The host runs all of them, and no reply comes to a page that is frozen.
  const held = realm.host.loseReplies()
  realm.host.hold = () => false
  for (const one of held) realm.host.replyNow(one)
  comeBack()
  expect(await last).toMatchObject({ seq: 1 })
  await listening
  await responding
  expect([...(realm.host.session?.subscriptions.values() ?? [])].map(({ event }) => event)).toEqual(['y', 'x'])
  realm.host.emit('x')
  await settled()
  expect(handler).toHaveBeenCalledTimes(1)
  const sent = realm.host.sent.filter((one) => isState(one) && one.args.session === realm.host.session?.id)
  expect(sent.map(({ command }) => command)).toEqual(['subscribe', 'subscribe', 'set_responders'])
})

it('what never gets a reply is given up', async () => {
  await listen('y', vi.fn())
  const isOfX = ({ args }: { args: Record<string, unknown> }) =>
    JSON.stringify(args.subscriptions ?? '').includes('"x"')
  realm.host.refuse = (sent) => (isOfX(sent) ? new Error('cannot be read') : undefined)
  await expect(listen('x', vi.fn()).then()).rejects.toMatchObject({ code: 'unavailable' })
  await settled()
  // The other one pulls in each of these sessions, and goes on.
  expect(realm.host.sent.filter(isOfX)).toHaveLength(4)
  expect(realm.host.pullsInFlight).toBe(1)
})
