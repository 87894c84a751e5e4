// What a page finds in a webview, as far as the guest and the app use it. Clocks, random numbers and the way to the host
// come from the simulation: `__now`, `__wall`, `__random`, `__send` and `__note`.
;(() => {
  const define = (name, value) => {
    globalThis[name] = value
  }
  define('window', globalThis)
  define('top', globalThis)
  define('location', { href: 'tauri://localhost/', origin: 'tauri://localhost' })

  // A handler that takes long. The page's clock goes on, the others stand still.
  let busy = 0
  define('__work', (ms) => {
    busy += ms
  })
  const now = () => __now() + busy
  define('performance', { now })
  Date.now = () => __wall() + busy

  const text = (parts) => parts.map((part) => String(part)).join(' ')
  const log =
    (level) =>
    (...parts) =>
      __note('log', JSON.stringify({ level, text: text(parts) }))
  define('console', { log() {}, debug() {}, info() {}, warn: log('warn'), error: log('error') })
  define('reportError', (error) => {
    const code = error?.code ?? error?.name ?? 'thrown'
    __note('report', JSON.stringify({ code, text: String(error?.message ?? error) }))
  })

  const timers = new Map()
  let newest = 0
  define('setTimeout', (call, ms = 0, ...args) => {
    newest += 1
    timers.set(newest, { at: now() + Math.max(0, Number(ms) || 0), call: () => call(...args) })
    return newest
  })
  define('clearTimeout', (id) => timers.delete(id))
  const nextTimer = () => {
    let next
    for (const [id, timer] of timers) if (!next || timer.at < next.at) next = { id, ...timer }
    return next
  }
  define('__nextTimer', () => {
    const timer = nextTimer()
    return timer ? Math.max(0, timer.at - busy) : -1
  })
  define('queueMicrotask', (call) => void Promise.resolve().then(call))

  const tasks = []
  define(
    'MessageChannel',
    class {
      constructor() {
        const port = () => ({ onmessage: null, close() {} })
        const [port1, port2] = [port(), port()]
        const post = (to) => (data) => void tasks.push(() => to.onmessage?.({ data }))
        port1.postMessage = post(port2)
        port2.postMessage = post(port1)
        Object.assign(this, { port1, port2 })
      }
    },
  )

  /** Runs the next task, or the first timer that is due. Returns whether there was one. */
  define('__runTask', () => {
    const task = tasks.shift()
    if (task) {
      task()
      return true
    }
    const timer = nextTimer()
    if (!timer || timer.at > now()) return false
    timers.delete(timer.id)
    timer.call()
    return true
  })
  define('__hasTask', () => tasks.length > 0 || (nextTimer()?.at ?? Number.POSITIVE_INFINITY) <= now())

  class Target {
    #listeners = new Map()
    addEventListener(type, listener) {
      if (!this.#listeners.has(type)) this.#listeners.set(type, new Set())
      this.#listeners.get(type).add(listener)
    }
    removeEventListener(type, listener) {
      this.#listeners.get(type)?.delete(listener)
    }
    dispatch(event) {
      for (const listener of [...(this.#listeners.get(event.type) ?? [])]) listener(event)
    }
  }
  const page = new Target()
  define('addEventListener', (type, listener) => page.addEventListener(type, listener))
  define('removeEventListener', (type, listener) => page.removeEventListener(type, listener))
  define('__fire', (type, persisted) => page.dispatch({ type, persisted }))

  class AbortSignal extends Target {
    aborted = false
    reason = undefined
  }
  define('AbortSignal', AbortSignal)
  define(
    'AbortController',
    class {
      signal = new AbortSignal()
      abort(reason = new Error('aborted')) {
        if (this.signal.aborted) return
        Object.assign(this.signal, { aborted: true, reason })
        this.signal.dispatch({ type: 'abort' })
      }
    },
  )

  define('crypto', {
    getRandomValues(values) {
      for (let i = 0; i < values.length; i += 1) values[i] = __random()
      return values
    },
  })

  // As Tauri's own script does, with a message that the simulation carries.
  const callbacks = new Map()
  let sent = 0
  const invoke = (command, payload = {}) =>
    new Promise((resolve, reject) => {
      sent += 1
      callbacks.set(sent, { resolve, reject })
      __send(sent, command, JSON.stringify(payload))
    })
  const settle = (id, isOk, value) => {
    const callback = callbacks.get(id)
    if (!callback) return
    callbacks.delete(id)
    if (isOk) callback.resolve(value)
    else callback.reject(value)
  }
  define('__answerFetched', (id, isOk, json) => settle(id, isOk, JSON.parse(json)))
  // biome-ignore lint/security/noGlobalEval: Tauri evaluates answers on this path.
  define('__answerEvaluated', (id, isOk, json) => settle(id, isOk, globalThis.eval(`(${json})`)))
  define('__TAURI_INTERNALS__', { invoke, metadata: { currentWebview: { label: __label } } })
  // What the host calls a page with.
  define('__called', (call, session, batch) => {
    const run = async () => {
      const inbox = globalThis[Symbol.for('tauri-plugin-event-bus')]
      if (typeof inbox !== 'object' || inbox === null || inbox.session !== session) return false
      const handled = await inbox.receive(batch)
      return typeof handled === 'string' ? handled : false
    }
    const answer = (value) => __note('called', JSON.stringify({ call, answer: value }))
    run().then(answer, () => answer(false))
  })
  define('__TAURI__', {})
})()
