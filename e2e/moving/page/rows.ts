/** What the app does, and what it received: a function for each line of the table in docs/moving.md. */

import { invoke } from '@tauri-apps/api/core'
import { type Event, type EventTarget, emit, emitTo, listen, once, type UnlistenFn } from '@tauri-apps/api/event'
import { getCurrentWebview } from '@tauri-apps/api/webview'
import { getCurrentWebviewWindow, WebviewWindow } from '@tauri-apps/api/webviewWindow'
import { getCurrentWindow, Window } from '@tauri-apps/api/window'
import { mount, on, Room, store } from './forms'

/** What was received, by the name of the event. */
export type Cells = Record<string, unknown>

let ends = 0

/** Returns once this page has received what was emitted before. */
export async function settled(): Promise<void> {
  ends += 1
  const own = `${getCurrentWindow().label} ${ends}`
  let resolve: (() => void) | undefined
  const received = new Promise<void>((done) => {
    resolve = done
  })
  const unlisten = await listen<string>('row:end', ({ payload }) => {
    if (payload === own) resolve?.()
  })
  await invoke('emit_to_all', { name: 'row:end', payload: own })
  await received
  unlisten()
}

/** The result of a call, or how it was refused. */
async function outcome(call: () => Promise<unknown>): Promise<string> {
  try {
    return String(await call())
  } catch {
    return 'refused'
  }
}

/** Listens in some way, emits, and returns what came. */
async function recorded<T>(
  add: (record: (value: unknown) => void) => Promise<UnlistenFn | undefined>,
  emitAll: () => Promise<T>,
): Promise<unknown[]> {
  const lines: unknown[] = []
  const unlisten = await add((value) => lines.push(value))
  await emitAll()
  await settled()
  unlisten?.()
  return lines
}

const toAll = (name: string, payload: unknown) => invoke('emit_to_all', { name, payload })
const toLabel = (label: string, name: string, payload: unknown) => invoke('emit_to_label', { label, name, payload })

const targets: Record<string, EventTarget> = {
  any: { kind: 'Any' },
  app: { kind: 'App' },
  'label-main': { kind: 'AnyLabel', label: 'main' },
  'label-other': { kind: 'AnyLabel', label: 'other' },
  'window-main': { kind: 'Window', label: 'main' },
  'window-other': { kind: 'Window', label: 'other' },
  'webview-main': { kind: 'Webview', label: 'main' },
  'webview-other': { kind: 'Webview', label: 'other' },
  'webview-window-main': { kind: 'WebviewWindow', label: 'main' },
  'webview-window-other': { kind: 'WebviewWindow', label: 'other' },
}

const values: Record<string, () => unknown> = {
  plain: () => ({ a: [1, 'two', null, true], b: { c: {} } }),
  nan: () => [Number.NaN, Number.POSITIVE_INFINITY],
  set: () => new Set([1]),
  map: () => new Map([['a', 1]]),
  bytes: () => new Uint8Array([1, 255]),
  buffer: () => new Uint8Array([2, 3]).buffer,
  date: () => new Date(0),
  undefined: () => [undefined, { a: undefined }],
  ipc: () => ({ a: { __TAURI_TO_IPC_KEY__: () => 'own' } }),
}

export const rows: Record<string, () => Promise<Cells>> = {
  shape: async () => {
    const name = 'row:shape'
    const lines = await recorded(
      (record) =>
        listen(name, (event: Event<{ n: number } | null>): void => {
          record([Object.keys(event).sort(), event.event, typeof event.id, event.payload])
        }),
      async () => {
        await emit(name, { n: 1 })
        await emit(name)
        await toAll(name, { n: 2 })
      },
    )
    return { [name]: lines }
  },

  result: async () => {
    const name = 'row:result'
    return {
      [name]: [
        await outcome(() => emit(name, 1)),
        await outcome(() => emitTo('main', name, 1)),
        await outcome(() => getCurrentWindow().emit(name, 1)),
        await outcome(() => getCurrentWindow().emitTo('main', name, 1)),
      ],
    }
  },

  'any-listener': async () => {
    const name = 'row:any-listener'
    const lines = await recorded(
      (record) => on(name, record),
      async () => {
        await toLabel('other', name, 1)
        await emitTo('other', name, 2)
        await emitTo({ kind: 'Window', label: 'other' }, name, 3)
        await new Window('other').emitTo('other', name, 4)
        await new Window('other').emit(name, 5)
      },
    )
    // As an app does that follows another window.
    const foreign = 'row:any-listener:foreign'
    const followed: unknown[] = []
    const follow = () => listen(foreign, ({ payload }) => followed.push(payload), { target: 'other' })
    const result = await outcome(async () => (await follow()) && 'listens')
    await toLabel('other', foreign, 1)
    await settled()
    return { [name]: lines, [foreign]: { result, followed } }
  },

  broadcast: async () => {
    const cells: Cells = {}
    const listeners: Record<string, (name: string, record: (value: unknown) => void) => Promise<UnlistenFn>> = {
      label: (name, record) => listen(name, ({ payload }) => record(payload), { target: 'main' }),
      window: (name, record) => getCurrentWindow().listen(name, ({ payload }) => record(payload)),
      webview: (name, record) => getCurrentWebview().listen(name, ({ payload }) => record(payload)),
      both: (name, record) => getCurrentWebviewWindow().listen(name, ({ payload }) => record(payload)),
      once: (name, record) => getCurrentWindow().once(name, ({ payload }) => record(payload)),
    }
    for (const [kind, add] of Object.entries(listeners)) {
      const name = `row:broadcast:${kind}`
      cells[name] = await recorded(
        (record) => add(name, record),
        async () => {
          await toLabel('other', name, 1)
          await toLabel('main', name, 2)
          // The listener of `once` has ended everywhere when the next event comes.
          await settled()
          await toAll(name, 3)
          await getCurrentWindow().emit(name, 4)
          await getCurrentWebview().emitTo('main', name, 5)
          await invoke('emit_from_window', { name, payload: 6 })
        },
      )
    }
    return cells
  },

  targets: async () => {
    const names = Object.keys(targets).map((kind) => `row:targets:${kind}`)
    const lines: Record<string, unknown[]> = {}
    await invoke('listen_everywhere', { label: 'main', names })
    const ends = names.flatMap((name) => {
      lines[name] = []
      const record = (listener: string) => (event: Event<unknown>) => lines[name]?.push([listener, event.payload])
      return [
        listen(name, record('any')),
        listen(name, record('label'), { target: 'main' }),
        getCurrentWindow().listen(name, record('window')),
        getCurrentWebview().listen(name, record('webview')),
        getCurrentWebviewWindow().listen(name, record('webview window')),
      ]
    })
    const unlisten = await Promise.all(ends)
    for (const [kind, target] of Object.entries(targets)) {
      await invoke('emit_to_target', { target, name: `row:targets:${kind}`, payload: 'Rust' })
      await emitTo(target, `row:targets:${kind}`, 'page')
    }
    await settled()
    await invoke('settle')
    for (const end of unlisten) end()
    const cells: Cells = {}
    for (const name of names) {
      const inRust = await invoke<unknown[]>('heard', { name })
      cells[name] = { page: lines[name]?.map(String).sort(), rust: inRust.map(String).sort() }
    }
    return cells
  },

  filter: async () => {
    const name = 'row:filter'
    let seen: { kind: string; label?: string }[] = []
    const lines: unknown[] = []
    const unlisten = await Promise.all([
      getCurrentWebviewWindow().listen(name, ({ payload }) => lines.push(['webview window', payload])),
      getCurrentWindow().listen(name, ({ payload }) => lines.push(['window', payload])),
    ])
    await invoke('listen_everywhere', { label: 'main', names: [name] })
    for (const label of ['main', 'other', 'hub']) {
      seen = await invoke('emit_where', { label, name, payload: label })
    }
    await settled()
    await invoke('settle')
    for (const end of unlisten) end()
    const isSeen = (kind: string, label?: string) => seen.some((own) => own.kind === kind && own.label === label)
    const kinds = [isSeen('App'), isSeen('Window', 'main'), isSeen('WebviewWindow', 'main'), isSeen('Window', 'hub')]
    const inRust = await invoke<unknown[]>('heard', { name })
    return { [name]: { page: lines.map(String), rust: inRust.map(String).sort(), kinds } }
  },

  'unknown-label': async () => {
    const name = 'row:unknown-label'
    const results: string[] = []
    for (const label of ['phone-hub', 'hub']) {
      results.push(await outcome(() => emitTo(label, name, label)))
      results.push(await outcome(() => toLabel(label, name, label)))
    }
    return { [name]: results }
  },

  late: async () => {
    const name = 'row:late'
    await toAll(name, 9)
    await settled()
    return { [name]: window.received[name] }
  },

  values: async () => {
    const cells: Cells = {}
    for (const [kind, value] of Object.entries(values)) {
      const name = `row:values:${kind}`
      await invoke('listen_everywhere', { label: 'main', names: [name] })
      let result = ''
      const lines = await recorded(
        (record) => on(name, record),
        async () => {
          result = await outcome(() => emit(name, value()))
        },
      )
      await invoke('settle')
      const inRust = await invoke<unknown[]>('heard', { name })
      cells[name] = { result, page: JSON.stringify(lines), rust: inRust.map(String).sort() }
    }
    const name = 'row:values:text'
    const lines = await recorded(
      (record) => on(name, record),
      () => outcome(() => invoke('emit_text', { name, json: '{"a":1,"a":2}' })),
    )
    return { ...cells, [name]: lines }
  },

  size: async () => {
    const name = 'row:size'
    let result = ''
    const lines = await recorded<string>(
      (record) => on<string>(name, (payload) => record(payload.length)),
      async () => {
        result = await outcome(() => emit(name, 'x'.repeat(150_000)))
        return outcome(() => toAll(name, 'y'.repeat(200_000)))
      },
    )
    return { [name]: { result, lines } }
  },

  rate: async () => {
    const name = 'row:rate'
    let results: string[] = []
    const lines = await recorded(
      (record) => on(name, record),
      async () => {
        results = await Promise.all(Array.from({ length: 600 }, (_, n) => outcome(() => emit(name, n))))
      },
    )
    return { [name]: { refused: results.includes('refused'), isComplete: lines.length === 600 } }
  },

  once: async () => {
    const name = 'row:once'
    const id = await invoke<number>('listen_once', { name })
    const lines = await recorded(
      (record) => once<number>(name, ({ payload }) => record(payload)),
      async () => {
        await emit(name, 1)
        await toAll(name, 2)
      },
    )
    await invoke('settle')
    await invoke('unlisten', { id })
    await emit(name, 3)
    await invoke('settle')
    const inRust = await invoke<unknown[]>('heard', { name })
    return { [name]: { page: lines, rust: inRust.map(String).sort() } }
  },

  forms: async () => {
    const room = new Room()
    await room.open('row:forms:room')
    await emit('row:forms:room', { text: 'in' })
    await settled()
    room.close()
    await emit('row:forms:room', { text: 'out' })
    const stored: number[] = []
    const unsubscribe = await store('row:forms:store', 0).subscribe((value) => stored.push(value))
    await toAll('row:forms:store', 1)
    await settled()
    unsubscribe()
    await settled()
    await toAll('row:forms:store', 2)
    const mounted: unknown[] = []
    const unmount = mount('row:forms:unmounted', ({ payload }) => mounted.push(payload))
    unmount()
    await settled()
    await toAll('row:forms:unmounted', 1)
    await settled()
    return { 'row:forms:room': room.messages, 'row:forms:store': stored, 'row:forms:unmounted': mounted }
  },

  'closed-window': async () => {
    const name = 'row:closed-window'
    const window = new WebviewWindow('third', { url: location.pathname, width: 200, height: 200 })
    const made = await new Promise((done) => {
      window.once('tauri://created', ({ event }) => done(event))
      window.once('tauri://error', ({ payload }) => done(payload))
    })
    await invoke('listen_in_window', { label: 'third', name })
    await emit(name, 1)
    await invoke('settle')
    let destroy: ((event: string) => void) | undefined
    const destroyed = new Promise<string>((done) => {
      destroy = done
    })
    await window.once('tauri://destroyed', ({ event }) => destroy?.(event))
    await invoke('close', { label: 'third' })
    await destroyed
    await emit(name, 2)
    await invoke('settle')
    return { [name]: [made, await destroyed, await invoke('heard', { name })] }
  },

  ids: async () => {
    const name = 'row:ids'
    const ids: number[] = []
    await listen(name, ({ id }) => ids.push(id))
    await toAll(name, 1)
    await settled()
    const { unregisterListener } = (window as unknown as { __TAURI_EVENT_PLUGIN_INTERNALS__: Internals })
      .__TAURI_EVENT_PLUGIN_INTERNALS__
    unregisterListener(name, ids[0] ?? -1)
    await toAll(name, 2)
    await settled()
    return { [name]: { areEqual: new Set(ids).size === 1, received: ids.length } }
  },

  'inside-emit': async () => ({ 'row:inside-emit': await invoke('emit_and_look', { name: 'row:inside-emit' }) }),

  threads: async () => {
    const name = 'row:threads'
    const lines = await recorded(
      (record) => on(name, (payload) => record(String(payload))),
      () => invoke('emit_in_threads', { name, threads: 4, each: 50 }),
    )
    return { [name]: lines }
  },

  slow: async () => {
    const name = 'row:slow'
    const lines = await recorded(
      (record) => on(name, record),
      () => invoke('emit_on_the_main_thread', { name, count: 3000 }),
    )
    return { [name]: { isComplete: lines.length === 3000, last: lines.at(-1) } }
  },

  names: async () => {
    const cells: Cells = {}
    const names = {
      'row:names-255': `row:${'n'.repeat(251)}`,
      'row:names-256': `row:${'n'.repeat(252)}`,
      'row:names-own': 'event-bus:own',
      'row:names-tauri': 'tauri://own',
    }
    for (const [cell, name] of Object.entries(names)) {
      cells[cell] = [
        await outcome(async () => (await listen(name, () => {}))()),
        await outcome(() => emit(name, 1)),
        await outcome(() => toAll(name, 1)),
      ]
    }
    return cells
  },

  permission: async () => ({
    unlisted: [
      await outcome(async () => (await listen('unlisted', () => {}))()),
      await outcome(() => emit('unlisted', 1)),
      await outcome(() => toAll('unlisted', 1)),
    ],
  }),

  frame: async () => {
    const frame = document.createElement('iframe')
    frame.srcdoc = '<p>a frame</p>'
    const loaded = new Promise((done) => frame.addEventListener('load', done, { once: true }))
    document.body.append(frame)
    await loaded
    const inner = frame.contentWindow as unknown as Record<string, unknown> | null
    const has = typeof inner?.__TAURI_INTERNALS__
    frame.remove()
    return { 'row:frame': has }
  },

  throwing: async () => {
    const name = 'row:throwing'
    let count = 0
    await listen(name, () => {
      throw new Error('a listener throws')
    })
    for (let others = 0; others < 6; others += 1) {
      await listen(name, () => {
        count += 1
      })
    }
    await toAll(name, 1)
    await settled()
    return { [name]: count }
  },

  panic: async () => ({ 'row:panic': await invoke('emit_to_one_that_panics', { name: 'row:panic' }) }),
}

interface Internals {
  unregisterListener(event: string, id: number): void
}
