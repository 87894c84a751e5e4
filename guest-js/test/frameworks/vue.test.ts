import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createApp, defineComponent, effectScope, h, nextTick, type Ref, ref, watchEffect } from 'vue'
import type { ListenerOptions } from '../../src/frameworks/shared-state.js'
import { useEvent, useEventState, useLatest } from '../../src/frameworks/vue.js'
import type { Gap } from '../../src/types/gap.js'
import { type Watched, watchedBus } from '../page.js'

let watched: Watched
let ends: (() => void)[]
beforeEach(() => {
  watched = watchedBus()
  ends = []
})
afterEach(async () => {
  for (const end of ends) end()
  await watched.end()
})

/** Mounts a component that renders what its setup gives. */
async function mount(setup: () => () => unknown): Promise<{ text(): string | null; unmount(): Promise<void> }> {
  const place = document.createElement('div')
  const Component = defineComponent(() => {
    const text = setup()
    return () => h('p', String(text()))
  })
  const app = createApp(Component)
  app.mount(place)
  let mounted = true
  const unmount = async () => {
    if (mounted) app.unmount()
    mounted = false
    await settle()
  }
  ends.push(() => void unmount())
  await settle()
  return { text: () => place.textContent, unmount }
}

async function settle(): Promise<void> {
  await nextTick()
  await watched.bus.settled()
  await nextTick()
}

describe('useEvent', () => {
  it('listens once while mounted', async () => {
    const handler = vi.fn()
    const setup = () => {
      useEvent('a', handler)
      return () => ''
    }
    const first = await mount(setup)
    expect(watched.commands()).toEqual(['subscribe'])
    watched.bus.emit('a', 1)
    await settle()
    expect(handler.mock.calls.map(([event]) => event.payload)).toEqual([1])
    await first.unmount()
    expect(watched.bus.listeners()).toBe(0)
    expect(watched.commands()).toEqual(['unsubscribe'])
    await mount(setup)
    expect(watched.bus.listeners()).toBe(1)
    expect(watched.commands()).toEqual(['subscribe'])
  })

  it('ends with an effect scope, or when called', async () => {
    const scope = effectScope()
    const end = scope.run(() => {
      useEvent('a', vi.fn())
      return useEvent('a', vi.fn())
    })
    await settle()
    expect(watched.bus.listeners()).toBe(2)
    end?.()
    await settle()
    expect(watched.bus.listeners()).toBe(1)
    scope.stop()
    await settle()
    expect(watched.bus.listeners()).toBe(0)
  })

  it('follows a name and the content of options', async () => {
    const name = ref('a')
    const gaps: Gap[] = []
    const options = ref<ListenerOptions>({ target: ['main'], onGap: (gap) => gaps.push(gap) })
    await mount(() => {
      useEvent(name, vi.fn(), options)
      return () => name.value
    })
    watched.commands()
    options.value = { ...options.value, target: ['main'] }
    await settle()
    expect(watched.commands()).toEqual([])
    options.value.target = 'main'
    await settle()
    expect(watched.commands().sort()).toEqual(['subscribe', 'unsubscribe'])
    name.value = 'b'
    await settle()
    expect([watched.bus.listeners('a'), watched.bus.listeners('b')]).toEqual([0, 1])
    const gap = watched.bus.gap('b')
    await settle()
    expect(gaps).toEqual([gap])
  })

  it('reports a refusal once, or passes it to onError', async () => {
    watched.bus.refuse('a')
    const onError = vi.fn()
    await mount(() => {
      useEvent('a', vi.fn())
      useEvent('a', vi.fn(), { onError })
      return () => ''
    })
    await new Promise((done) => setTimeout(done, 0))
    expect(watched.reported).toHaveBeenCalledTimes(1)
    expect(onError).toHaveBeenCalledTimes(1)
  })
})

it('useLatest has the latest payload of its name', async () => {
  const name = ref('a')
  watched.bus.emit('a', 1, { retain: true })
  const { text } = await mount(() => {
    const payload = useLatest(() => name.value)
    return () => JSON.stringify(payload.value)
  })
  expect(text()).toBe('1')
  watched.bus.emit('a', { b: 2 })
  await settle()
  expect(text()).toBe('{"b":2}')
  name.value = 'b'
  await settle()
  expect(text()).toBe('undefined')
})

it('useLatest cannot be written', async () => {
  const warned = vi.spyOn(console, 'warn').mockImplementation(() => {})
  await mount(() => {
    const payload = useLatest('a')
    ;(payload as Ref<unknown>).value = 1
    return () => payload.value
  })
  expect(warned).toHaveBeenCalled()
})

describe('useEventState', () => {
  it('shows what is written at once and shares it', async () => {
    const settings = watched.bus.page('settings')
    let zoom: Ref<number> = ref(0)
    const { text } = await mount(() => {
      zoom = useEventState<number>('zoom', 100)
      return () => zoom.value
    })
    zoom.value += 10
    expect(zoom.value).toBe(110)
    await settle()
    expect(text()).toBe('110')
    expect(settings.received('zoom')).toEqual([110])
    settings.emit('zoom', 20)
    await settle()
    expect(text()).toBe('20')
  })

  it('has one value in a page', async () => {
    const zooms: Ref<number>[] = []
    const { text } = await mount(() => {
      zooms.push(useEventState<number>('zoom', 100), useEventState<number>('zoom', 100))
      return () => zooms.map(({ value }) => value)
    })
    for (const zoom of zooms) zoom.value += 10
    await nextTick()
    expect(text()).toBe('120,120')
    const later = await mount(() => {
      const zoom = useEventState<number>('zoom', 100)
      const first = zoom.value
      return () => `${first},${zoom.value}`
    })
    expect([text(), later.text()]).toEqual(['120,120', '120,120'])
  })

  it('is reset after a refusal', async () => {
    const onError = vi.fn()
    let zoom: Ref<number> = ref(0)
    const { text } = await mount(() => {
      zoom = useEventState<number>('zoom', 100, { onError })
      return () => zoom.value
    })
    watched.bus.refuse('zoom', { command: 'emit' })
    zoom.value = 1
    await settle()
    expect(text()).toBe('100')
    expect(onError).toHaveBeenCalledTimes(1)
  })

  it('follows a name', async () => {
    const name = ref('zoom')
    watched.bus.emit('zoom', 1, { retain: true })
    const { text } = await mount(() => {
      const value = useEventState<number>(name, 0)
      return () => value.value
    })
    expect(text()).toBe('1')
    name.value = 'other'
    await settle()
    expect(text()).toBe('0')
    expect(watched.bus.listeners()).toBe(1)
  })

  it('does not track its name when written', async () => {
    const [name, source] = [ref('a'), ref(1)]
    await mount(() => {
      const state = useEventState<number>(name, 0)
      watchEffect(() => {
        state.value = source.value
      })
      return () => state.value
    })
    name.value = 'b'
    await settle()
    source.value = 2
    await settle()
    expect([watched.bus.emitted('a'), watched.bus.emitted('b')]).toEqual([[1], [2]])
  })

  it('is written under its current name', async () => {
    const name = ref('a')
    let state: Ref<number> = ref(0)
    const { text } = await mount(() => {
      state = useEventState<number>(name, 0)
      return () => state.value
    })
    name.value = 'b'
    expect(state.value).toBe(0)
    state.value = 5
    expect(state.value).toBe(5)
    await settle()
    expect([watched.bus.emitted('a'), watched.bus.emitted('b')]).toEqual([[], [5]])
    expect(text()).toBe('5')
  })
})
