import type { EventTarget, Options } from '@tauri-apps/api/event'
import { emit, emitTo } from './emit.js'
import { listen, once } from './listen.js'

type Method = (this: { readonly label: string }, ...args: never[]) => unknown

/** A class of Tauri's that listens and emits for a window. */
interface EventClass {
  readonly prototype: Record<string, unknown>
}

/** What of `window.__TAURI__` listens and emits. */
export interface TauriGlobal {
  event?: object
  readonly window?: { readonly Window?: EventClass }
  readonly webview?: { readonly Webview?: EventClass }
  readonly webviewWindow?: { readonly WebviewWindow?: EventClass }
}

const replaced = new WeakSet<object>()

/** Puts the functions of this entry in the place of Tauri's in `window.__TAURI__`, once. */
export function replaceEvents(tauri: TauriGlobal): void {
  if (replaced.has(tauri)) return
  replaced.add(tauri)
  tauri.event = Object.freeze({ ...tauri.event, emit, emitTo, listen, once })
  replaceMethods(tauri.window?.Window, 'Window')
  replaceMethods(tauri.webview?.Webview, 'Webview')
  replaceMethods(tauri.webviewWindow?.WebviewWindow, 'WebviewWindow')
}

/** Replaces the methods of a class. The names of Tauri, also the local ones of new windows, stay with the class. */
function replaceMethods(owner: EventClass | undefined, kind: 'Window' | 'Webview' | 'WebviewWindow'): void {
  const methods = owner?.prototype
  if (!methods) return
  const replace = (name: string, place: number, method: Method) => {
    const original = methods[name] as Method | undefined
    if (!original) return
    methods[name] = function (this: { readonly label: string }, ...args: unknown[]) {
      const isTauris = /^tauri:\/\//i.test(String(args[place]))
      return (isTauris ? original : method).apply(this, args as never[])
    }
  }
  const optionsFor = (label: string): Options => ({ target: { kind, label } as EventTarget })
  replace('listen', 0, function (event, handler) {
    return listen(event, handler, optionsFor(this.label))
  })
  replace('once', 0, function (event, handler) {
    return once(event, handler, optionsFor(this.label))
  })
  replace('emit', 0, (event, payload) => emit(event, payload))
  replace('emitTo', 1, (target, event, payload) => emitTo(target, event, payload))
}
