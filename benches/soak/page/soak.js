// A page under load. It keeps what each of its listeners receives, in short, and follows the orders of the driver.

const { core, eventBus: bus } = window.__TAURI__

/** What each listener has received since the last report, by its id. */
const tallies = new Map()

/** Whatever else was wrong. */
let faults = []

const report = (kind, value = null) => core.invoke('report', { kind, value })

/** Text of a length that follows from the number. The host makes the same. */
const padOf = (number) => 'x'.repeat((number * 37) % 200)

/** Enters an event: it extends the latest run of its name, or begins another one. */
function enter(tally, event) {
  const { event: name, payload, retained, superseded = 0, tick, seq } = event
  const number = tick ? payload.i + tick.count - 1 : payload.i
  if (!tick && payload.pad !== padOf(number)) faults.push(`${name} ${number} has a wrong payload`)
  if (seq <= tally.seq && !retained) faults.push(`${name} ${number} has the number ${seq} after ${tally.seq}`)
  tally.seq = Math.max(seq, tally.seq)
  const first = number - superseded
  const run = tally.latest.get(name)
  if (run && !run.retained && !retained && run.last + 1 === first) {
    run.last = number
    return
  }
  const next = { name, first, last: number, retained }
  tally.latest.set(name, next)
  tally.items.push(next)
}

function watch(id, pattern, options) {
  const tally = { items: [], latest: new Map(), seq: 0 }
  tallies.set(id, tally)
  tally.subscription = bus.listen(pattern, (event) => enter(tally, event), {
    ...options,
    onGap: ({ count, atMost, reason }) => tally.items.push({ count, atMost, reason }),
  })
  return tally.subscription
}

function take(tally) {
  const { items } = tally
  tally.items = []
  tally.latest.clear()
  return items
}

function collect() {
  const listeners = Object.fromEntries(Array.from(tallies, ([id, tally]) => [id, take(tally)]))
  const collected = { listeners, faults }
  faults = []
  return collected
}

const numbersOf = ({ from, count }) => Array.from({ length: count }, (_, place) => from + place)

const emit = (order) =>
  Promise.all(
    numbersOf(order).map((i) => bus.emit(order.name, { i, pad: padOf(i) }, { retain: order.retain ?? false })),
  )

/** Pauses a job for a moment, unless it has ended before. */
async function pauseFor(job, everyMs) {
  try {
    await job.pause()
    await job.update({ everyMs: everyMs + 1 })
    await job.resume()
  } catch (error) {
    if (error.code !== 'unknown_job') throw error
  }
}

const actions = {
  emit: (order) => emit(order).then(() => null),

  /** Emits while it leaves. */
  leave: (order) => {
    void emit(order)
    location.reload()
    return new Promise(() => {})
  },

  /** Is busy; the host cannot reach it meanwhile. */
  burn: ({ ms }) => {
    for (const end = performance.now() + ms; performance.now() < end; );
    return null
  },

  listen: async ({ listener, pattern }) => {
    await watch(listener, pattern, { replay: false, retained: false })
    return null
  },

  unlisten: async ({ listener }) => {
    const tally = tallies.get(listener)
    await tally.subscription.stop()
    tallies.delete(listener)
    return take(tally)
  },

  /** Sends requests; some of them are cancelled. */
  request: async ({ to, from, count, cancel }) => {
    const outcomes = await Promise.all(
      numbersOf({ from, count }).map(async (i) => {
        const target = to === 'host' ? bus.HOST : to
        if (!cancel) return (await bus.request(target, 'double', i)) === 2 * i ? 'ok' : 'a wrong response'
        const aborter = new AbortController()
        const response = bus.request(target, 'hold', false, { signal: aborter.signal })
        setTimeout(() => aborter.abort())
        return response.then(
          () => 'a response',
          ({ code }) => (code === 'cancelled' ? 'ok' : code),
        )
      }),
    )
    return outcomes.filter((outcome) => outcome !== 'ok')
  },

  /** Runs a job to its end. */
  job: async ({ name, from, count, everyMs, pause }) => {
    const ended = new Promise((resolve) => {
      const id = `${name} ${from}`
      const listening = bus.listen('event-bus:job-stopped', async ({ payload }) => {
        if (payload.id !== id) return
        await listening.stop()
        resolve(payload.reason)
      })
    })
    const options = { id: `${name} ${from}`, everyMs, count, missedTicks: 'burst', payload: { i: from } }
    const job = await bus.startJob(name, options)
    if (pause) await pauseFor(job, everyMs)
    return ended
  },

  /** A job that only the end of the window ends. */
  keepJob: async ({ job: id }) => {
    await bus.startJob('idle:tick', { id, everyMs: 3_600_000, replace: true })
    return null
  },
}

window.addEventListener('error', ({ message }) => faults.push(message))
window.addEventListener('unhandledrejection', ({ reason }) => faults.push(`unhandled: ${reason?.message ?? reason}`))

// The next page reports what this one has received.
window.addEventListener('pagehide', () => sessionStorage.setItem('before', JSON.stringify(collect())))

async function begin() {
  const before = sessionStorage.getItem('before')
  sessionStorage.removeItem('before')
  const fixed = {
    all: 'load:all',
    latest: 'load:latest',
    state: 'load:state',
    to: 'to:*',
    from: 'from:*',
    wait: 'wait:*',
    jobs: 'job:*',
    pulse: 'pulse',
  }
  const listening = Object.entries(fixed).map(([id, pattern]) => watch(id, pattern))
  const live = { replay: false, retained: false }
  const parts = [
    ...listening,
    bus.respond('double', (number) => 2 * number),
    bus.respond('hold', (reports) => {
      if (reports) void report('held')
      return new Promise(() => {})
    }),
    bus.listen('soak:barrier', ({ payload }) => report(`barrier ${payload}`, collect()), live),
    bus.listen(
      'soak:order',
      async ({ payload: { id, action, ...order } }) => {
        try {
          await report(`done ${id}`, { value: await actions[action](order) })
        } catch (error) {
          await report(`done ${id}`, { error: `${error.code ?? ''} ${error.message ?? error}` })
        }
      },
      live,
    ),
  ]
  await Promise.all(parts)
  await report('ready', before && JSON.parse(before))
}

begin().catch((error) => report('failed', String(error)))
