// A worker that listens instead of its page.

import { connect, listen } from './members.js'
import { begin, handle, keepTime } from './stream.js'

/** How far the clock of this worker is behind the host's, in milliseconds. */
let behind = 0

const now = () => performance.timeOrigin + performance.now() + behind

/** How long the messages of the page took, in milliseconds. */
const times = []

const orders = {
  meanTime: () => times.reduce((sum, time) => sum + time, 0) / times.length,
  clock: now,
  async listen(off) {
    behind = off
    keepTime(now, (handled) => postMessage({ handled }))
    await listen('bench:event', ({ payload }) => handle(payload))
  },
  begin,
}

connect()
addEventListener('message', async ({ data: { order, value } }) => {
  if (order === 'time') times.push(now() - value.at)
  else postMessage({ done: await orders[order](value) })
})
