import * as React from 'react'
import {
  act,
  createElement,
  type FunctionComponent,
  StrictMode,
  Suspense,
  startTransition,
  use,
  useLayoutEffect,
} from 'react'
import { createRoot, hydrateRoot, type Root } from 'react-dom/client'
import { renderToString } from 'react-dom/server'
import { rolldown } from 'rolldown'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type ListenerOptions, type SetState, useEvent, useEventState, useLatest } from '../../src/frameworks/react.js'
import type { BusEvent } from '../../src/types/event.js'
import type { Gap } from '../../src/types/gap.js'
import { type Watched, watchedBus } from '../page.js'

let watched: Watched
let root: Root
let place: HTMLElement
beforeEach(() => {
  watched = watchedBus()
  vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true)
  place = document.createElement('div')
  root = createRoot(place)
})
afterEach(async () => {
  await act(async () => root.unmount())
  await watched.end()
})

async function render<Props extends object>(component: FunctionComponent<Props>, props: Props, strict = false) {
  const element = createElement(component, props)
  await act(async () => root.render(strict ? createElement(StrictMode, null, element) : element))
  await settle()
}

function settle(): Promise<void> {
  return act(() => watched.bus.settled())
}

interface Listening {
  event?: string
  handler: (event: BusEvent<unknown>) => unknown
  options?: ListenerOptions
}

function Listening({ event = 'a', handler, options }: Listening) {
  useEvent(event, handler, options)
  return null
}

function Showing({ event = 'a', options }: { event?: string; options?: ListenerOptions }) {
  const payload = useLatest<unknown>(event, options)
  return payload === undefined ? 'nothing' : JSON.stringify(payload)
}

let set: SetState<unknown>
function Sharing({
  initial = 0,
  event = 'zoom',
  onError,
}: {
  initial?: unknown
  event?: string
  onError?: () => void
}) {
  const [value, setValue] = useEventState<unknown>(event, initial, { onError })
  set = setValue
  return JSON.stringify(value)
}

describe('useEvent', () => {
  it.each([false, true])('listens once while mounted (strict: %s)', async (strict) => {
    const handler = vi.fn()
    await render(Listening, { handler }, strict)
    expect(watched.bus.listeners()).toBe(1)
    expect(watched.commands()).toEqual(['subscribe'])
    watched.bus.emit('a', 1)
    await settle()
    expect(handler.mock.calls.map(([event]) => event.payload)).toEqual([1])
    await act(async () => root.render(null))
    await settle()
    expect(watched.bus.listeners()).toBe(0)
    expect(watched.commands()).toEqual(['unsubscribe'])
    await render(Listening, { handler }, strict)
    expect(watched.bus.listeners()).toBe(1)
    expect(watched.commands()).toEqual(['subscribe'])
  })

  it('calls the newest handler of a subscription', async () => {
    const [first, second] = [vi.fn(), vi.fn()]
    const options = () => ({ target: ['main'], onGap: vi.fn() })
    await render(Listening, { handler: first, options: options() })
    await render(Listening, { handler: second, options: options() })
    watched.bus.emitTo('main', 'a')
    await settle()
    expect(first).not.toHaveBeenCalled()
    expect(second).toHaveBeenCalledTimes(1)
    expect(watched.commands()).toEqual(['subscribe'])
  })

  it('never calls an uncommitted handler', async () => {
    const [shown, discarded] = [vi.fn(), vi.fn()]
    const never = new Promise(() => {})
    const Suspending = ({ handler, waits }: Listening & { waits: boolean }) => {
      useEvent('a', handler)
      if (waits) use(never)
      return null
    }
    const tree = (props: Listening & { waits: boolean }) =>
      createElement(Suspense, { fallback: null }, createElement(Suspending, props))
    await act(async () => root.render(tree({ handler: shown, waits: false })))
    await act(async () => startTransition(() => root.render(tree({ handler: discarded, waits: true }))))
    await settle()
    watched.bus.emit('a')
    await settle()
    expect(shown).toHaveBeenCalledTimes(1)
    expect(discarded).not.toHaveBeenCalled()
  })

  it('subscribes again for other arguments', async () => {
    const handler = vi.fn()
    await render(Listening, { handler })
    for (const props of [{ event: 'b' }, { options: { target: 'main' } }, { options: { retained: false } }]) {
      watched.commands()
      await render(Listening, { handler, ...props })
      expect(watched.commands().sort()).toEqual(['subscribe', 'unsubscribe'])
      expect(watched.bus.listeners()).toBe(1)
    }
    const ended = new AbortController()
    await render(Listening, { handler, options: { signal: ended.signal } })
    ended.abort()
    await settle()
    expect(watched.bus.listeners()).toBe(0)
    await render(Listening, { handler, options: { signal: new AbortController().signal } })
    expect(watched.bus.listeners()).toBe(1)
  })

  it('passes gaps to the newest onGap', async () => {
    const gaps: Gap[] = []
    await render(Listening, { handler: vi.fn(), options: { onGap: () => expect.unreachable() } })
    await render(Listening, { handler: vi.fn(), options: { onGap: (gap: Gap) => gaps.push(gap) } })
    const gap = watched.bus.gap('a', { count: 3 })
    await settle()
    expect(gaps).toEqual([gap])
  })

  it.each([false, true])('reports a refusal once (strict: %s)', async (strict) => {
    watched.bus.refuse('a')
    await render(Listening, { handler: vi.fn() }, strict)
    await act(() => new Promise((done) => setTimeout(done, 0)))
    expect(watched.reported).toHaveBeenCalledTimes(1)
    expect(watched.reported.mock.calls[0]?.[0]).toMatchObject({ code: 'denied' })
  })

  it('passes a refusal to onError instead', async () => {
    watched.bus.refuse('a')
    const onError = vi.fn()
    await render(Listening, { handler: vi.fn(), options: { onError } }, true)
    await act(() => new Promise((done) => setTimeout(done, 0)))
    expect(onError.mock.calls).toEqual([[expect.objectContaining({ code: 'denied' })]])
    expect(watched.reported).not.toHaveBeenCalled()
  })
})

describe('useLatest', () => {
  it('shows the payload of the latest event', async () => {
    await render(Showing, {}, true)
    expect(place.textContent).toBe('nothing')
    watched.bus.emit('a', 1)
    watched.bus.emit('a', { b: 2 })
    await settle()
    expect(place.textContent).toBe('{"b":2}')
    watched.bus.emit('a')
    await settle()
    expect(place.textContent).toBe('null')
  })

  it('shows a retained event at once', async () => {
    watched.bus.emit('a', 'kept', { retain: true })
    await render(Showing, { event: '[a]' })
    expect(place.textContent).toBe('"kept"')
    await render(Showing, { event: 'b' })
    expect(place.textContent).toBe('nothing')
    await render(Showing, { event: 'a', options: { retained: false } })
    expect(place.textContent).toBe('nothing')
    expect(watched.bus.listeners()).toBe(1)
  })
})

describe('useEventState', () => {
  it('shows what is set at once and shares it', async () => {
    const settings = watched.bus.page('settings')
    await render(Sharing, {}, true)
    await act(async () => {
      set(1)
      set((before: unknown) => (before as number) + 1)
    })
    expect(place.textContent).toBe('2')
    await settle()
    expect(place.textContent).toBe('2')
    expect(settings.received('zoom')).toEqual([1, 2])
    expect(watched.bus.history('zoom').every(({ retain }) => retain)).toBe(true)
    settings.emit('zoom', 7)
    await settle()
    expect(place.textContent).toBe('7')
  })

  it('begins with the retained value', async () => {
    watched.bus.emit('zoom', 5, { retain: true })
    await render(Sharing, {})
    expect(place.textContent).toBe('5')
    expect(watched.bus.emitted('zoom')).toEqual([])
  })

  it('never shows an own value that was replaced', async () => {
    const shown: unknown[] = []
    const Watching = () => {
      const [value, setValue] = useEventState<unknown>('zoom', 0)
      set = setValue
      shown.push(value)
      return null
    }
    await render(Watching, {})
    await act(async () => set(1))
    await act(async () => set(2))
    await settle()
    expect(shown).toEqual([0, 1, 2])
  })

  it('is reset after a refusal', async () => {
    const onError = vi.fn()
    await render(Sharing, { initial: 'first', onError })
    watched.bus.refuse('zoom', { command: 'emit', code: 'rate_limited' })
    await act(async () => set('second'))
    await settle()
    expect(place.textContent).toBe('"first"')
    expect(onError.mock.calls).toEqual([[expect.objectContaining({ code: 'rate_limited' })]])
    await render(Sharing, { initial: 'first' })
    await act(async () => set('third'))
    await settle()
    expect(place.textContent).toBe('"first"')
    expect(watched.reported).toHaveBeenCalledTimes(1)
  })

  it.each([false, true])('shows one value in a page (strict: %s)', async (strict) => {
    const sets: SetState<number>[] = []
    const shown: string[] = []
    const One = ({ at }: { at: number }) => {
      const [value, setValue] = useEventState<number>('zoom', 100)
      sets[at] = setValue
      return `${value} `
    }
    const Page = ({ late }: { late: boolean }) => {
      useLayoutEffect(() => void shown.push(place.textContent ?? ''))
      return [0, 1, 2].map((at) => (at < 2 || late) && createElement(One, { at, key: at }))
    }
    await render(Page, { late: false }, strict)
    act(() => sets[0]?.(110))
    expect(place.textContent).toBe('110 110 ')
    await act(async () => {
      sets[0]?.((before) => before + 10)
      sets[1]?.((before) => before + 10)
    })
    await settle()
    expect(place.textContent).toBe('130 130 ')
    await render(Page, { late: true }, strict)
    // One that comes later shows it in its first render.
    expect(shown[shown.length - 1]).toBe('130 130 130 ')
  })

  it('gives one function to set it', async () => {
    await render(Sharing, {})
    const before = set
    await render(Sharing, { initial: 9 })
    expect(set).toBe(before)
    await render(Sharing, { event: 'other' })
    expect(set).not.toBe(before)
    expect(place.textContent).toBe('0')
  })
})

it('hydrates what a server has rendered', async () => {
  const Both = () => {
    useEvent('a', vi.fn())
    return createElement('p', null, createElement(Showing), createElement(Sharing, { initial: 'first' }))
  }
  vi.stubGlobal('window', undefined)
  const html = renderToString(createElement(Both))
  vi.unstubAllGlobals()
  vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true)
  expect(html.replaceAll('<!-- -->', '')).toBe('<p>nothing&quot;first&quot;</p>')
  watched.bus.emit('a', 'kept', { retain: true })
  place = document.createElement('div')
  place.innerHTML = html
  const complained = vi.fn()
  await act(async () => {
    root.unmount()
    root = hydrateRoot(place, createElement(Both), { onRecoverableError: complained })
  })
  await settle()
  expect(place.textContent).toBe('"kept""first"')
  expect(complained).not.toHaveBeenCalled()
})

it('shows the value of the server first', async () => {
  await render(Sharing, {})
  await act(async () => set(5))
  const late = document.createElement('div')
  late.innerHTML = '0'
  const complained = vi.fn()
  let other: Root | undefined
  await act(async () => {
    other = hydrateRoot(late, createElement(Sharing), { onRecoverableError: complained })
  })
  expect(complained).not.toHaveBeenCalled()
  expect(late.textContent).toBe('5')
  await act(async () => other?.unmount())
})

it('shares the inbox when bundled by itself', async () => {
  const build = await rolldown({
    input: 'src/frameworks/react.ts',
    external: ['react'],
    resolve: { extensionAlias: { '.js': ['.ts', '.js'] } },
  })
  const { output } = await build.generate({ format: 'cjs' })
  await build.close()
  const bundled = {} as typeof import('../../src/frameworks/react.js')
  new Function('exports', 'require', output[0].code)(bundled, (name: string) => (name === 'react' ? React : undefined))
  expect(bundled.useEvent).not.toBe(useEvent)
  const [own, copied] = [vi.fn(), vi.fn()]
  const sessions = new Set<unknown>()
  const internals = (window as unknown as { __TAURI_INTERNALS__: { invoke(...args: unknown[]): unknown } })
    .__TAURI_INTERNALS__
  const { invoke } = internals
  internals.invoke = (command, args) => {
    sessions.add((args as { session: string }).session)
    return invoke(command, args)
  }
  const Both = () => {
    useEvent('a', own)
    bundled.useEvent('a', copied)
    return null
  }
  await render(Both, {})
  watched.bus.emit('a')
  await settle()
  expect([own.mock.calls.length, copied.mock.calls.length]).toEqual([1, 1])
  expect(sessions.size).toBe(1)
})
