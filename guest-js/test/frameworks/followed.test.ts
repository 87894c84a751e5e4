import { Blob } from 'node:buffer'
import { act, createElement, StrictMode } from 'react'
import { createRoot as createReactRoot } from 'react-dom/client'
import { createSignal, createRoot as createSolidRoot } from 'solid-js'
import { flushSync, mount, unmount } from 'svelte'
import { get } from 'svelte/store'
import { afterEach, beforeEach, describe, expect, it, type Mock, vi } from 'vitest'
import { effectScope, nextTick, ref, shallowRef } from 'vue'
import { contentOfStream, followStream, followTask } from '../../src/frameworks/followed.js'
import * as react from '../../src/frameworks/react.js'
import * as solid from '../../src/frameworks/solid.js'
import * as svelteStore from '../../src/frameworks/svelte-store.js'
import * as vue from '../../src/frameworks/vue.js'
import { HOST, requestStream } from '../../src/index.js'
import Following from '../components/Following.svelte'
import { type Watched, watchedBus } from '../page.js'

let watched: Watched
/** How many streams have begun and ended at the host. */
let begun: number
let ended: number
let open: (value: unknown) => void
beforeEach(() => {
  watched = watchedBus()
  begun = 0
  ended = 0
  const opened = new Promise((resolve) => {
    open = resolve
  })
  watched.bus.respondStream('count', async function* (to) {
    begun += 1
    try {
      for (let number = 1; number <= Number(to); number += 1) yield number
      if (Number(to) > 2) await opened
      return 'done'
    } finally {
      ended += 1
    }
  })
  watched.bus.registerTask('export', async (args: number, task) => {
    task.progress(0.5)
    await Promise.race([opened, new Promise((resolve) => (task.signal.onabort = resolve))])
    if (task.signal.aborted) throw task.signal.reason
    return args
  })
})
afterEach(() => watched.end())

const settled = () => watched.bus.settled()

describe('in React', () => {
  const shown: react.StreamView[] = []
  let task: ReturnType<typeof react.useTask>
  const parts = vi.fn()

  function Streaming({ to, enabled }: { to: number; enabled?: boolean }) {
    const { stop: _, ...view } = react.useStream(HOST, 'count', to, {
      onPart: parts,
      ...(enabled === false && { enabled }),
    })
    shown.push(view)
    return `${view.state} ${view.part} ${view.response}`
  }

  function Working({ name }: { name: string }) {
    task = react.useTask<number>(name, 'k')
    return `${task.state} ${task.progress?.fraction} ${task.result} ${task.error?.code}`
  }

  function Sending({ payload }: { payload: unknown }) {
    const { state, error } = react.useStream(HOST, 'count', payload)
    return `${state} ${error?.code}`
  }

  async function render<Props extends object>(component: (props: Props) => string, props: Props) {
    const place = document.createElement('div')
    const root = createReactRoot(place)
    const draw = (next: Props) =>
      act(async () => root.render(createElement(StrictMode, null, createElement(component, next))))
    await draw(props)
    await act(settled)
    const leave = () => act(async () => root.unmount())
    return { text: () => place.textContent, draw, leave }
  }

  beforeEach(() => vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true))

  it('a stream runs while mounted', async () => {
    const { text, draw, leave } = await render(Streaming, { to: 2 })
    expect(text()).toBe('completed 2 done')
    // StrictMode has mounted it twice, and left the first one.
    expect([begun, ended]).toEqual([2, 2])
    await draw({ to: 2 })
    await act(settled)
    expect(begun).toBe(2)
    await draw({ to: 3 })
    await act(settled)
    expect([begun, text()]).toEqual([3, 'running 3 undefined'])
    await leave()
    await settled()
    expect(ended).toBe(2)
    open(0)
    await settled()
    await vi.waitFor(() => expect(ended).toBe(3))
    expect(watched.reported).not.toHaveBeenCalled()
  })

  it('a stream that is not enabled is idle', async () => {
    const { text, leave } = await render(Streaming, { to: 2, enabled: false })
    expect([begun, text()]).toEqual([0, 'idle undefined undefined'])
    await leave()
  })

  it('a payload that JSON would empty is compared', async () => {
    const { text, draw, leave } = await render(Sending, { payload: new Map([['rows', 1]]) })
    await draw({ payload: new Map([['rows', 1]]) })
    await act(settled)
    expect([begun, text()]).toEqual([2, 'completed undefined'])
    await draw({ payload: new Map([['rows', 2]]) })
    await act(settled)
    expect([begun, text()]).toEqual([3, 'completed undefined'])
    await leave()
  })

  it('a payload that is refused shows as a failure', async () => {
    const { text, draw, leave } = await render<{ payload: unknown }>(Sending, { payload: 1n })
    expect(text()).toBe('failed invalid_payload')
    const cycle: unknown[] = []
    cycle.push(cycle)
    await draw({ payload: cycle })
    expect(text()).toBe('failed invalid_payload')
    await draw({ payload: 1 })
    await act(settled)
    expect([begun, text()]).toEqual([1, 'completed undefined'])
    await leave()
  })

  it('a task is attached to, started and cancelled', async () => {
    const first = await render(Working, { name: 'export' })
    expect(first.text()).toBe('idle undefined undefined undefined')
    await act(async () => void task.start(7))
    await act(settled)
    expect(first.text()).toBe('running 0.5 undefined undefined')
    await first.leave()
    // It goes on, and another component attaches.
    const second = await render(Working, { name: 'export' })
    expect(second.text()).toBe('running 0.5 undefined undefined')
    await act(() => task.cancel())
    await act(settled)
    expect(second.text()).toBe('cancelled 0.5 undefined cancelled')
    await act(async () => void task.start(8))
    await act(settled)
    expect(second.text()).toBe('running 0.5 undefined undefined')
    open(0)
    await act(settled)
    expect(second.text()).toBe('completed 0.5 8 undefined')
    await second.leave()
    const failing = await render(Working, { name: 'none' })
    await act(async () => void task.start())
    await act(settled)
    expect(failing.text()).toBe('failed undefined undefined no_responder')
    await failing.leave()
  })
})

describe('in Vue', () => {
  it('follows in an effect scope', async () => {
    const scope = effectScope()
    const to = ref(2)
    const begin = () => ({
      stream: vue.useStream<number, string>(HOST, 'count', to),
      task: vue.useTask<number>('export', 'k'),
    })
    const { stream, task } = scope.run(begin) as ReturnType<typeof begin>
    await settled()
    expect(stream.view.value).toMatchObject({ state: 'completed', part: 2, response: 'done' })
    expect(task.view.value.state).toBe('idle')
    to.value = 3
    await nextTick()
    await settled()
    expect([begun, stream.view.value.state]).toEqual([2, 'running'])
    stream.stop()
    expect(stream.view.value.state).toBe('stopped')
    const result = task.start(7)
    await settled()
    expect(task.view.value.progress?.fraction).toBe(0.5)
    open(0)
    expect(await result).toBe(7)
    await settled()
    expect(task.view.value).toMatchObject({ state: 'completed', result: 7 })
    scope.stop()
  })
})

describe.each(['Vue', 'Solid'])('a payload that changes in %s', (framework) => {
  /** Requests a stream with a payload. Gives what shows, what changes the payload, and what ends it. */
  function begin(first: unknown) {
    if (framework === 'Vue') {
      const payload = shallowRef(first)
      const scope = effectScope()
      const stream = scope.run(() => vue.useStream(HOST, 'count', payload))
      return {
        view: () => stream?.view.value,
        change: (next: unknown) => {
          payload.value = next
        },
        end: () => scope.stop(),
      }
    }
    return createSolidRoot((end) => {
      const [payload, change] = createSignal(first)
      const [view] = solid.createStream(HOST, 'count', payload)
      return { view, change: (next: unknown) => void change(() => next), end }
    })
  }

  it('requests another stream', async () => {
    const { view, change, end } = begin(new Set([1]))
    await settled()
    change(new Set([2]))
    await nextTick()
    await settled()
    expect([begun, view()?.state]).toEqual([2, 'completed'])
    change(new Set([2]))
    await nextTick()
    await settled()
    expect(begun).toBe(2)
    end()
  })

  it('fails where it is refused', async () => {
    const { view, change, end } = begin(1n)
    await settled()
    expect(view()).toMatchObject({ state: 'failed', error: { code: 'invalid_payload' } })
    change(2)
    await nextTick()
    await settled()
    expect(view()?.state).toBe('completed')
    end()
  })
})

describe('in Solid', () => {
  it('follows while owned', async () => {
    const [to, setTo] = createSignal(2)
    const { stream, task, end } = createSolidRoot((end) => ({
      stream: solid.createStream<number, string>(HOST, 'count', to),
      task: solid.createTask<number>('export', 'k'),
      end,
    }))
    await settled()
    expect(stream[0]()).toMatchObject({ state: 'completed', part: 2, response: 'done' })
    setTo(3)
    await settled()
    expect([begun, stream[0]().state]).toEqual([2, 'running'])
    void task[1].start(7)
    await settled()
    expect(task[0]().state).toBe('running')
    end()
    open(0)
    await vi.waitFor(() => expect(ended).toBe(2))
  })
})

describe('in Svelte', () => {
  it('follows while mounted', async () => {
    const target = document.createElement('div')
    document.body.append(target)
    const component = mount(Following as never, { target, props: { to: HOST } as never })
    flushSync()
    await settled()
    flushSync()
    const text = () => target.querySelector('p')?.textContent
    expect(text()?.trim()).toBe('completed 2 idle')
    target.querySelector('button')?.click()
    open(0)
    await settled()
    flushSync()
    expect(text()).toBe('completed 2 completed 7')
    await unmount(component)
    target.remove()
  })

  it('follows while a store has subscribers', async () => {
    const stream = svelteStore.streamStore<number, string>(HOST, 'count', 3)
    const task = svelteStore.taskStore<number>('export', 'k')
    expect(get(stream).state).toBe('running')
    const offs = [stream.subscribe(() => {}), task.subscribe(() => {})]
    await settled()
    expect(get(stream)).toMatchObject({ state: 'running', part: 3 })
    void task.start(7)
    open(0)
    await settled()
    expect(get(stream)).toMatchObject({ state: 'completed', response: 'done' })
    expect(get(task)).toMatchObject({ state: 'completed', result: 7 })
    for (const off of offs) off()
  })
})

describe('cancelling a task', () => {
  it('ignores a task that is unknown', async () => {
    const { subscribe, cancel } = followTask('export', 'none')
    await cancel()
    const off = subscribe(() => {})
    await settled()
    await cancel()
    off()
    expect(watched.commands()).toContain('cancel_task')
  })

  it('rejects where the page may not', async () => {
    const { subscribe, cancel } = followTask('export', 'k')
    const off = subscribe(() => {})
    await settled()
    const { invoke } = (window as unknown as { __TAURI_INTERNALS__: { invoke: Mock } }).__TAURI_INTERNALS__
    invoke.mockRejectedValueOnce({ code: 'denied', message: 'no' })
    await expect(cancel()).rejects.toMatchObject({ code: 'denied' })
    off()
  })
})

describe('a handler of parts that fails', () => {
  it.each([
    [
      'throws',
      (error: Error) => (): never => {
        throw error
      },
    ],
    ['rejects', (error: Error) => () => Promise.reject(error)],
  ])('does not end the stream: %s', async (_, failingWith) => {
    const error = new Error('on purpose')
    const { get, subscribe } = followStream(() => requestStream(HOST, 'count', 2), failingWith(error))
    const off = subscribe(() => {})
    await settled()
    expect(get()).toMatchObject({ state: 'completed', part: 2, response: 'done', error: undefined })
    expect(watched.reported.mock.calls).toEqual([[error], [error]])
    off()
  })
})

describe('what stands for a payload', () => {
  const contentOf = (payload: unknown) => contentOfStream(HOST, 'count', payload, {})
  const [blob, other] = [new Blob(['a']), new Blob(['b'])]

  it.each<[string, unknown, unknown, unknown]>([
    ['a text', 'a', 'a', 'b'],
    ['nothing', undefined, undefined, null],
    ['a map', new Map([['a', 1]]), new Map([['a', 1]]), new Map([['a', 2]])],
    ['a set', { all: new Set([1]) }, { all: new Set([1]) }, { all: new Set([2]) }],
    ['an array buffer', Uint8Array.of(1).buffer, Uint8Array.of(1).buffer, Uint8Array.of(2).buffer],
    ['bytes of every value', Uint8Array.of(0, 0x81, 0xff), Uint8Array.of(0, 0x81, 0xff), Uint8Array.of(0, 0x9d, 0xff)],
    ['several pieces', pieces([1, 2], [3]), pieces([1, 2], [3]), pieces([1], [2, 3])],
    ['a blob', [blob], [blob], [other]],
    ['a refused one', 1n, 2n, undefined],
  ])('is the same for the same content: %s', (_, payload, same, changed) => {
    expect(contentOf(payload)).toBe(contentOf(same))
    expect(contentOf(payload)).not.toBe(contentOf(changed))
  })

  function pieces(...lists: number[][]) {
    return lists.map((list) => Uint8Array.from(list))
  }
})
