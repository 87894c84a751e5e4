/** The forms in which apps listen. */

import { type Event, type EventCallback, type EventName, listen, type UnlistenFn } from '@tauri-apps/api/event'

/** A generic wrapper. */
export function on<T>(name: EventName, handler: (payload: T) => void): Promise<UnlistenFn> {
  return listen<T>(name, (event: Event<T>) => handler(event.payload))
}

/** A class that listens, with a handler of its own type. */
export class Room {
  readonly messages: string[] = []
  private unlisten: UnlistenFn | undefined
  private readonly add: EventCallback<{ text: string }> = ({ payload }) => {
    this.messages.push(payload.text)
  }

  async open(name: string): Promise<void> {
    this.unlisten = await listen<{ text: string }>(name, this.add)
  }

  close(): void {
    this.unlisten?.()
  }
}

/** A store as frameworks have it: it listens while somebody subscribes. */
export function store<T>(name: string, initial: T) {
  let value = initial
  const subscribers = new Set<(value: T) => void>()
  let listening: Promise<UnlistenFn> | undefined
  return {
    async subscribe(subscriber: (value: T) => void): Promise<() => void> {
      subscribers.add(subscriber)
      subscriber(value)
      listening ??= on<T>(name, (next) => {
        value = next
        for (const each of subscribers) each(next)
      })
      await listening
      return () => {
        subscribers.delete(subscriber)
        if (subscribers.size > 0) return
        // As components do whose `listen` may not have resolved yet.
        listening?.then((unlisten) => unlisten())
        listening = undefined
      }
    },
  }
}

/** A component that may be unmounted before `listen` has resolved. */
export function mount(name: string, handler: EventCallback<unknown>): () => void {
  let isMounted = true
  let unlisten: UnlistenFn | undefined
  listen(name, handler).then((end) => {
    if (isMounted) unlisten = end
    else end()
  })
  return () => {
    isMounted = false
    unlisten?.()
  }
}
