import { expect, test } from 'vitest'
import { childrenOf, Exact, PayloadBytes, readExactly, textOf, treeNodeOf, withBytes } from '../src/model/payload.js'
import { recordingOf } from '../src/model/recording.js'
import { event, storeOf } from './records.js'

test('bytes are put where they are', () => {
  const bytes = [
    ['AQI=', 'photo'],
    ['AAEC', 'list', 1],
    ['AA==', 'nowhere', 'at', 'all'],
    [7, 'photo'],
  ]
  const whole = withBytes({ photo: null, list: [1, null] }, bytes) as { photo: PayloadBytes; list: unknown[] }
  expect(whole.photo).toBeInstanceOf(PayloadBytes)
  expect([whole.photo.size, whole.photo.hex(8)]).toEqual([2, '01 02'])
  expect(treeNodeOf(whole.list[1])).toMatchObject({ kind: 'bytes', text: '00 01 02' })
  expect(withBytes(null, [['AQI=']])).toBeInstanceOf(PayloadBytes)
})

test('a path into a prototype leads nowhere', () => {
  const payload = JSON.parse('{"a":{}}')
  withBytes(payload, [
    ['AQI=', '__proto__', 'polluted'],
    ['AQI=', 'constructor', 'prototype', 'polluted'],
  ])
  expect('polluted' in {}).toBe(false)
})

test('long bytes show how they begin', () => {
  const own = new PayloadBytes(btoa('x'.repeat(300)))
  expect(own.size).toBe(300)
  expect(own.hex(3)).toBe('78 78 78 …')
})

test('what is in an object or a list is shown in parts', () => {
  const list = Array.from({ length: 250 }, (_, index) => index)
  expect(childrenOf(list, 200, 100).length).toBe(50)
  expect(childrenOf({ a: 1, b: 2 }, 1, 10)).toEqual([['b', 2]])
  expect(childrenOf(JSON.parse('{"__proto__":{"x":1}}'), 0, 10)).toEqual([['__proto__', { x: 1 }]])
  expect(treeNodeOf(list)).toEqual({ kind: 'array', text: '[ 250 ]', size: 250 })
  expect(treeNodeOf({ a: 1 })).toEqual({ kind: 'object', text: '{ 1 }', size: 1 })
  expect(treeNodeOf(null).kind).toBe('null')
  expect(treeNodeOf(new Exact('12345678901234567')).text).toBe('12345678901234567')
})

test('a record is read as it is', () => {
  expect(readExactly('{"payload":{"n":1.50,"__proto__":2}}').payload).toEqual(JSON.parse('{"n":1.5,"__proto__":2}'))
})

test('everything that is kept is a recording', () => {
  const store = storeOf([event('a'), event('b')])
  const lines = recordingOf(store).split('\n')
  const [first, ...records] = lines
  expect(JSON.parse(first ?? '')).toMatchObject({
    format: 'tauri-plugin-event-bus',
    version: 1,
    startedAt: store.startedAt,
  })
  expect(records.pop()).toBe('')
  expect(records.map((line) => JSON.parse(line).name)).toEqual(['a', 'b'])
})

test('the text of a payload has whole numbers as they were', () => {
  const text = '{"a":[12345678901234567,-0,1.5,{}],"__proto__":{"b":[]},"c":"\\u2028\\"","d":null}'
  const read = JSON.parse(text)
  // What an engine without the sources of numbers cannot read exactly.
  read.a[0] = new Exact('12345678901234567')
  read.a[1] = new Exact('-0')
  expect(JSON.parse(textOf(read))).toEqual(JSON.parse(text))
  expect(textOf(read)).toContain('[12345678901234567,-0,1.5,{}]')
  expect(textOf({ a: [1, { b: 2 }], c: {} }, 2)).toBe(JSON.stringify({ a: [1, { b: 2 }], c: {} }, null, 2))
  expect(textOf(undefined)).toBe('null')
})
