import { hasInitializationScript, isIsolated, isMocked, MOCKED } from './page.js'

/** How long the first command of a page may take, in milliseconds. */
export const FIRST_REPLY_MS = 5_000

// Tests of apps fake timers and run all of them.
const { setTimeout: startTimer, clearTimeout: stopTimer } = globalThis

let isWatched = false

/** Watches the first command of a page, which has otherwise no end where something drops it. Returns what ends that. */
export function watchFirstReply(command: string): () => void {
  if (isWatched) return () => {}
  isWatched = true
  const blocked: string[] = []
  const note = ({ blockedURI, effectiveDirective }: SecurityPolicyViolationEvent) => {
    const text = `${effectiveDirective} blocks ${blockedURI}`
    if (/\bipc\b|isolation/i.test(text)) blocked.push(text)
  }
  // A page without a document, such as that of a test, has no policy.
  const page = typeof document === 'undefined' ? undefined : document
  page?.addEventListener('securitypolicyviolation', note)
  const timer = startTimer(() => {
    console.error(
      `event bus: "${command}", the page's first command, has no reply after 5 seconds. ${likelyCause(blocked)}`,
    )
  }, FIRST_REPLY_MS)
  // A test in Node ends, whatever waits for a reply.
  ;(timer as { unref?(): void }).unref?.()
  return () => {
    stopTimer(timer)
    page?.removeEventListener('securitypolicyviolation', note)
  }
}

/** Forgets that a command was watched. Only tests have several pages. */
export function resetFirstReply(): void {
  isWatched = false
}

function likelyCause(blocked: readonly string[]): string {
  if (isMocked()) return MOCKED
  if (blocked.length > 0) {
    return `The content security policy is in the way: ${blocked.join(', ')}. Allow ipc: http://ipc.localhost in connect-src`
  }
  const cause = isIsolated()
    ? 'The hook of the isolation pattern may drop it: let each message pass whose cmd begins with "plugin:event-bus|"'
    : 'Neither the content security policy nor a capability is in the way: code may block the main thread of the host'
  return hasInitializationScript() ? cause : `${cause}. Also register the plugin before the window is made`
}
