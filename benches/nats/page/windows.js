// One window sends pings, and the other one responds with pongs.

const { emit, listen } = window.__TAURI__.eventBus
const { label } = window.__TAURI_INTERNALS__.metadata.currentWebview

/** How many round trips one figure is the mean of: the clock of a page is coarse. */
const ROUND_TRIPS = 50
const FIGURES = 21

let arrived = () => {}

/** Sends a ping, and waits for its pong. */
function roundTrip(number) {
  return new Promise((resolve) => {
    arrived = (pong) => {
      if (pong === number) resolve()
    }
    emit('bench:ping', number)
  })
}

async function probe() {
  await listen('bench:pong', ({ payload }) => arrived(payload))
  // Until the other window listens, nothing comes back.
  const retry = setInterval(() => emit('bench:ping', -1), 100)
  await new Promise((resolve) => {
    arrived = resolve
  })
  clearInterval(retry)
  let number = 0
  const figures = []
  for (let figure = 0; figure < FIGURES; figure += 1) {
    const start = performance.now()
    for (let trip = 0; trip < ROUND_TRIPS; trip += 1) {
      number += 1
      await roundTrip(number)
    }
    figures.push(((performance.now() - start) * 1000) / ROUND_TRIPS)
  }
  // The first ones warm up.
  const sorted = figures.slice(5).sort((one, other) => one - other)
  await emit('bench:measured', sorted[Math.floor(sorted.length / 2)])
}

if (label === 'probe') probe()
else listen('bench:ping', ({ payload }) => emit('bench:pong', payload))
