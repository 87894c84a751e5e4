// A window of the benchmark. `BENCH` says what it listens to; the host sends orders one by one.

import { begin, handle, keepTime } from './stream.js'

const { event, eventBus, core } = window.__TAURI__
const { listen, send, socket } = window.BENCH
const EVENT = 'bench:event'

/** How far the clock of this page is behind the host's, in milliseconds. `timeOrigin` alone is off by up to one. */
let behind = 0

const now = () => performance.timeOrigin + performance.now() + behind

/**
 * Reads the host's clock repeatedly and uses the faster half of the samples. The clock of the page counts whole milliseconds, so
 * a sample is off by up to a half, and the mean of many by little.
 */
async function setClock() {
  const samples = []
  for (let i = 0; i < 300; i += 1) {
    const before = now()
    const time = (await core.invoke('clock')) / 1000
    const after = now()
    samples.push({ took: after - before, off: time - (before + after) / 2 })
  }
  samples.sort((a, b) => a.took - b.took)
  const best = samples.slice(0, samples.length / 2)
  behind += best.reduce((sum, { off }) => sum + off, 0) / best.length
}

/** Handles a message of a channel or a WebSocket: JSON, or the number, the time and bytes. */
function handleMessage(data) {
  if (!(data instanceof ArrayBuffer)) return handle(data)
  const head = new DataView(data)
  handle({ i: head.getFloat64(0, true), at: head.getFloat64(8, true), body: new Uint8Array(data, 16) })
}

function report(kind, value) {
  return core.invoke('report', { kind, value })
}

const listeners = {
  emit: () => event.listen(EVENT, ({ payload }) => handle(payload)),
  channel: () => {
    const channel = new core.Channel()
    channel.onmessage = handleMessage
    return core.invoke('open_channel', { channel })
  },
  websocket: async () => {
    const connection = await connect()
    connection.onmessage = ({ data }) => handleMessage(typeof data === 'string' ? JSON.parse(data) : data)
  },
  bus: () => eventBus.listen(EVENT, ({ payload }) => handle(payload)),
  pull: () => listeners.bus(),
  stream: async () => {
    const { label } = window.__TAURI_INTERNALS__.metadata.currentWebview
    const parts = eventBus.requestStream(eventBus.HOST, 'bench:stream', label)
    const read = async () => {
      for await (const part of parts) handle(part)
    }
    read().catch((error) => report('failed', String(error?.message ?? error)))
  },
  worker: startWorker,
  limit: async () => {
    readLimits()
  },
  none: async () => {},
}

/** Gives an order to the worker that listens instead of this page. */
let orderWorker
let postToWorker

/** How long a message to the worker takes, without the bus, in milliseconds. */
let messageToWorker

async function timeMessages() {
  const body = 'x'.repeat(64)
  for (let i = 0; i < READINGS; i += 1) {
    await new Promise((rested) => setTimeout(rested, 4 + Math.random() * 2))
    postToWorker({ order: 'time', value: { at: now(), body } })
  }
  messageToWorker = await orderWorker('meanTime')
}

/** The frames of this page while its worker receives a flood. */
let frames

function watchFrames() {
  const own = { last: performance.now(), longest: 0 }
  frames = own
  const note = (time) => {
    own.longest = Math.max(own.longest, time - own.last)
    own.last = time
    if (own === frames) requestAnimationFrame(note)
  }
  requestAnimationFrame(note)
}

/** The longest time between two frames, in milliseconds. */
function endFrames() {
  const { last, longest } = frames ?? {}
  frames = undefined
  return last && Math.max(longest, performance.now() - last)
}

/** How often the clock of the worker is read. */
const READINGS = 400

async function startWorker() {
  const { expose } = await import('./members.js')
  const worker = new Worker('worker.js', { type: 'module' })
  await expose(worker, { name: 'bench' }).connected
  let resolve
  worker.onmessage = ({ data }) =>
    data.handled
      ? report('handled', { ...data.handled, longestFrame: endFrames(), messageToWorker })
      : resolve(data.done)
  postToWorker = (message) => worker.postMessage(message)
  orderWorker = (order, value) =>
    new Promise((done) => {
      resolve = done
      worker.postMessage({ order, value })
    })
  // Clocks that count whole milliseconds are read at random moments, so that the mean is between them.
  let sum = 0
  for (let i = 0; i < READINGS; i += 1) {
    await new Promise((rested) => setTimeout(rested, Math.random() * 3))
    const before = now()
    const there = await orderWorker('clock')
    sum += (before + now()) / 2 - there
  }
  await orderWorker('listen', sum / READINGS)
}

/** Sends the label of this window to the host, and waits until the host has received it. */
function connect() {
  return new Promise((resolve, reject) => {
    const connection = new WebSocket(socket)
    connection.binaryType = 'arraybuffer'
    connection.onopen = () => connection.send(window.__TAURI_INTERNALS__.metadata.currentWebview.label)
    connection.onmessage = () => resolve(connection)
    connection.onerror = () => reject(new Error('the WebSocket does not connect'))
  })
}

/** Handles a whole stream, which arrives as one call where the host can call pages. */
window.handleLimit = (batch) => handleAll(JSON.parse(batch))

function handleAll({ items: [run] }) {
  for (let place = 3; place < run.length; place += 2) handle(run[place])
}

/** Handles each whole stream, which arrives as one response elsewhere. */
async function readLimits() {
  for (;;) handleAll(await core.invoke('limit'))
}

const senders = {
  emit: async () => (payload) => event.emit(EVENT, payload),
  channel: async () => (payload) => core.invoke('relay', { payload }),
  websocket: async () => {
    const connection = await connect()
    return (payload) => connection.send(JSON.stringify(payload))
  },
  bus: async () => (payload) => eventBus.emit(EVENT, payload),
  pull: () => senders.bus(),
  none: async () => {},
}

let sender

let received = 0

const listenTo = (name, handler) => (listen === 'bus' || listen === 'pull' ? eventBus : event).listen(name, handler)

const orders = {
  async begin(stream) {
    if (!orderWorker) return begin(stream)
    if (!stream.keepLatencies) watchFrames()
    else if (messageToWorker === undefined) await timeMessages()
    return orderWorker('begin', stream)
  },
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
          received += 1
        }),
      ),
    )
  },
  /** Blocks the page, so that it fetches nothing. */
  async block({ ms }) {
    await report('blocking', null)
    const end = performance.now() + ms
    while (performance.now() < end);
  },
  /** Responds to requests of every method. */
  async respond() {
    const respondTo = ({ n }) => ({ twice: n * 2 })
    window.respondTo = respondTo
    const respond = ({ payload: { id, payload } }) => core.invoke('respond', { id, response: respondTo(payload) })
    await event.listen('bench:request', respond)
    await eventBus.respond('bench:request', respondTo)
    await eventBus.listen('bench:handled', () => {})
  },
  received: () => report('received', received),
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

/** Resolves after the first frame. Nothing is measured before that. */
function drawn() {
  return new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))
}

async function main() {
  if (window.BENCH.countPulls) countPulls()
  await setClock()
  keepTime(now, (handled) => report('handled', handled))
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
