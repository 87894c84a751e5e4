// @vitest-environment happy-dom
import { beforeEach, expect, test, vi } from 'vitest'
import { ShownRows } from '../src/model/shown-rows.js'
import { Store } from '../src/model/store.js'
import type { Colors } from '../src/view/lanes.js'
import { Timeline } from '../src/view/timeline.js'
import { add, event } from './records.js'

const COLORS: Colors = { lanes: [], grid: '', bad: '', warn: '', surface: '', accent: '' }

beforeEach(() => {
  // How high the list is, as the page tells it.
  class Observer {
    constructor(readonly told: () => void) {}
    observe() {
      this.told()
    }
  }
  vi.stubGlobal('ResizeObserver', Observer)
  Object.defineProperty(HTMLElement.prototype, 'clientHeight', { configurable: true, get: () => 280 })
})

function timeline() {
  const store = new Store()
  const rows = new ShownRows(store)
  const schedule = vi.fn()
  const list = new Timeline(store, rows, schedule, () => {})
  const scroller = list.element.querySelector('.scroller') as HTMLElement
  const scrolled = () => scroller.dispatchEvent(new Event('scroll'))
  const more = (count: number) => {
    for (let row = 0; row < count; row += 1) add(store, event(`n${store.next}`))
    list.draw(COLORS)
  }
  const names = () =>
    [...list.element.querySelectorAll<HTMLElement>('.row:not(.none)')]
      .sort((one, other) => Number.parseInt(one.style.top, 10) - Number.parseInt(other.style.top, 10))
      .map((row) => row.querySelector('.name')?.textContent)
  schedule.mockClear()
  return { list, scroller, schedule, scrolled, more, names }
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
  const lines = [...list.element.querySelectorAll<HTMLElement>('.row:not(.none)')]
  const before = new Map(lines.map((line) => [line.querySelector('.name')?.textContent, line]))
  more(2)
  const after = [...list.element.querySelectorAll<HTMLElement>('.row:not(.none)')]
  const same = after.filter((line) => before.get(line.querySelector('.name')?.textContent) === line)
  expect(same.length).toBe(after.length - 2)
})
