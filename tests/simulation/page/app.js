// The app in a page: it does what the simulation tells, and notes what it sees.
;(() => {
  const bus = __TAURI__.eventBus
  const note = (kind, value) => __note(kind, JSON.stringify(value))
  const listeners = new Map()
  const responders = new Map()
  const jobs = new Map()
  const aborts = new Map()
  const rooms = new Map()
  const watchers = new Map()
  const wills = new Map()
  /** The number of the subscription that the guest has made last. */
  const newest = () => globalThis[Symbol.for('tauri-plugin-event-bus')].subscriptions.lastId

  const codeOf = (error) =>
    error instanceof bus.EventBusError ? error.code : `${error?.name}: ${error?.message ?? error}`
  /** Notes how a promise settles. Each promise of the app is known by its number. */
  const track = (promise, number, what, brief = () => null) => {
    note('promise', { promise: number, what })
    Promise.resolve(promise).then(
      (value) => note('resolved', { promise: number, value: brief(value) ?? null }),
      (error) => note('rejected', { promise: number, code: codeOf(error) }),
    )
  }

  const briefEvent = ({ event, seq, payload, source, replayed, retained, superseded, tick, timestamp }) => ({
    name: event,
    seq,
    payload,
    source: source.kind === 'host' ? null : source.label,
    replayed,
    retained,
    superseded: superseded ?? 0,
    tick: tick?.count ?? null,
    timestamp,
  })

  const roomOf = (name) => {
    if (!rooms.has(name)) rooms.set(name, bus.presence(name))
    return rooms.get(name)
  }

  const ops = {
    listen({ promise, listener, pattern, options, work, emits, ends, later }) {
      note('opened', { listener, pattern, options })
      const handler = (event) => {
        note('event', { listener, ...briefEvent(event) })
        if (work) __work(work)
        if (emits && event.hops < 2) {
          const number = `${emits.payload}.${event.seq}`
          bus.emit(emits.name, number).catch(() => {})
        }
        if (ends) end()
        // The next event waits for it.
        return later ? new Promise((resolve) => setTimeout(resolve, later)) : undefined
      }
      const onGap = (gap) => note('gap', { listener, ...gap })
      const end = () => {
        subscription.stop()
        if (listeners.delete(listener)) note('ended', { listener })
      }
      const subscription = bus.listen(pattern, handler, { ...options, onGap })
      note('listening', { listener, id: newest() })
      listeners.set(listener, { end, pattern })
      track(subscription, promise, 'listen')
      subscription.catch(() => {
        if (listeners.delete(listener)) note('ended', { listener })
      })
    },
    unlisten({ listener }) {
      listeners.get(listener)?.end()
    },
    unlistenAll({ pattern }) {
      for (const [listener, { pattern: own }] of [...listeners]) {
        if (own === pattern && listeners.delete(listener)) note('ended', { listener })
      }
      bus.unlisten(pattern)
    },
    waitFor({ promise, pattern, timeoutMs }) {
      track(bus.waitFor(pattern, { timeoutMs }), promise, 'waitFor', briefEvent)
    },
    emit({ promise, events }) {
      for (const [index, { name, payload, to, options }] of events.entries()) {
        const sent = to === undefined ? bus.emit(name, payload, options) : bus.emitTo(to, name, payload, options)
        track(sent, promise + index, 'emit', ({ seq, pages, listeners }) => ({ seq, pages, listeners }))
      }
    },
    emitHandled({ promise, name, payload, to, timeoutMs, options }) {
      const handled = bus.emitHandled(name, payload, { ...options, timeoutMs, ...(to !== null && { to }) })
      track(handled, promise, 'emitHandled', ({ receipt, pages, listeners }) => ({
        ...receipt,
        outcomes: pages,
        host: listeners ?? null,
      }))
    },
    join({ promise, room, key, state }) {
      track(roomOf(room).join(state, { key }), promise, 'join')
    },
    leave({ promise, room, key }) {
      track(roomOf(room).leave({ key }), promise, 'leave')
    },
    watch({ promise, watcher, room }) {
      // It has no members of its own, so it can end alone.
      const watched = bus.presence(room)
      note('watching', { watcher, room })
      watchers.set(watcher, watched)
      const tell = (change) => (member) => note('member', { watcher, change, ...member })
      const [first, ...others] = ['join', 'update', 'leave'].map((change) => watched.on(change, tell(change)))
      for (const other of others) other.catch(() => {})
      track(first, promise, 'watch')
    },
    unwatch({ watcher }) {
      watchers.get(watcher)?.stop()
      if (watchers.delete(watcher)) note('watchEnds', { watcher })
    },
    will({ promise, name, payload, options }) {
      const left = bus.will(name, payload, options)
      track(left, promise, 'will')
      left.then(
        (handle) => wills.set(promise, handle),
        () => {},
      )
    },
    stopWill({ promise, will }) {
      const handle = wills.get(will)
      if (!handle) return
      wills.delete(will)
      note('stopping', { will })
      track(handle.stop(), promise, 'stopWill')
    },
    clearRetained({ promise, pattern }) {
      track(bus.clearRetained(pattern), promise, 'clearRetained')
    },
    startJob({ promise, job, name, options }) {
      const started = bus.startJob(name, options)
      track(started, promise, 'startJob')
      started.then(
        (handle) => jobs.set(job, handle),
        () => {},
      )
    },
    controlJob({ promise, job, action, changes }) {
      const handle = jobs.get(job)
      if (!handle) return
      track(action === 'update' ? handle.update(changes) : handle[action](), promise, action)
      if (action === 'stop') jobs.delete(job)
    },
    stopJobs({ promise }) {
      for (const [index, handle] of [...jobs.values()].entries()) track(handle.stop(), promise + index, 'stop')
      jobs.clear()
    },
    respond({ promise, responder, name, manner, ms }) {
      const answer = (request) => ({ echo: request, responder })
      const respond = (request, { signal }) => {
        note('responding', { responder, request })
        if (manner === 'now') return answer(request)
        if (manner === 'throw') throw new Error('refused')
        return new Promise((resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason))
          if (manner === 'later') setTimeout(() => resolve(answer(request)), ms)
        })
      }
      const subscription = bus.respond(name, respond)
      responders.set(responder, subscription)
      track(subscription, promise, 'respond')
    },
    endRespond({ responder }) {
      responders.get(responder)?.stop()
      responders.delete(responder)
    },
    request({ promise, to, name, payload, timeoutMs, abort }) {
      const controller = new AbortController()
      if (abort) aborts.set(promise, controller)
      track(
        bus.request(to, name, payload, { timeoutMs, signal: controller.signal }),
        promise,
        'request',
        (value) => value,
      )
    },
    requestStream({ promise, to, name, count, parts, leaves, work, abort }) {
      const controller = new AbortController()
      if (abort) aborts.set(promise, controller)
      const { signal } = controller
      const stream = bus.requestStream(to, name, { count, promise }, { credit: { parts }, signal })
      // What is wrong with a stream has no code, so the judge sees it.
      const read = async () => {
        let got = 0
        for await (const part of stream) {
          got += 1
          if (part !== got) throw new Error(`part ${got} is ${part}`)
          if (work) __work(work)
          if (got === leaves) return 'left'
        }
        const response = await stream.result
        if (got !== count || response !== count)
          throw new Error(`${got} of ${count} parts, and the response ${response}`)
        return response
      }
      track(read(), promise, 'requestStream', (value) => value)
    },
    openChannel({ promise, name, count, parts, leaves, waits, work, abort }) {
      const controller = new AbortController()
      if (abort) aborts.set(promise, controller)
      const { signal } = controller
      const channel = bus.openChannel(bus.HOST, name, { count }, { credit: { parts }, signal })
      const write = async () => {
        for (let part = 1; part <= count; part += 1) {
          const sent = channel.send(part)
          if (waits) await sent
          // How the channel ends is judged below.
          else sent.catch(() => {})
        }
        channel.close()
      }
      // What is wrong with a channel has no code, so the judge sees it.
      const read = async () => {
        let got = 0
        for await (const part of channel) {
          got += 1
          if (part !== got) throw new Error(`part ${got} is ${part}`)
          if (work) __work(work)
          if (got === leaves) return 'left'
        }
        const end = await channel.closed
        if (end.code !== 'completed') throw new bus.EventBusError(end.code, end.message)
        if (got !== count) throw new Error(`${got} of ${count} parts came back`)
        return got
      }
      write().catch(() => {})
      track(read(), promise, 'openChannel', (value) => value)
    },
    respondStream({ promise, responder, name, waits }) {
      const send = async function* ({ count }, { signal }) {
        for (let part = 1; part <= count; part += 1) {
          if (waits && part % 7 === 0) await new Promise((resolve) => setTimeout(resolve, waits))
          if (signal.aborted) return
          yield part
        }
        return count
      }
      const subscription = bus.respondStream(name, send)
      responders.set(responder, subscription)
      track(subscription, promise, 'respondStream')
    },
    abort() {
      for (const controller of aborts.values()) controller.abort(new Error('the app aborted'))
      aborts.clear()
    },
    listJobs({ promise }) {
      track(bus.listJobs(), promise, 'listJobs', (found) => found.length)
    },
    inspect({ promise }) {
      track(bus.inspect(), promise, 'inspect', (found) => found.webviews.length)
    },
    emitWhenLeft({ name, payload }) {
      // A page may be left several times.
      let times = 0
      addEventListener('pagehide', () => {
        times += 1
        bus.emit(name, `${payload}.${times}`).catch(() => {})
      })
    },
  }

  globalThis.__op = (json) => {
    const op = JSON.parse(json)
    ops[op.op](op)
  }
})()
