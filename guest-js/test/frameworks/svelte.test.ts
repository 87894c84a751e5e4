import { flushSync, mount, unmount } from 'svelte'
import { get } from 'svelte/store'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { eventState, latest } from '../../src/frameworks/svelte.js'
import { eventStateStore, eventStore } from '../../src/frameworks/svelte-store.js'
import Listening from '../components/Listening.svelte'
import Named from '../components/Named.svelte'
import { named } from '../components/named.svelte.js'
import Stored from '../components/Stored.svelte'
import { type Watched, watchedBus } from '../page.js'

let watched: Watched
let target: HTMLElement
let mounted: object[]
beforeEach(() => {
  watched = watchedBus()
  target = document.createElement('div')
  // Svelte delegates events to where the page hears them.
  document.body.append(target)
  mounted = []
})
afterEach(async () => {
  for (const component of mounted) await unmount(component)
  target.remove()
  await watched.end()
})

async function show<Props extends object>(component: typeof Listening, props: Props): Promise<object> {
  const instance = mount(component, { target, props })
  mounted.push(instance)
  await settle()
  return instance
}

async function hide(instance: object): Promise<void> {
  mounted.splice(mounted.indexOf(instance), 1)
  await unmount(instance)
  await settle()
}

async function settle(): Promise<void> {
  flushSync()
  await watched.bus.settled()
  flushSync()
}

const text = () => target.querySelector('p')?.textContent

describe('in runes', () => {
  it('listens while mounted, and once again after that', async () => {
    const handler = vi.fn()
    const first = await show(Listening, { handler })
    expect(watched.bus.listeners('a')).toBe(2)
    expect(watched.bus.listeners()).toBe(3)
    watched.bus.emit('a', { b: 1 })
    await settle()
    expect(handler.mock.calls.map(([event]) => event.payload)).toEqual([{ b: 1 }])
    expect(text()).toBe('{"b":1} 100')
    await hide(first)
    expect(watched.bus.listeners()).toBe(0)
    watched.commands()
    await show(Listening, { handler })
    expect(watched.bus.listeners()).toBe(3)
    expect(watched.commands()).toEqual(['subscribe'])
  })

  it('does not listen while nobody reads', async () => {
    await show(Listening, { handler: vi.fn(), seen: false })
    expect(watched.bus.listeners()).toBe(1)
  })

  it('shows a retained value at once', async () => {
    watched.bus.emit('a', 1, { retain: true })
    watched.bus.emit('zoom', 50, { retain: true })
    await show(Listening, { handler: vi.fn() })
    expect(text()).toBe('1 50')
  })

  it('shares a state', async () => {
    const settings = watched.bus.page('settings')
    await show(Listening, { handler: vi.fn() })
    target.querySelector('button')?.click()
    flushSync()
    expect(text()).toBe('nothing 110')
    await settle()
    expect(settings.received('zoom')).toEqual([110])
    settings.emit('zoom', 20)
    await settle()
    expect(text()).toBe('nothing 20')
    watched.bus.refuse('zoom', { command: 'emit' })
    target.querySelector('button')?.click()
    await settle()
    expect(text()).toBe('nothing 20')
    expect(watched.reported).toHaveBeenCalledTimes(1)
  })

  it('have one state in a page, stores included', async () => {
    await show(Listening, { handler: vi.fn() })
    const [one, other] = [eventState<number>('zoom', 0), eventStateStore<number>('zoom', 0)]
    one.current = 110
    other.update((before) => before + 10)
    flushSync()
    expect([text(), one.current, get(other)]).toEqual(['nothing 120', 120, 120])
    await settle()
    expect([text(), one.current, get(other)]).toEqual(['nothing 120', 120, 120])
  })

  it('follows a name', async () => {
    const handler = vi.fn()
    const props = named(handler)
    await show(Named, props)
    watched.bus.emit('a', 1)
    await settle()
    expect(text()).toBe('1')
    props.name = 'b'
    await settle()
    expect(text()).toBe('nothing')
    watched.bus.emit('a', 2)
    watched.bus.emit('b', 3)
    await settle()
    expect(text()).toBe('3')
    expect(handler.mock.calls.map(([event]) => event.payload)).toEqual([1, 3])
    expect(watched.bus.listeners()).toBe(2)
  })

  it('can be read and written outside of components', async () => {
    const zoom = eventState<number>('zoom', 1)
    zoom.current = 2
    await settle()
    expect([zoom.current, latest('zoom').current]).toEqual([2, undefined])
    expect(watched.bus.emitted('zoom')).toEqual([2])
  })
})

describe('stores', () => {
  it('listen while mounted and share a state', async () => {
    watched.bus.emit('a', 1, { retain: true })
    const first = await show(Stored, {})
    expect(text()).toBe('1 100')
    expect(watched.bus.listeners()).toBe(2)
    target.querySelector('button')?.click()
    await settle()
    expect(text()).toBe('1 110')
    expect(watched.bus.emitted('zoom')).toEqual([110])
    await hide(first)
    expect(watched.bus.listeners()).toBe(0)
    watched.commands()
    await show(Stored, {})
    expect(watched.commands()).toEqual(['subscribe'])
    expect(watched.bus.listeners()).toBe(2)
    expect(text()).toBe('1 110')
  })

  it('listen once however many subscribe', async () => {
    const store = eventStore('a')
    const offs = [store.subscribe(() => {}), store.subscribe(() => {})]
    await settle()
    expect(watched.bus.listeners()).toBe(1)
    for (const off of offs) off()
  })

  it('have what was written without a subscriber', async () => {
    const zoom = eventStateStore<number>('zoom', 1)
    zoom.update((before) => before + 1)
    expect(get(zoom)).toBe(2)
    await settle()
    expect(watched.bus.emitted('zoom')).toEqual([2])
  })
})
