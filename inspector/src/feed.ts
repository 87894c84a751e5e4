import { messageOf, records } from './host.js'

/** How long to wait after an error. */
const AFTER_ERROR_MS = 1000

/** What a feed tells of. */
export interface FeedListener {
  /** New records, one a line. Resolves once there is room for more. */
  took(text: string): Promise<void>
  /** Whether the host responds; otherwise why not. */
  connected(problem: string | undefined): void
}

const pause = (millis: number) => new Promise<void>((done) => setTimeout(done, millis))

/** Reads the tap of the host, for as long as the window is there. What there is no room for waits at the host. */
export async function readFeed(listener: FeedListener): Promise<never> {
  let tap = crypto.randomUUID()
  let after = 0
  for (;;) {
    try {
      const { number, text } = await records(tap, after)
      listener.connected(undefined)
      after = number
      if (text !== '') await listener.took(text)
    } catch (error) {
      // The host has another tap, or is gone: what came meanwhile is not known.
      listener.connected(messageOf(error))
      await pause(AFTER_ERROR_MS)
      tap = crypto.randomUUID()
      after = 0
    }
  }
}
