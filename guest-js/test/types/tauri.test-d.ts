// The entry `tauri` has exactly the types of `@tauri-apps/api/event`: each is assignable to the other, both ways.
import * as core from '@tauri-apps/api/event'
import * as entry from 'tauri-plugin-event-bus-api/tauri'

/** `true` if the types are the same to the compiler, `any` and optional members included. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

function same<_ extends true>(): void {}

same<Same<typeof entry, typeof core>>()
same<Same<keyof typeof entry, keyof typeof core>>()
same<Same<entry.Event<string>, core.Event<string>>>()
same<Same<entry.EventCallback<string>, core.EventCallback<string>>>()
same<Same<entry.EventName, core.EventName>>()
same<Same<entry.EventTarget, core.EventTarget>>()
same<Same<entry.Options, core.Options>>()
same<Same<entry.TauriEvent, core.TauriEvent>>()
same<Same<entry.TauriEvent.WINDOW_BLUR, core.TauriEvent.WINDOW_BLUR>>()
same<Same<entry.UnlistenFn, core.UnlistenFn>>()

let ofEntry: typeof entry = core
let ofCore: typeof core = entry
ofEntry = ofCore
ofCore = ofEntry

// Forms that apps use.
interface Progress {
  done: number
}
const handler = (event: core.Event<Progress>) => console.log(event.payload.done)
const unlisten: Promise<core.UnlistenFn> = entry.listen<Progress>('progress', handler)
const nothing: Promise<void> = entry.emit('progress', { done: 1 })
const wrapper = <T>(name: string, callback: core.EventCallback<T>): Promise<core.UnlistenFn> =>
  entry.once(name, callback)
const bound: (typeof core)['emitTo'] = entry.emitTo

export { bound, nothing, unlisten, wrapper }

// @ts-expect-error: a handler of another payload
entry.listen<string>('progress', handler)
// @ts-expect-error: no such target
entry.emitTo({ kind: 'window' }, 'progress')
