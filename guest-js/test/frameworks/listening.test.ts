import { act, createElement } from 'react'
import { createRoot as createReactRoot } from 'react-dom/client'
import { createRoot as createSolidRoot } from 'solid-js'
import { flushSync, mount, unmount } from 'svelte'
import { afterEach, beforeEach, describe, expect, it, type Mock, vi } from 'vitest'
import { effectScope } from 'vue'
import { useEvent as useReactEvent } from '../../src/frameworks/react.js'
import type { ListenerOptions } from '../../src/frameworks/shared-state.js'
import { createEventListener } from '../../src/frameworks/solid.js'
import { useEvent as useVueEvent } from '../../src/frameworks/vue.js'
import Listening from '../components/Listening.svelte'
import { type Watched, watchedBus } from '../page.js'

type Handler = (event: { payload: unknown }) => unknown
type End = () => unknown

/** How each framework listens, and ends that. */
const FRAMEWORKS: Record<string, (handler: Handler, options: ListenerOptions) => End | Promise<End>> = {
  async React(handler, options) {
    const root = createReactRoot(document.createElement('div'))
    const Component = () => {
      useReactEvent('a', handler, options)
      return null
    }
    await act(async () => root.render(createElement(Component)))
    return () => act(async () => root.unmount())
  },
  Vue(handler, options) {
    const scope = effectScope()
    scope.run(() => useVueEvent('a', handler, options))
    return () => scope.stop()
  },
  Solid: (handler, options) =>
    createSolidRoot((end) => {
      createEventListener('a', handler, options)
      return end
    }),
  Svelte(handler, options) {
    const component = mount(Listening, {
      target: document.createElement('div'),
      props: { handler, options, seen: false },
    })
    flushSync()
    return () => unmount(component)
  },
}

describe.each(Object.entries(FRAMEWORKS))('%s', (_, listen) => {
  let watched: Watched
  let end: End
  beforeEach(() => {
    watched = watchedBus()
    vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true)
  })
  afterEach(async () => {
    await end()
    await watched.end()
  })

  it('runs a sequential handler one event at a time', async () => {
    const done: (() => void)[] = []
    const handler = vi.fn(() => new Promise<void>((resolve) => done.push(resolve)))
    end = await listen(handler, { sequential: true })
    await watched.bus.settled()
    for (const payload of [1, 2]) watched.bus.emit('a', payload)
    await watched.bus.settled()
    expect(handler).toHaveBeenCalledTimes(1)
    done.pop()?.()
    await watched.bus.settled()
    expect(handler).toHaveBeenCalledTimes(2)
    done.pop()?.()
  })

  it('may want the newest alone', async () => {
    end = await listen(() => {}, { latest: true })
    await watched.bus.settled()
    const { invoke } = (window as unknown as { __TAURI_INTERNALS__: { invoke: Mock } }).__TAURI_INTERNALS__
    const subscribed = invoke.mock.calls.find(([command]) => String(command).endsWith('|subscribe'))
    expect(subscribed?.[1]).toMatchObject({ subscriptions: [{ event: 'a', latest: true }] })
  })
})
