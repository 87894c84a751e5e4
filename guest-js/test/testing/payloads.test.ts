import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { component, emit, emitTo, HOST, listen, request, respond, startJob } from '../../src/index.js'
import { problemOf } from '../../src/testing/checks.js'
import { createTestBus, type TestBus } from '../../src/testing/index.js'

interface Payload {
  json: string
  open?: string
  close?: string
  times?: number
  refused?: string
}

const tables = import.meta.glob<string>('../../../tests/*.json', { query: '?raw', import: 'default', eager: true })
const table = (file: string) => JSON.parse(tables[`../../../tests/${file}.json`] ?? '')
const payloads: Payload[] = table('payloads').payloads
const names: { name: string; refused?: string }[] = table('names').names

let bus: TestBus
beforeEach(() => {
  bus = createTestBus()
})
afterEach(() => bus.dispose())

/** What a page cut within a character. */
const HALF = '😀'.slice(0, 1)

describe('payloads, as with the host', () => {
  it.each(payloads)('$open$json', ({ json, open = '', close = '', times = 0, refused }) => {
    const whole = `${open.repeat(times)}${json}${close.repeat(times)}`
    const problem = problemOf(whole)
    if (refused === undefined) expect(problem).toBeUndefined()
    else expect(problem).toContain(refused)
  })

  it.each([
    ['text', HALF],
    ['a key', { [HALF]: 1 }],
    ['depth', Array.from({ length: 128 }).reduce((inner) => [inner], null)],
  ])('refuses %s that no reader of the host reads', async (_, payload) => {
    const error = { code: 'invalid_payload', message: expect.stringContaining('"x"') }
    await expect(emit('x', payload)).rejects.toMatchObject(error)
    await expect(startJob('x', { everyMs: 1000, payload })).rejects.toMatchObject(error)
    bus.respond('x', () => 1)
    await expect(request(HOST, 'x', payload)).rejects.toMatchObject(error)
  })
})

describe('names, as with the host', () => {
  it.each(names)('$name', async ({ name, refused }) => {
    const emitted = emit(name)
    const patterned = listen(`${name}*`, () => {}).then()
    const named = component(name).emit('x')
    if (refused === undefined) await Promise.all([emitted, patterned, named])
    else {
      const message = expect.stringContaining(refused)
      await expect(emitted).rejects.toMatchObject({ code: 'invalid_event_name', message })
      await expect(patterned).rejects.toMatchObject({ code: 'invalid_pattern', message })
      await expect(named).rejects.toMatchObject({ code: 'invalid_argument', message })
    }
  })
})

describe('half of a surrogate pair', () => {
  it.each<[string, () => PromiseLike<unknown>, string]>([
    ['a name', () => emit(HALF), 'event name'],
    ['a pattern', () => listen(`${HALF}*`, () => {}), 'event name'],
    ['the name of a request', () => request(HOST, HALF), 'event name'],
    ['a responder', () => respond(HALF, () => 1), 'event name'],
    ['a label', () => emitTo(HALF, 'x'), 'label'],
    ['a label in a list', () => emitTo(['main', { kind: 'Window', label: HALF }], 'x'), 'label'],
    ['the label of a request', () => request(HALF, 'x'), 'label'],
    ['the target of a listener', () => listen('x', () => {}, { target: HALF }), 'label'],
    ['the id of a job', () => startJob('x', { everyMs: 1000, id: HALF }), 'id'],
    ['the source of a job', () => startJob('x', { everyMs: 1000, source: HALF }), 'source'],
    ['a component', async () => component(HALF), 'component name'],
  ])('is named in %s', async (_, act, what) => {
    const message = expect.stringContaining(`the ${what} "\\ud83d`)
    await expect(Promise.resolve(act())).rejects.toMatchObject({ message })
  })

  it('is replaced in what a responder throws', async () => {
    await respond('x', () => {
      throw new TypeError(`cut: ${HALF}`)
    })
    const asked = bus.request('main', 'x')
    await expect(asked).rejects.toMatchObject({ cause: { message: 'cut: \ufffd' } })
  })
})
