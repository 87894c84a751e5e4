import { type Accessor, createMemo, createRoot, createSignal } from 'solid-js'
import { render } from 'solid-js/web'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createEventListener, createEventState, createLatest } from '../../src/frameworks/solid.js'
import type { ListenOptions } from '../../src/index.js'
import { type Watched, watchedBus } from '../page.js'

let watched: Watched
const ends: (() => void)[] = []
beforeEach(() => {
  watched = watchedBus()
})
afterEach(async () => {
  for (const end of ends.splice(0)) end()
  await watched.end()
})

/** Runs a component and returns what it gives. */
function run<Value>(component: () => Value): Value {
  return createRoot((end) => {
    ends.push(end)
    return component()
  })
}

describe('createEventListener', () => {
  it('listens once while mounted', async () => {
    const handler = vi.fn()
    const Component = () => {
      createEventListener('a', handler)
      return 'shown'
    }
    const place = document.createElement('div')
    const unmount = render(Component, place)
    await watched.bus.settled()
    expect(place.textContent).toBe('shown')
    expect(watched.commands()).toEqual(['subscribe'])
    watched.bus.emit('a', 1)
    await watched.bus.settled()
    expect(handler.mock.calls.map(([event]) => event.payload)).toEqual([1])
    unmount()
    await watched.bus.settled()
    expect(watched.commands()).toEqual(['unsubscribe'])
    expect(watched.bus.listeners()).toBe(0)
    ends.push(render(Component, place))
    await watched.bus.settled()
    expect(watched.commands()).toEqual(['subscribe'])
    expect(watched.bus.listeners()).toBe(1)
  })

  it('follows a name and the content of options', async () => {
    const [name, setName] = createSignal('a')
    const [options, setOptions] = createSignal<ListenOptions>({ target: ['main'] })
    run(() => createEventListener(name, vi.fn(), options))
    await watched.bus.settled()
    watched.commands()
    setOptions({ target: ['main'] })
    await watched.bus.settled()
    expect(watched.commands()).toEqual([])
    setOptions({ target: 'main' })
    await watched.bus.settled()
    expect(watched.commands().sort()).toEqual(['subscribe', 'unsubscribe'])
    setName('b')
    await watched.bus.settled()
    expect([watched.bus.listeners('a'), watched.bus.listeners('b')]).toEqual([0, 1])
  })

  it('reports a refusal once, or passes it to onError', async () => {
    watched.bus.refuse('a')
    const onError = vi.fn()
    run(() => {
      createEventListener('a', vi.fn())
      createEventListener('a', vi.fn(), { onError })
    })
    await watched.bus.settled()
    await new Promise((done) => setTimeout(done, 0))
    expect(watched.reported).toHaveBeenCalledTimes(1)
    expect(onError).toHaveBeenCalledTimes(1)
  })
})

it('createLatest has the latest payload of its name', async () => {
  const [name, setName] = createSignal('a')
  watched.bus.emit('a', 1, { retain: true })
  const payload = run(() => createLatest(name))
  expect(payload()).toBeUndefined()
  await watched.bus.settled()
  expect(payload()).toBe(1)
  watched.bus.emit('a', { b: 2 })
  await watched.bus.settled()
  expect(payload()).toEqual({ b: 2 })
  setName('b')
  expect(payload()).toBeUndefined()
})

describe('createEventState', () => {
  it('shows what is set at once and shares it', async () => {
    const settings = watched.bus.page('settings')
    const [zoom, setZoom] = run(() => createEventState<number>('zoom', 100))
    setZoom(110)
    setZoom((before) => before + 10)
    expect(zoom()).toBe(120)
    await watched.bus.settled()
    expect(zoom()).toBe(120)
    expect(settings.received('zoom')).toEqual([110, 120])
    settings.emit('zoom', 20)
    await watched.bus.settled()
    expect(zoom()).toBe(20)
  })

  it('has one value in a page', async () => {
    const [[first, setFirst], [second, setSecond]] = run(() => [
      createEventState<number>('zoom', 100),
      createEventState<number>('zoom', 100),
    ])
    setFirst((before) => before + 10)
    setSecond((before) => before + 10)
    expect([first(), second()]).toEqual([120, 120])
    await watched.bus.settled()
    expect([first(), second()]).toEqual([120, 120])
    expect(run(() => createEventState<number>('zoom', 100)[0]())).toBe(120)
  })

  it('shows what the body of a component sets', async () => {
    const [name, setName] = createSignal('zoom')
    const shown = run(() => {
      const [zoom, setZoom] = createEventState<number>(name, 100)
      const double = createMemo(() => zoom() * 2)
      setZoom((before) => before + 10)
      const first = [zoom(), double()]
      setName('other')
      const second = [zoom(), double()]
      setZoom((before) => before + 1)
      return [...first, ...second, zoom(), double()]
    })
    expect(shown).toEqual([110, 220, 100, 200, 101, 202])
    await watched.bus.settled()
    expect([watched.bus.emitted('zoom'), watched.bus.emitted('other')]).toEqual([[110], [101]])
  })

  it('is reset after a refusal', async () => {
    const onError = vi.fn()
    const [zoom, setZoom] = run(() => createEventState<number>('zoom', 100, { onError }))
    watched.bus.refuse('zoom', { command: 'emit' })
    setZoom(1)
    expect(zoom()).toBe(1)
    await watched.bus.settled()
    expect(zoom()).toBe(100)
    expect(onError).toHaveBeenCalledTimes(1)
  })

  it('follows a name', async () => {
    const [name, setName] = createSignal('zoom')
    const [value]: [Accessor<number>, unknown] = run(() => createEventState<number>(name, 0))
    watched.bus.emit('zoom', 1, { retain: true })
    await watched.bus.settled()
    expect(value()).toBe(1)
    setName('other')
    await watched.bus.settled()
    expect(value()).toBe(0)
    expect(watched.bus.listeners()).toBe(1)
  })
})
