import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Frames, type Left } from '../src/frames.js'

let callbacks: FrameRequestCallback[] = []

beforeEach(() => {
  callbacks = []
  vi.useFakeTimers()
  vi.stubGlobal('requestAnimationFrame', (callback: FrameRequestCallback) => callbacks.push(callback))
  vi.stubGlobal('cancelAnimationFrame', () => {
    callbacks = []
  })
})

afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

/** What is drawn in the frame at this time. */
function frameAt(drawn: string[], now: number): string {
  drawn.length = 0
  const due = callbacks
  callbacks = []
  for (const callback of due) callback(now)
  return drawn.join(' ')
}

function framesOf(
  rows: () => number,
  more: () => Left = () => 'nothing',
  left: () => boolean = () => false,
  records = rows,
) {
  const drawn: string[] = []
  const times: number[] = []
  const list = () => {
    drawn.push('list')
    return more()
  }
  const take = (millis: number) => {
    times.push(millis)
    return { records: records(), rows: rows(), more: left() }
  }
  const frames = new Frames({ take, list, plots: () => drawn.push('plots'), state: () => drawn.push('state') })
  return { frames, drawn, times }
}

test('what comes is drawn in the next frame, and then nothing is', () => {
  const { frames, drawn } = framesOf(() => 1)
  frames.came()
  frames.came()
  expect(frameAt(drawn, 1000)).toBe('list')
  expect(callbacks).toEqual([])
})

test('what changes rows that are there is drawn', () => {
  const { frames, drawn } = framesOf(
    () => 0,
    undefined,
    undefined,
    () => 1,
  )
  frames.came()
  expect(frameAt(drawn, 1000)).toBe('list')
  expect(callbacks).toEqual([])
})

test('a flood is drawn ten times a second, and what the user does at once', () => {
  const { frames, drawn } = framesOf(() => 80)
  frames.came()
  expect(frameAt(drawn, 1000)).toBe('list')
  frames.came()
  for (const now of [1016, 1032, 1090]) expect(frameAt(drawn, now)).toBe('')
  expect(frameAt(drawn, 1100)).toBe('list')
  frames.changed()
  expect(frameAt(drawn, 1116)).toBe('list')
  frames.came()
  expect(frameAt(drawn, 1132)).toBe('')
})

test('the end of a flood is drawn', () => {
  let rows = 80
  const { frames, drawn } = framesOf(() => rows)
  frames.came()
  frameAt(drawn, 1000)
  frames.came()
  expect(frameAt(drawn, 1016)).toBe('')
  rows = 0
  for (const now of [1033, 1066]) expect(frameAt(drawn, now)).toBe('')
  expect(frameAt(drawn, 1101)).toBe('list')
  expect(callbacks).toEqual([])
})

test('what a frame has no time for is read in the next', () => {
  let left = 2
  const more = () => {
    left -= 1
    return left > 0
  }
  const { frames, drawn, times } = framesOf(() => 80, undefined, more)
  frames.came()
  expect(frameAt(drawn, 1000)).toBe('list')
  expect(frameAt(drawn, 1016)).toBe('')
  expect(frameAt(drawn, 1100)).toBe('list')
  expect(callbacks).toEqual([])
  const [first, second, third] = times
  expect(first).toBe(second)
  // Less where the list is drawn, too.
  expect(third).toBeLessThan(second ?? 0)
})

test.each([true, false])('a window without frames reads, and for longer if it is hidden: %s', (hidden) => {
  vi.stubGlobal('document', { hidden })
  const { frames, drawn, times } = framesOf(() => 80)
  frames.came()
  vi.advanceTimersByTime(200)
  expect(drawn).toEqual(['list'])
  expect(callbacks).toEqual([])
  expect((times[0] ?? 0) > 4).toBe(hidden)
})

test('the list and the plots are in different frames, in turns', () => {
  const { frames, drawn } = framesOf(() => 1)
  frames.passed()
  frames.came()
  expect(frameAt(drawn, 1000)).toBe('list')
  expect(frameAt(drawn, 1016)).toBe('plots')
  frames.passed()
  frames.looked()
  expect(frameAt(drawn, 1032)).toBe('state')
  expect(frameAt(drawn, 1048)).toBe('list')
  expect(frameAt(drawn, 1064)).toBe('plots')
})

test('a filter that goes on is drawn frame by frame', () => {
  let left = 2
  const { frames, drawn } = framesOf(
    () => 0,
    () => {
      left -= 1
      return left > 0 ? 'later' : 'nothing'
    },
  )
  frames.changed()
  expect(frameAt(drawn, 1000)).toBe('list')
  expect(frameAt(drawn, 1001)).toBe('list')
  expect(callbacks).toEqual([])
})

test('a list that is half drawn goes on in the next frame', () => {
  const lefts: Left[] = ['next', 'next', 'later', 'nothing']
  const { frames, drawn } = framesOf(
    () => 80,
    () => lefts.shift() ?? 'nothing',
  )
  frames.came()
  for (const now of [1000, 1016, 1032]) expect(frameAt(drawn, now)).toBe('list')
  // It is a flood, whose next drawing is due 100 ms after this one began.
  expect(frameAt(drawn, 1048)).toBe('')
  expect(frameAt(drawn, 1100)).toBe('list')
})

test('what the user did is over once the list goes on', () => {
  const lefts: Left[] = ['next', 'later', 'nothing']
  const { frames, drawn } = framesOf(
    () => 80,
    () => lefts.shift() ?? 'nothing',
  )
  frames.changed()
  for (const now of [1000, 1016]) expect(frameAt(drawn, now)).toBe('list')
  expect(frameAt(drawn, 1032)).toBe('')
})
