import { expect, test } from 'vitest'
import { Deque } from '../src/model/deque.js'
import { bytes, clock, counted, duration, shown, shownOnOneLine } from '../src/model/text.js'

test('what is hidden or turns a line around is shown by its code', () => {
  expect(shown('a\u202eb\u0000c\u200bd\u2066e\ufefff')).toBe('a\\u202eb\\u0000c\\u200bd\\u2066e\\ufefff')
  expect(shown('line\nnext\ttab')).toBe('line\nnext\ttab')
  expect(shownOnOneLine('line\nnext\ttab\r')).toBe('line\\nnext\\ttab\\r')
  expect(shown('\ud83d\ude00 \ud83d')).toBe('\ud83d\ude00 \\ud83d')
})

test('a long text is cut', () => {
  expect(shown('x'.repeat(1 << 20), 10)).toBe(`${'x'.repeat(10)}…`)
  expect(shown('x'.repeat(10), 10)).toBe('x'.repeat(10))
  expect(shownOnOneLine('x'.repeat(1 << 20), 5)).toBe('xxxxx…')
})

test('numbers are short', () => {
  expect(['a', 'b'].map((_, index) => counted(index + 1, 'page'))).toEqual(['1 page', '2 pages'])
  expect([0, 1023, 1024, 15_000, 1 << 20].map(bytes)).toEqual(['0 B', '1023 B', '1.0 KiB', '15 KiB', '1.0 MiB'])
  const durations = [0.05, 4.26, 250, 1000, 4200, 60_000, 61_000, 3_600_000, 3_700_000].map(duration)
  expect(durations).toEqual(['0.05 ms', '4.3 ms', '250 ms', '1 s', '4.2 s', '1 min', '1 min 01 s', '1 h', '1 h 01 min'])
  expect(duration(Number.NaN)).toBe('–')
  expect(clock(Number.NaN)).toBe('–')
  expect(clock(1)).toMatch(/^\d\d:\d\d:\d\d\.001$/)
})

test('a list keeps its order over many removals', () => {
  const list = new Deque<number>()
  for (let number = 0; number < 40_000; number += 1) {
    list.push(number)
    if (number % 2 === 1) list.shift()
  }
  expect(list.length).toBe(20_000)
  expect([list.at(0), list.at(19_999), list.at(20_000), list.at(-1)]).toEqual([20_000, 39_999, undefined, undefined])
  expect(list.firstWhere((number) => number >= 30_000)).toBe(10_000)
  expect([...list].length).toBe(20_000)
  list.clear()
  expect([list.length, list.shift()]).toEqual([0, undefined])
})
