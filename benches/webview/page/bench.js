// One window of the benchmark. The host says in `BENCH` what it listens to; orders come one by one.

const { event, eventBus, core } = window.__TAURI__
const { listen, send, socket } = window.BENCH
const EVENT = 'bench:event'

/** What this page's clock is behind the host's, in milliseconds. `timeOrigin` alone is off by up to a millisecond. */
let behind = 0

const now = () => performance.timeOrigin + performance.now() + behind

/** Asks the host for the time and takes the answers that came soonest. */
async function setClock() {
  const answers = []
  for (let i = 0; i < 60; i += 1) {
    const asked = now()
    const time = (await core.invoke('clock')) / 1000
    const answered = now()
    answers.push({ took: answered - asked, off: time - (asked + answered) / 2 })
  }
  answers.sort((a, b) => a.took - b.took)
  const best = answers.slice(0, 15).map(({ off }) => off)
  best.sort((a, b) => a - b)
  behind += best[7]
}

/** What has been handled of the stream that is running. */
let stream = { events: 0 }

function begin({ events, keepLatencies }) {
  stream = { events, keepLatencies, seen: new Uint8Array(events), distinct: 0, next: 0 }
  Object.assign(stream, { duplicates: 0, inversions: 0, units: 0, latencies: [] })
}

/** The handler of every way. It notes what came, and in which order, and has a look at the payload. */
function handle({ i, at, body }) {
  if (stream.seen[i]) {
    stream.duplicates += 1
    return
  }
  stream.seen[i] = 1
  if (i !== stream.next) stream.inversions += 1
  stream.next = i + 1
  stream.units += body.length
  if (stream.keepLatencies) stream.latencies.push(now() - at / 1000)
  stream.distinct += 1
  if (stream.distinct === stream.events) {
    const { duplicates, inversions, units, latencies } = stream
    report('handled', { at: now(), duplicates, inversions, units, latencies })
  }
}

function report(kind, value) {
  return core.invoke('report', { kind, value })
}

const listeners = {
  emit: () => event.listen(EVENT, ({ payload }) => handle(payload)),
  channel: () => {
    const channel = new core.Channel()
    channel.onmessage = handle
    return core.invoke('open_channel', { channel })
  },
  websocket: async () => {
    const connection = await connect()
    connection.onmessage = ({ data }) => handle(JSON.parse(data))
  },
  bus: () => eventBus.listen(EVENT, ({ payload }) => handle(payload)),
  limit: async () => {
    answerAfterAnswer()
  },
  none: async () => {},
}

/** Tells the host which window it is, and waits until it knows. */
function connect() {
  return new Promise((resolve, reject) => {
    const connection = new WebSocket(socket)
    connection.onopen = () => connection.send(window.__TAURI_INTERNALS__.metadata.currentWebview.label)
    connection.onmessage = () => resolve(connection)
    connection.onerror = () => reject(new Error('the WebSocket does not connect'))
  })
}

/** Everything that was emitted, as one answer. */
async function answerAfterAnswer() {
  for (;;) {
    const [run] = (await core.invoke('limit')).items
    for (let place = 3; place < run.length; place += 2) handle(run[place])
  }
}

const senders = {
  emit: async () => (payload) => event.emit(EVENT, payload),
  channel: async () => (payload) => core.invoke('relay', { payload }),
  websocket: async () => {
    const connection = await connect()
    return (payload) => connection.send(JSON.stringify(payload))
  },
  bus: async () => (payload) => eventBus.emit(EVENT, payload),
  none: async () => {},
}

let sender

let heard = 0

const listenTo = (name, handler) => (listen === 'bus' ? eventBus : event).listen(name, handler)

const orders = {
  begin,
  /** Sends a stream to the other window. */
  async send({ events, body }) {
    const sent = []
    const at = now()
    for (let i = 0; i < events; i += 1) sent.push(sender({ i, at: Math.round(at * 1000), body }))
    await Promise.all(sent)
    await report('sent', at)
  },
  async subscribe({ names }) {
    await Promise.all(
      names.map((name) =>
        listenTo(name, () => {
          heard += 1
        }),
      ),
    )
  },
  /** Keeps the page from fetching what is emitted meanwhile. */
  async block({ ms }) {
    await report('blocking', null)
    const end = performance.now() + ms
    while (performance.now() < end);
  },
  /** Answers questions, in whichever way they come. */
  async answer() {
    const answerQuestion = ({ n }) => ({ twice: n * 2 })
    window.answerQuestion = answerQuestion
    const answer = ({ payload: { id, question } }) => core.invoke('answer', { id, answer: answerQuestion(question) })
    await event.listen('bench:question', answer)
    await eventBus.respond('bench:question', answerQuestion)
  },
  heard: () => report('heard', heard),
  pulls: () => report('pulls', pulls),
}

let pulls = 0

/** Counts the pulls of an idle page. */
function countPulls() {
  const { fetch } = window
  window.fetch = (resource, init) => {
    if (String(resource).includes('pull')) pulls += 1
    return fetch(resource, init)
  }
}

/** The host waits for the first picture of each window, so nothing is measured before there is one. */
function drawn() {
  return new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))
}

async function main() {
  if (window.BENCH.countPulls) countPulls()
  await setClock()
  await listeners[listen]()
  sender = await senders[send]()
  await drawn()
  await report('ready', null)
  for (;;) {
    const { order, ...options } = await core.invoke('next')
    await orders[order](options)
    await report('done', order)
  }
}

addEventListener('error', ({ message }) => report('failed', message))
main().catch((error) => report('failed', String(error?.message ?? error)))
