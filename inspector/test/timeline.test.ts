// @vitest-environment happy-dom
import { beforeEach, expect, test, vi } from 'vitest'
import { ShownRows } from '../src/model/shown-rows.js'
import { Store } from '../src/model/store.js'
import type { Colors } from '../src/view/lanes.js'
import { Timeline } from '../src/view/timeline.js'
import { add, event } from './records.js'

const COLORS: Colors = { lanes: [], grid: '', bad: '', warn: '', surface: '', accent: '' }

let height = 280
let resized = () => {}

beforeEach(() => {
  // How high the list is, as the page tells it.
  class Observer {
    constructor(told: () => void) {
      resized = told
    }
    observe() {
      resized()
    }
  }
  vi.stubGlobal('ResizeObserver', Observer)
  height = 280
  Object.defineProperty(HTMLElement.prototype, 'clientHeight', { configurable: true, get: () => height })
})

function timeline(entries = 1000) {
  const store = new Store({ entries, records: 100_000, bytes: 1 << 24 })
  const rows = new ShownRows(store)
  const schedule = vi.fn()
  const list = new Timeline(store, rows, schedule, () => {})
  const scroller = list.element.querySelector('.scroller') as HTMLElement
  const scrolled = () => scroller.dispatchEvent(new Event('scroll'))
  const more = (count: number) => {
    for (let row = 0; row < count; row += 1) add(store, event(`n${store.next}`))
    return list.draw(COLORS)
  }
  const names = () =>
    [...list.element.querySelectorAll<HTMLElement>('.layer:not([aria-hidden]) .row:not(.none)')]
      .sort((one, other) => Number.parseInt(one.style.top, 10) - Number.parseInt(other.style.top, 10))
      .map((row) => row.querySelector('.name')?.textContent)
  schedule.mockClear()
  return { list, store, scroller, schedule, scrolled, more, names }
}

test('a list that scrolls itself draws nothing more', () => {
  const { scroller, schedule, scrolled, more, names } = timeline()
  more(100)
  expect(scroller.scrollTop).toBe(100 * 28 - 280)
  expect(names().at(-1)).toBe('n99')
  scrolled()
  expect(schedule).not.toHaveBeenCalled()
})

test('one that the user scrolls stays there, until its end', () => {
  const { scroller, schedule, scrolled, more, names } = timeline()
  more(100)
  scroller.scrollTop = 280
  scrolled()
  expect(schedule).toHaveBeenCalledTimes(1)
  more(50)
  expect(scroller.scrollTop).toBe(280)
  expect(names()[0]).toBe('n10')
  scroller.scrollTop = 150 * 28 - 280
  scrolled()
  more(1)
  expect(names().at(-1)).toBe('n150')
})

test('a row that stays in view is not written again', () => {
  const { list, more } = timeline()
  more(100)
  const lines = [...list.element.querySelectorAll<HTMLElement>('.layer:not([aria-hidden]) .row:not(.none)')]
  const before = new Map(lines.map((line) => [line.querySelector('.name')?.textContent, line]))
  more(2)
  const after = [...list.element.querySelectorAll<HTMLElement>('.layer:not([aria-hidden]) .row:not(.none)')]
  const same = after.filter((line) => before.get(line.querySelector('.name')?.textContent) === line)
  expect(same.length).toBe(after.length - 2)
})

/** Draws until nothing is left, or what can wait. */
function drawUntil(list: Timeline, end: 'later' | 'nothing'): void {
  for (let times = 1; times < 100; times += 1) if (list.draw(COLORS) === end) return
  throw new Error('something is always left')
}

test('a flood is made ready in slices, and seen as a whole', () => {
  const { list, scroller, more, names } = timeline()
  more(100)
  const before = names()
  expect(more(50)).toBe('next')
  expect(names()).toEqual(before)
  expect(scroller.scrollTop).toBe(100 * 28 - 280)
  for (let left = list.draw(COLORS); left === 'next'; left = list.draw(COLORS)) expect(names()).toEqual(before)
  expect(names()[0]).toBe('n140')
  expect(names().at(-1)).toBe('n149')
  expect(scroller.scrollTop).toBe(150 * 28 - 280)
})

test('what comes while a view is made ready follows it', () => {
  const { list, more, names } = timeline()
  more(100)
  more(50)
  expect(more(3)).toBe('next')
  drawUntil(list, 'later')
  expect(names()[0]).toBe('n140')
  expect(list.draw(COLORS)).toBe('nothing')
  expect(names().at(-1)).toBe('n152')
})

test('a view that is made ready moves with what is dropped', () => {
  const { list, store, more, names } = timeline(120)
  more(115)
  expect(more(50)).toBe('next')
  expect(store.dropped).toBe(45)
  more(20)
  drawUntil(list, 'nothing')
  expect(names().at(-1)).toBe('n184')
  expect(names()[0]).toBe('n175')
})

test('rows that are made ready are above the list', () => {
  const { list, more } = timeline()
  more(11)
  const top = (element: Element | null) => Number.parseInt((element as HTMLElement).style.top, 10)
  const bottoms = () =>
    [...list.element.querySelectorAll('.layer[aria-hidden] .row:not(.none)')].map(
      (row) => top(row.parentElement) + top(row) + 28,
    )
  expect(more(50)).toBe('next')
  expect(Math.max(...bottoms())).toBeLessThanOrEqual(0)
  while (list.draw(COLORS) === 'next') expect(Math.max(...bottoms())).toBeLessThanOrEqual(0)
})

test('a list that is not full is drawn at once', () => {
  const { list, more, names } = timeline()
  more(0)
  expect(more(50)).toBe('nothing')
  expect(names().at(-1)).toBe('n49')
  expect(more(50)).toBe('next')
  // All rows that were on view are gone.
  expect(more(2000)).toBe('nothing')
  expect(names().at(-1)).toBe('n2099')
  expect(list.draw(COLORS)).toBe('nothing')
})

test('other colors are shown at once', () => {
  const { list, more, names } = timeline()
  more(100)
  expect(more(50)).toBe('next')
  expect(list.draw({ ...COLORS })).toBe('nothing')
  expect(names().at(-1)).toBe('n149')
})

test('a row that is new is brought into view', () => {
  const { list, store, scroller, more } = timeline()
  more(100)
  more(50)
  list.mark(store.entries.at(149), true)
  const spacer = list.element.querySelector('.spacer') as HTMLElement
  expect(spacer.style.height).toBe(`${150 * 28}px`)
  expect(scroller.scrollTop).toBe(150 * 28 - 280)
})

test('a window that grows in a flood goes on following', () => {
  const { list, scroller, scrolled, more, names } = timeline()
  more(100)
  more(50)
  height = 560
  // The page lays out what there is, and tells of the size and of the scroll that it has made.
  scroller.scrollTop = 100 * 28 - 560
  resized()
  scrolled()
  expect(list.draw(COLORS)).toBe('nothing')
  expect(names().at(-1)).toBe('n149')
})

test('a new lane is shown at once', () => {
  const { list, more, names } = timeline()
  more(100)
  expect(more(50)).toBe('next')
  list.setLanes(['host', 'page:main'])
  expect(list.draw(COLORS)).toBe('nothing')
  expect(names()[0]).toBe('n140')
})

test('what the user does is shown at once', () => {
  const { list, scroller, scrolled, more, names } = timeline()
  more(100)
  expect(more(50)).toBe('next')
  scroller.scrollTop = 280
  scrolled()
  expect(list.draw(COLORS)).toBe('nothing')
  expect(names()[0]).toBe('n10')
  scroller.scrollTop = 150 * 28 - 280
  scrolled()
  expect(list.draw(COLORS)).toBe('nothing')
  expect(names().at(-1)).toBe('n149')
})
