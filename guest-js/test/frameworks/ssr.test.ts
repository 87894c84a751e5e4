import { createElement } from 'react'
import { renderToString as renderReact } from 'react-dom/server'
import { renderToString as renderSolid } from 'solid-js/web'
import { render as renderSvelte } from 'svelte/server'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { createSSRApp, h } from 'vue'
import { renderToString as renderVue } from 'vue/server-renderer'
import { useEvent, useEventState, useLatest } from '../../src/frameworks/react.js'
import { createEventListener, createEventState, createLatest } from '../../src/frameworks/solid.js'
import * as vue from '../../src/frameworks/vue.js'
import Listening from '../components/Listening.svelte'
import Stored from '../components/Stored.svelte'

const reported = vi.fn()
beforeEach(() => {
  vi.stubGlobal('reportError', reported)
  expect(typeof window).toBe('undefined')
})
afterEach(async () => {
  // Nothing of a request is left for the next one.
  expect(Object.getOwnPropertySymbols(globalThis).map(String)).not.toContainEqual(expect.stringContaining('event-bus'))
  await new Promise((done) => setTimeout(done, 0))
  expect(reported).not.toHaveBeenCalled()
  vi.unstubAllGlobals()
})

it('renders with React on a server', () => {
  const Component = () => {
    useEvent('a', () => {})
    const payload = useLatest('a')
    const [zoom] = useEventState<number>('zoom', 100)
    return createElement('p', null, `${payload} ${zoom}`)
  }
  expect(renderReact(createElement(Component))).toBe('<p>undefined 100</p>')
})

it('renders with Vue on a server', async () => {
  const app = createSSRApp({
    setup() {
      vue.useEvent('a', () => {})
      const payload = vue.useLatest('a')
      const zoom = vue.useEventState<number>('zoom', 100)
      return () => h('p', `${payload.value} ${zoom.value}`)
    },
  })
  expect(await renderVue(app)).toBe('<p>undefined 100</p>')
})

it.each([
  ['runes', Listening],
  ['stores', Stored],
])('renders with Svelte on a server: %s', (_, component) => {
  const { body } = renderSvelte(component, { props: { handler: () => {} } })
  expect(body).toContain('<p>nothing 100</p>')
})

it('renders with Solid on a server', () => {
  const Component = () => {
    createEventListener('a', () => {})
    const payload = createLatest('a')
    const [zoom] = createEventState<number>('zoom', 100)
    return `${payload()} ${zoom()}`
  }
  expect(renderSolid(Component)).toBe('undefined 100')
})
