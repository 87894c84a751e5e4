import { listen } from '@tauri-apps/api/event'

/** A wrapper, as many apps have one. */
export function on<T>(name: string, handler: (payload: T) => void) {
  return listen<T>(name, ({ payload }) => handler(payload))
}
