/** Waits for the next task of the page. Not a timer, since browsers slow timers down in hidden pages. */
export function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    // The DOM of some test runners has no channels.
    if (typeof MessageChannel === 'undefined') return resolve()
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      port1.close()
      resolve()
    }
    port2.postMessage(null)
  })
}
