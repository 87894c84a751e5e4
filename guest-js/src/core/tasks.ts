/** Node.js does not end while such a port is referenced. */
type Port = MessagePort & { ref?(): void; unref?(): void }

const waiting: (() => void)[] = []

/** Where a message is posted for each task. */
let sender: MessagePort | undefined
let receiver: Port | undefined

function open(): void {
  const { port1, port2 } = new MessageChannel()
  receiver = port1
  sender = port2
  port1.onmessage = () => {
    const resolve = waiting.shift()
    if (waiting.length === 0) receiver?.unref?.()
    resolve?.()
  }
}

/**
 * Waits for the next task of the page. Not a timer, since browsers slow timers down in hidden pages. One channel serves all
 * tasks: WebKit's network process keeps a hundred bytes of each channel that a page has ever made.
 */
export function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    // The DOM of some test runners has no channels.
    if (typeof MessageChannel === 'undefined') return resolve()
    if (!sender) open()
    waiting.push(resolve)
    receiver?.ref?.()
    sender?.postMessage(null)
  })
}

/** An element that is in no page. */
let toggled: HTMLDetailsElement | undefined

/**
 * Waits for a task of the document. In WebKit, a message to a port takes a turn through another process, which is ten times
 * as long as an event that an element queues.
 */
export function nextTaskOfDocument(): Promise<void> {
  if (typeof document === 'undefined') return nextTask()
  toggled ??= document.createElement('details')
  const element = toggled
  return new Promise((resolve) => {
    element.addEventListener('toggle', () => resolve(), { once: true })
    element.open = !element.open
  })
}
