/** What was thrown, as it is sent. */
export interface Failure {
  readonly name: string
  readonly message: string
  readonly stack?: string
}

/** A message may have been cut within a character. */
function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, '\ufffd')
}

/** Describes what was thrown. Never throws. */
export function failureOf(reason: unknown, withStack: boolean): Failure {
  try {
    if (typeof reason !== 'object' || reason === null) return { name: 'Error', message: wellFormed(String(reason)) }
    const { name, message, stack } = reason as { name?: unknown; message?: unknown; stack?: unknown }
    return {
      name: typeof name === 'string' ? wellFormed(name) : 'Error',
      message: typeof message === 'string' ? wellFormed(message) : 'it threw an object without a message',
      ...(withStack && typeof stack === 'string' && { stack: wellFormed(stack) }),
    }
  } catch {
    // A getter or a proxy may throw in its turn.
    return { name: 'Error', message: 'it threw a value that cannot be read' }
  }
}
