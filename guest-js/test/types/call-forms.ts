// Calls as apps write them, most of them against Tauri's own API. Each must compile, under every compiler that is supported.
import type * as tauri from '@tauri-apps/api/event'
import {
  type BusEvent,
  clearRetained,
  type Event,
  type EventCallback,
  emit,
  emitTo,
  events,
  HOST,
  listen,
  namespace,
  on,
  once,
  type Receipt,
  request,
  respond,
  type Subscription,
  startJob,
  type UnlistenFn,
  waitFor,
} from 'tauri-plugin-event-bus-api'

interface Progress {
  done: number
}

interface Saved {
  path: string
}

declare module 'tauri-plugin-event-bus-api' {
  interface EventMap {
    'form:saved': { path: string }
    'form:renamed': { from: string }
    // biome-ignore lint/suspicious/noConfusingVoidType: Apps write it so.
    'form:closed': void
  }
  interface RequestMap {
    'form:load': { request: { path: string }; response: { text: string } }
  }
}

declare function useEffect(effect: () => undefined | (() => void)): void
declare const handle: (event: Event<Progress>) => void
declare const save: (payload: Saved) => Promise<void>

// 1–7: annotated handlers, of names in the map and of others.
listen('progress', (event: Event<Progress>) => console.log(event.payload.done))
listen('progress', (event: BusEvent<Progress>) => console.log(event.payload.done, event.seq))
listen('progress', (event: tauri.Event<Progress>): void => console.log(event.payload.done))
listen('progress', ({ payload }: { payload: Progress }) => console.log(payload.done))
listen('form:saved', (event: Event<Saved>) => console.log(event.payload.path))
listen('form:saved', (event: BusEvent<Saved, 'form:saved'>) => console.log(event.payload.path))
listen('form:saved', (event: { payload: Saved }) => console.log(event.payload.path))

// 8–11: handlers that are declared elsewhere.
const callback: EventCallback<Progress> = (event) => console.log(event.payload.done)
listen('progress', callback)
listen('progress', handle)
listen('form:closed', (() => {}) as EventCallback<null>)
class Store {
  done = 0
  // biome-ignore lint/suspicious/noExplicitAny: Code that is moved over may say any.
  onAny = (event: Event<any>): void => console.log(event.payload.whatever)
  onProgress({ payload }: Event<Progress>): void {
    this.done = payload.done
  }
  start(): Promise<UnlistenFn[]> {
    return Promise.all([listen('progress', this.onProgress.bind(this)), listen('form:saved', this.onAny)])
  }
}
export const store = new Store()

// 12–15: one type argument, which asserts the payload.
listen<Progress>('progress', (event) => console.log(event.payload.done))
listen<Progress>('progress', ({ payload: { done } }) => console.log(done))
listen<string>('progress:text', (event) => console.log(event.payload.length))
// biome-ignore lint/suspicious/noExplicitAny: Code that is moved over may say any.
listen<any>('progress', (event) => console.log(event.payload.whatever))

// 16–20: wrappers.
export function onEvent<T>(name: string, cb: EventCallback<T>) {
  return listen<T>(name, cb)
}
export function onEventInferred<T>(name: string, cb: EventCallback<T>): Promise<UnlistenFn> {
  return listen(name, cb)
}
export const onPayload = <T>(name: string, cb: (payload: T) => void): Subscription =>
  listen<T>(name, (event) => cb(event.payload))
export async function onIn<T>(label: string, name: string, cb: EventCallback<T>): Promise<UnlistenFn> {
  return listen<T>(name, cb, { target: { kind: 'WebviewWindow', label } })
}
export function useListen<T>(name: string, cb: EventCallback<T>): void {
  useEffect(() => listen<T>(name, cb))
}

// 21–23: async handlers.
listen('progress', async (event: Event<Progress>) => {
  await Promise.resolve(event.payload.done)
})
listen('form:saved', async ({ payload }) => save(payload))
on('form:saved', save)

// 24–25: effects of components.
useEffect(() => {
  const p = listen('progress', () => {})
  return () => {
    p.then((u) => u())
  }
})
useEffect(() => {
  let unlisten: UnlistenFn | undefined
  listen<Progress>('progress', handle).then((off) => {
    unlisten = off
  })
  return () => unlisten?.()
})

// 26–29: what is kept of a subscription.
export async function keep(): Promise<UnlistenFn> {
  let unlisten: UnlistenFn
  unlisten = await listen('progress', handle)
  unlisten()
  unlisten = await once<Progress>('progress', handle)
  const offs: UnlistenFn[] = await Promise.all([
    listen('a', () => {}),
    listen<number>('b', () => {}),
    on('c', () => {}),
  ])
  const all: Promise<UnlistenFn>[] = [listen('a', () => {})]
  all.push(listen('form:saved', () => {}))
  const names = ['a', 'b'].map((name) => listen(name, handle))
  for (const off of [...offs, ...(await Promise.all([...all, ...names]))]) off()
  return unlisten
}

// 30–34: names from constants, enums and template literals.
const SAVED = 'form:saved'
const NAMES = { progress: 'progress', saved: 'form:saved' } as const
enum Name {
  Progress = 'progress',
}
declare const id: number
listen(SAVED, (event) => console.log(event.payload.path))
listen(NAMES.saved, (event: Event<Saved>) => console.log(event.payload.path))
listen(Name.Progress, (event: Event<Progress>) => console.log(event.payload.done))
listen(`progress:${id}`, (event: Event<Progress>) => console.log(event.payload.done))

// 35–37: patterns, with and without a match in the map.
listen('form:*', (event) => {
  if (event.event === 'form:saved') console.log(event.payload.path)
})
listen('progress:*', (event: Event<Progress>) => console.log(event.payload.done))
on('form:*', (payload: Saved | { from: string } | null) => console.log(payload))

// 38–41: the other functions that listen.
once('progress', (event: Event<Progress>) => console.log(event.payload.done))
on('progress', ({ done }: Progress) => console.log(done))
on<Progress>('progress', ({ done }, event) => console.log(done, event.seq))
export async function first(): Promise<number> {
  for await (const value of events<Progress>('progress')) {
    if ('payload' in value) return value.payload.done
  }
  const saved = await waitFor('form:saved', { filter: ({ payload }) => payload.path !== '', timeoutMs: 5_000 })
  const { payload } = await waitFor<Progress>('progress', { filter: (event) => event.payload.done > 1 })
  const annotated = await waitFor('progress', { filter: (event: Event<Progress>) => event.payload.done > 1 })
  return saved.payload.path.length + payload.done + annotated.payload.done
}

// 42–48: emitting, also where nobody wants the receipt.
export const saveAll = async (): Promise<void> => emit('form:saved', { path: '/a' })
export const closeAll = (): Promise<void> => emit('form:closed')
export async function send<T>(name: string, payload?: T): Promise<void> {
  await emit<T>(name, payload)
  return emitTo('main', name, payload)
}
export const sent: Promise<void>[] = [emit('progress', { done: 1 }), emitTo(HOST, 'progress'), namespace('a').emit('b')]
export async function receipt(): Promise<Receipt> {
  const { seq } = await emit('progress', { done: 1 })
  const whole: Receipt = await emit<Progress>('progress', { done: seq })
  const [one, two] = await Promise.all([emit('a'), emitTo('main', 'b')])
  console.log(one.seq + two.pages, (await emit('c')).listeners, whole?.seq)
  return emit('d')
}
emit(SAVED, { path: '/a' }, { except: 'main' })
emit(Name.Progress, { done: 1 })
emitTo({ kind: 'WebviewWindow', label: 'main' }, 'progress', { done: 1 }, { except: ['a', HOST] })

// 49–52: in the place of Tauri's functions.
export const bus: Pick<typeof tauri, 'listen' | 'once' | 'emit' | 'emitTo'> = { listen, once, emit, emitTo }
export const listenLater: typeof tauri.listen = listen
export type Listen = (name: string, cb: (event: Event<unknown>) => void) => Promise<() => void>
export const injected: Listen = listen
export const parameters: Parameters<typeof listen> = ['progress', (event) => console.log(event.payload)]

// 53–56: requests and jobs.
respond('load', (path: string) => path.length)
respond('form:load', async ({ path }: { path: string }, { caller }) => ({ text: path + caller.kind }))
export async function ask(): Promise<number> {
  const { text } = await request('main', 'form:load', { path: '/a' })
  return text.length + (await request<number>(HOST, 'sum', [1, 2]))
}
startJob<Progress>('progress', { everyMs: 10, payload: { done: 1 } })

// 57–60: in a namespace and a component.
const forms = namespace('form')
forms.listen('saved', (event: Event<Saved>) => console.log(event.payload.path))
forms.listen('progress', (event: Event<Progress>) => console.log(event.payload.done))
forms.component('Editor').listen<Progress>('progress', handle)
export const cleared: Promise<number> = clearRetained('form:*')
