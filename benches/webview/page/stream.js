// What a page or a worker receives of a stream of events.

/** The progress of the current stream. */
let stream = { events: 0 }
let now
let report

/** `clock` reads the host's clock in milliseconds, and `tell` gets what was received once all of it was. */
export function keepTime(clock, tell) {
  now = clock
  report = tell
}

export function begin({ events, keepLatencies }) {
  stream = { events, keepLatencies, seen: new Uint8Array(events), distinct: 0, next: 0 }
  Object.assign(stream, { duplicates: 0, inversions: 0, units: 0, latencies: [] })
}

/** The handler of every method. It records arrivals and their order, and reads the payload. */
export function handle({ i, at, body }) {
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
    report({ at: now(), duplicates, inversions, units, latencies })
  }
}
