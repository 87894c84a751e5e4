import { readFrame, withBytes } from './bytes.js'

/** How long a page waits for the reply to a pull, in milliseconds. The host holds a pull for 20 seconds. */
export const PULL_PATIENCE_MS = 30_000

// Tests of apps fake timers and run all of them, which would never end with a pull that waits for the next event.
const { setTimeout: startTimer, clearTimeout: stopTimer } = globalThis

/**
 * Reads the reply to a command. Where Tauri pastes replies into a script, JSON would mean something else. There the host
 * sends an array of one string instead, which holds the reply as JSON. A reply with bytes is a frame, or base64 in such a
 * string. `read` reads a reply that came as text.
 */
export function readReply(reply: unknown, read: (text: string) => unknown = JSON.parse): unknown {
  if (reply instanceof ArrayBuffer) return readFrame(reply, read)
  if (!isQuoted(reply)) return reply
  const value = JSON.parse(reply[0])
  return reply.length > 1 ? withBytes(value) : value
}

/** Whether a reply is an array of one string, or of a string and a mark that bytes come with it. */
export function isQuoted(reply: unknown): reply is [string, 1?] {
  return (
    Array.isArray(reply) &&
    typeof reply[0] === 'string' &&
    (reply.length === 1 || (reply.length === 2 && reply[1] === 1))
  )
}

/** Resolves as `reply` does, or to `undefined` if it is lost. */
export function orLost<T>(reply: Promise<T>, patience = PULL_PATIENCE_MS): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const timer = startTimer(resolve, patience, undefined)
    // A test in Node ends, whatever waits for an event.
    ;(timer as { unref?(): void }).unref?.()
    reply.then(resolve, reject).finally(() => stopTimer(timer))
  })
}
