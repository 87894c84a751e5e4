/** How long a page waits for the reply to a pull, in milliseconds. The host holds a pull for 20 seconds. */
export const PULL_PATIENCE_MS = 30_000

// Tests of apps fake timers and run all of them, which would never end with a pull that waits for the next event.
const { setTimeout: startTimer, clearTimeout: stopTimer } = globalThis

/**
 * Reads the reply to a command. Where Tauri pastes replies into a script, JSON would mean something else. There the host
 * sends an array of one string instead, which holds the reply as JSON.
 */
export function readReply(reply: unknown): unknown {
  return isQuoted(reply) ? JSON.parse(reply[0]) : reply
}

export function isQuoted(reply: unknown): reply is [string] {
  return Array.isArray(reply) && reply.length === 1 && typeof reply[0] === 'string'
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
