import { beforeEach, describe, expect, it } from 'vitest'
import { resetNotes, writeAsTauri } from '../../src/tauri/payload.js'

beforeEach(resetNotes)

class Point {
  constructor(
    readonly x: number,
    readonly y: number,
  ) {}
}

/** As the script of Tauri's IPC does it. */
function asTauri(payload: unknown): string | undefined {
  return JSON.stringify(payload, (_, value) => {
    if (value instanceof Map) return Object.fromEntries(value.entries())
    if (value instanceof Uint8Array) return Array.from(value)
    if (value instanceof ArrayBuffer) return Array.from(new Uint8Array(value))
    if (typeof value === 'object' && value !== null && '__TAURI_TO_IPC_KEY__' in value)
      return value.__TAURI_TO_IPC_KEY__()
    return value
  })
}

const same: [string, unknown][] = [
  ['nothing', undefined],
  ['null', null],
  ['a text', 'a'],
  ['an object', { a: [1, { b: true }], c: undefined }],
  ['a Map', new Map([['a', 1]])],
  ['a date', new Date(0)],
  ['an instance', new Point(1, 2)],
]

const otherwise: [string, unknown, string, RegExp][] = [
  ['NaN', { x: Number.NaN }, '{"x":null}', /NaN would become null|NaN at `x` would become null/],
  ['infinity', [Number.POSITIVE_INFINITY], '[null]', /Infinity/],
  ['an undefined item', [undefined], '[null]', /undefined/],
  ['a Set', { all: new Set([1]) }, '{"all":{}}', /written otherwise: .*\[1\].* instead of .*\{\}/],
  ['an Error', new Error('no'), '{}', /"name":"Error".* instead of \{\}/],
  ['bytes', new Uint8Array([1, 255]), '[1,255]', /\(bytes\) instead of \[1,255\]/],
  ['a buffer', new Uint8Array([1, 2]).buffer, '[1,2]', /\(bytes\) instead of \[1,2\]/],
  ['other numbers', new Int16Array([5]), '{"0":5}', /\(bytes\) instead of \{"0":5\}/],
  ['an invalid date', new Date(Number.NaN), 'null', /invalid Date/],
  ['a Map with objects as keys', new Map([[{}, 1]]), '{"[object Object]":1}', /Map would lose keys/],
]

describe('in compatible mode', () => {
  it.each(same)('%s is written as by both', (_, payload) => {
    expect(writeAsTauri('a', payload)).toMatchObject({ payload: asTauri(payload), lossy: undefined })
  })

  it.each(otherwise)('%s is written as Tauri does, and noted', (_, payload, json, lossy) => {
    expect(json).toBe(asTauri(payload))
    expect(writeAsTauri('save', payload)).toMatchObject({ payload: json, lossy: expect.stringMatching(lossy) })
  })

  it('a name is noted once', () => {
    expect(writeAsTauri('a', Number.NaN).lossy).toContain('"a"')
    expect(writeAsTauri('a', Number.NaN).lossy).toBeUndefined()
    expect(writeAsTauri('b', Number.NaN).lossy).toContain('"b"')
  })

  it('an object writes itself', () => {
    const size = { __TAURI_TO_IPC_KEY__: () => ({ Physical: { width: 1 } }) }
    const written = writeAsTauri('a', { size })
    expect(written.payload).toBe('{"size":{"Physical":{"width":1}}}')
    expect(written.lossy).toContain('"a"')
  })

  it('what JSON refuses is thrown', () => {
    const cycle: unknown[] = []
    cycle.push(cycle)
    expect(() => writeAsTauri('a', cycle)).toThrow(TypeError)
    expect(() => writeAsTauri('a', 1n)).toThrow(TypeError)
  })
})
