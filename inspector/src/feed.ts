import { messageOf, records } from './host.js'

/** How long to wait after an error, and for a frame that does not come because the window is hidden. */
const AFTER_ERROR_MS = 1000
const HIDDEN_MS = 200

/** What a feed tells of. */
export interface FeedListener {
  /** New records, by their lines. */
  took(lines: readonly string[]): void
  /** Whether the host responds; otherwise why not. */
  connected(problem: string | undefined): void
}

const pause = (millis: number) => new Promise<void>((done) => setTimeout(done, millis))

/** The next frame, so that a flood is read in parts of one frame. */
function frame(): Promise<void> {
  return new Promise((done) => {
    const timer = setTimeout(done, HIDDEN_MS)
    requestAnimationFrame(() => {
      clearTimeout(timer)
      done()
    })
  })
}

/** Reads the tap of the host, for as long as the window is there. */
export async function readFeed(listener: FeedListener): Promise<never> {
  let tap = crypto.randomUUID()
  let after = 0
  for (;;) {
    try {
      const { number, lines } = await records(tap, after)
      listener.connected(undefined)
      after = number
      if (lines.length > 0) listener.took(lines)
      await frame()
    } catch (error) {
      // The host has another tap, or is gone: what came meanwhile is not known.
      listener.connected(messageOf(error))
      await pause(AFTER_ERROR_MS)
      tap = crypto.randomUUID()
      after = 0
    }
  }
}
