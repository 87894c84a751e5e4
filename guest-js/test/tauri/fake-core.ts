import { vi } from 'vitest'
import { resetFirstReply } from '../../src/core/first-reply.js'
import { INBOX } from '../../src/core/realm.js'
import { resetNotes } from '../../src/tauri/payload.js'
import { FakeHost } from '../fake-host.js'

interface CoreListener {
  event: string
  target: unknown
  callback: number
}

/** Tauri's own event system, as a page sees it, beside a host of the event bus. */
export class FakeTauri {
  readonly host = new FakeHost()
  /** Listeners in core, by their ids. */
  readonly listeners = new Map<number, CoreListener>()
  /** What was emitted through core. */
  readonly emitted: Record<string, unknown>[] = []
  /** What to reject a command of core with, if anything. */
  refuse: (command: string) => unknown = () => undefined
  private readonly callbacks = new Map<number, (data: unknown) => void>()
  private lastId = 0

  /** Puts this in the place of Tauri, with the parts of compatible mode that are given. */
  install(compatible: { core: boolean; values: boolean } | null): void {
    Reflect.deleteProperty(globalThis, INBOX)
    resetFirstReply()
    resetNotes()
    const internals = {}
    // As Tauri does, so nothing of it is writable.
    Object.defineProperties(internals, {
      invoke: { value: (command: string, args: Record<string, unknown>) => this.invoke(command, args) },
      transformCallback: { value: (callback: (data: unknown) => void) => this.register(callback) },
      metadata: { value: { currentWindow: { label: 'main' }, currentWebview: { windowLabel: 'main', label: 'main' } } },
    })
    const page: Record<string, unknown> = {
      __TAURI_INTERNALS__: internals,
      __TAURI_EVENT_BUS_INTERNALS__: { compatible },
      __TAURI_EVENT_PLUGIN_INTERNALS__: {
        unregisterListener: (_: string, id: number) => this.callbacks.delete(this.listeners.get(id)?.callback ?? 0),
      },
    }
    page.top = page
    vi.stubGlobal('window', page)
  }

  /** Emits an event through core, as a plugin of Tauri does. */
  emit(event: string, payload: unknown): void {
    for (const [id, listener] of [...this.listeners]) {
      if (listener.event === event) this.callbacks.get(listener.callback)?.({ event, payload, id })
    }
  }

  private register(callback: (data: unknown) => void): number {
    this.lastId += 1
    this.callbacks.set(this.lastId, callback)
    return this.lastId
  }

  private async invoke(command: string, args: Record<string, unknown>): Promise<unknown> {
    if (command.startsWith('plugin:event-bus|')) return this.host.invoke(command, args)
    const reason = this.refuse(command)
    if (reason !== undefined) throw reason
    switch (command) {
      case 'plugin:event|listen': {
        this.lastId += 1
        const { event, target, handler } = args as { event: string; target: unknown; handler: number }
        this.listeners.set(this.lastId, { event, target, callback: handler })
        return this.lastId
      }
      case 'plugin:event|unlisten':
        this.listeners.delete(args.eventId as number)
        return null
      case 'plugin:event|emit':
      case 'plugin:event|emit_to':
        this.emitted.push(args)
        this.emit(args.event as string, args.payload ?? null)
        return null
      default:
        throw `Command ${command} not found`
    }
  }
}
