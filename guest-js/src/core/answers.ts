/** How long a page waits for the answer to a pull, in milliseconds. The host holds a pull for 20 seconds. */
export const PULL_PATIENCE_MS = 30_000

// Tests of apps fake timers and run all of them, which would never end with a pull that waits for the next event.
const { setTimeout: startTimer, clearTimeout: stopTimer } = globalThis

/**
 * Reads the answer to a command. Where Tauri pastes answers into a script, JSON would mean something else. There the host
 * sends an array of one string instead, which holds the answer as JSON.
 */
export function readAnswer(answer: unknown): unknown {
  return isQuoted(answer) ? JSON.parse(answer[0]) : answer
}

export function isQuoted(answer: unknown): answer is [string] {
  return Array.isArray(answer) && answer.length === 1 && typeof answer[0] === 'string'
}

/** Resolves as `answer` does, or to `undefined` if it is lost. */
export function orLost<T>(answer: Promise<T>, patience = PULL_PATIENCE_MS): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const timer = startTimer(resolve, patience, undefined)
    // A test in Node ends, whatever waits for an event.
    ;(timer as { unref?(): void }).unref?.()
    answer.then(resolve, reject).finally(() => stopTimer(timer))
  })
}
