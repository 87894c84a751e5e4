import { KEY, randomId } from './messages.js'

/** Holds a Web Lock as long as this realm lives, and resolves to its name; to `undefined` where there are none. */
export function holdLock(): Promise<string | undefined> {
  return new Promise((resolve) => {
    const { locks } = (globalThis as { navigator?: Partial<Navigator> }).navigator ?? {}
    if (!locks) return resolve(undefined)
    const name = `${KEY}:${randomId()}`
    const held = locks.request(name, () => {
      resolve(name)
      return new Promise(() => {})
    })
    // A frame with an opaque origin has none, either.
    held.catch(() => resolve(undefined))
  })
}

/** Calls back once the realm has ended that holds a lock. Returns what ends the wait. */
export function whenReleased(name: string | undefined, then: () => void): () => void {
  const { locks } = (globalThis as { navigator?: Partial<Navigator> }).navigator ?? {}
  if (name === undefined || !locks) return () => {}
  const controller = new AbortController()
  locks.request(name, { signal: controller.signal }, then).catch(() => {})
  return () => controller.abort()
}
