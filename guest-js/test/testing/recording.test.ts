import { describe, expect, it } from 'vitest'
import lines from '../../../tests/recordings.json'
import { parseRecording } from '../../src/testing/index.js'

const HEAD = '{"format":"tauri-plugin-event-bus","version":1,"startedAt":1000.5}'
const LOST = '{"at":1,"kind":"lost","count":2}'
const EVENT = '{"at":2,"kind":"event","seq":1,"name":"a","source":{"kind":"host"},"payload":null,"routes":[]}'

const parse =
  (...lines: string[]) =>
  () =>
    parseRecording(`${[HEAD, ...lines].join('\n')}\n`)

describe('a recording', () => {
  it('is read line by line', () => {
    const { startedAt, records } = parse(LOST, '', EVENT)()
    expect(startedAt).toBe(1000.5)
    expect(records.map(({ kind }) => kind)).toEqual(['lost', 'event'])
    expect(parseRecording(`${HEAD}\r\n${LOST}`).records).toHaveLength(1)
  })

  it.each([
    ['line 1: expected the first line of a recording', ''],
    ['found "<html>"', '<html>'],
    ['line 1: the recording has version 2, and this reads version 1', HEAD.replace(':1,', ':2,')],
    ['"startedAt":…', '{"format":"tauri-plugin-event-bus","version":1}'],
  ])('of another kind is refused: %s', (message, text) => {
    expect(() => parseRecording(text)).toThrow(message)
  })

  it.each([
    ['line 3: expected a record, which is a JSON object, found "tail -f"', 'tail -f'],
    ['line 3: expected a record, which is a JSON object, found "[1]"', '[1]'],
    ['line 3: expected a record with `kind`; expected one of event, ', '{}'],
    ['line 3: the kind "flood" is unknown; expected one of event, ', '{"at":1,"kind":"flood"}'],
    ['line 3: the kind "toString" is unknown', '{"at":1,"kind":"toString"}'],
    ['line 3: a record of the kind "lost" needs `at`', '{"kind":"lost","count":1}'],
    ['line 3: a record of the kind "lost" needs `count`', '{"at":1,"kind":"lost"}'],
    ['needs `payload` or `cut`', '{"at":2,"kind":"event","seq":1,"name":"a","source":{"kind":"host"}}'],
  ])('with a foreign line names it: %s', (message, line) => {
    expect(parse(LOST, line, LOST)).toThrow(message)
    expect(parse(LOST, line, LOST)).toThrow(expect.objectContaining({ code: 'invalid_argument' }))
  })

  it.each(lines.bad)('refuses what Rust refuses: %s', (line) => {
    expect(parse(LOST, line, LOST)).toThrow('line 3: ')
  })

  it.each(lines.good)('reads what Rust reads: %s', (line) => {
    expect(parse(line)().records).toHaveLength(1)
  })

  it('that is cut says where', () => {
    const text = `${HEAD}\n${LOST}\n${EVENT.slice(0, 12)}`
    expect(() => parseRecording(text)).toThrow(
      'line 3: the recording is cut: expected a whole record, found the first 12',
    )
  })
})
