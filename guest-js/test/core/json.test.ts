import { describe, expect, it } from 'vitest'
import type { EventBusError } from '../../src/core/error.js'
import { asSent, encodePayload } from '../../src/core/json.js'

/** The message of the refusal of a payload, after what all of them begin with. */
function refusal(payload: unknown): string {
  try {
    return `accepted as ${encodePayload('a', payload).payload}`
  } catch (error) {
    const { code, message } = error as EventBusError
    expect(code).toBe('invalid_payload')
    expect(message.startsWith('JSON cannot express the payload of "a": ')).toBe(true)
    return message.slice('JSON cannot express the payload of "a": '.length)
  }
}

const nothing = new Date(Number.NaN)
const cycle: Record<string, unknown> = { list: [] }
;(cycle.list as unknown[]).push({ again: cycle })
const map = new Map<string, unknown>()
map.set('self', { map })
const set = new Set<unknown>()
set.add([set])
// biome-ignore lint/suspicious/noSparseArray: It is what is tested.
const holes = [1, , 3]

describe('a payload that JSON would empty in silence', () => {
  it.each<[string, unknown, string]>([
    ['an invalid date', nothing, 'an invalid Date would become null; send null or text instead'],
    ['an invalid date inside', { at: [nothing] }, 'an invalid Date at `at[0]` would become null'],
    ['a boxed NaN', new Number(Number.NaN), 'NaN would become null'],
    ['a boxed infinity inside', [new Number(-1 / 0)], '-Infinity at `[0]` would become null'],
    ['undefined in a list', { rows: [1, undefined] }, 'undefined at `rows[1]` would become null'],
    ['a function in a list', [() => 1], 'a function at `[0]` would become null'],
    ['a symbol in a list', [Symbol('s')], 'a symbol at `[0]` would become null'],
    ['a hole', holes, 'undefined at `[1]` would become null'],
    ['undefined in a set', new Set([undefined]), 'undefined at `[0]` would become null'],
    ['an element whose toJSON is empty', [{ toJSON() {} }], 'undefined at `[0]` would become null'],
    ['a promise', Promise.resolve(5), 'the Promise would become empty; await it'],
    ['a promise inside', { user: Promise.resolve() }, 'the Promise at `user` would become empty; await it'],
    ['a regular expression', { find: /a/g }, 'the RegExp at `find` would become empty; send what you need of it'],
    ['parameters', { query: new URLSearchParams('a=1') }, 'the URLSearchParams at `query` would become empty'],
    ['an iterator', [1, 2].values(), 'the Array Iterator would become empty'],
    ['a generator', { all: (function* () {})() }, 'the Generator at `all` would become empty'],
    ['a weak map', new WeakMap(), 'the WeakMap would become empty'],
    ['an event of the DOM', new Event('click'), 'the Event would become empty; send what you need of it'],
    ['a map with objects as keys', { map: new Map([[{ a: 1 }, 1]]) }, 'a Map at `map` would lose keys'],
    ['a map with dates as keys', new Map([[new Date(0), 1]]), 'a Map would lose keys'],
    [
      'a map whose keys are one text',
      new Map<unknown, string>([
        [1, 'a'],
        ['1', 'b'],
      ]),
      'a Map would lose keys',
    ],
    ['a map with a symbol as a key', new Map([[Symbol('s'), 1]]), 'a Map would lose keys'],
    ['a big integer', 10n, 'the BigInt 10 would be no JSON; send a number or text instead'],
    ['a big integer inside', { order: { id: 10n } }, 'the BigInt 10 at `order.id` would be no JSON'],
    ['big integers in an array', { ids: [0n] }, 'the BigInt 0 at `ids[0]` would be no JSON'],
    ['a cycle', cycle, 'a cycle at `list[0].again` would have no end'],
    ['a cycle through a map', map, 'a cycle at `self.map` would have no end'],
    ['a cycle through a set', [set], 'a cycle at `[0][0][0]` would have no end'],
    ['the first of two', [/a/, 1n], 'the RegExp at `[0]` would become empty'],
    ['a function', () => 1, 'it is of type function'],
    ['what toJSON makes of it', { toJSON() {} }, 'it is of type object'],
  ])('is refused with its path: %s', (_, payload, text) => {
    expect(refusal(payload)).toContain(text)
  })

  it('is refused as the argument of a source, too', () => {
    const wrong = { code: 'invalid_argument', message: expect.stringContaining('the args of "a": undefined at `[0]`') }
    expect(() => encodePayload('a', [undefined], 'args')).toThrow(expect.objectContaining(wrong))
  })

  it('is refused with what its own code throws', () => {
    const failing = {
      toJSON() {
        throw new Error('not yet')
      },
    }
    expect(refusal({ failing })).toBe('not yet')
    let deep: unknown = 0
    for (let depth = 0; depth < 100_000; depth += 1) deep = [deep]
    expect(refusal(deep)).toMatch(/stack|recursion/i)
  })
})

class Point {
  constructor(readonly x: number) {}
}

describe('a payload with an obvious meaning', () => {
  const parent = { kept: 1 }
  it.each<[string, unknown, unknown]>([
    ['nothing', null, null],
    ['an error', new TypeError('no'), { name: 'TypeError', message: 'no' }],
    [
      'an error with a code',
      { error: Object.assign(new Error('no'), { code: 7 }) },
      { error: { name: 'Error', message: 'no', code: 7 } },
    ],
    ['an abort', new DOMException('gone', 'AbortError'), { name: 'AbortError', message: 'gone' }],
    ['a date', { at: new Date(0) }, { at: '1970-01-01T00:00:00.000Z' }],
    ['a date that is not there', { toJSON: () => null }, null],
    ['boxes', [new Number(1), new String('a'), new Boolean(false)], [1, 'a', false]],
    ['an address', new URL('http://a/b'), 'http://a/b'],
    ['one value twice', [parent, parent, { parent }], [parent, parent, { parent }]],
    ['a map with texts', new Map([['a', new Map([[1, 2]])]]), { a: { 1: 2 } }],
    ['a map with a key like a prototype', new Map([['__proto__', 1]]), JSON.parse('{"__proto__":1}')],
    ['an instance', new Point(1), { x: 1 }],
    ['an object without a prototype', Object.assign(Object.create(null), { a: 1 }), { a: 1 }],
    ['properties without a value', { none: undefined, run() {}, [Symbol('s')]: 1 }, {}],
    ['nothing in it', [{}, [], new Map(), new Set(), ''], [{}, [], {}, [], '']],
    ['a proxy', new Proxy({ a: [1] }, {}), { a: [1] }],
  ])('is carried: %s', (_, payload, carried) => {
    expect(asSent('a', payload)).toEqual(carried)
    expect(encodePayload('a', payload).payload).toBe(JSON.stringify(carried))
  })

  it('leaves the payload as it is', () => {
    const payload = { map: new Map([['a', 1]]), error: new Error('no') }
    encodePayload('a', payload)
    expect([payload.map instanceof Map, payload.error instanceof Error]).toEqual([true, true])
  })
})
