import { EventBusError } from '../core/error.js'
import type { Endpoint } from '../types/endpoint.js'
import type { TappedEvent, TappedPayload, TappedRequest, TappedResponse, TapRecord } from '../types/tap.js'
import {
  compare,
  isEqual,
  type RecordedEvent,
  type Replay,
  type ReplayDifference,
  type ReplayOptions,
} from './compare.js'
import type { TestHost } from './host.js'
import { type PayloadText, payloadText } from './payload.js'
import type { Recording } from './recording.js'
import type { Label } from './requests.js'
import { invalidArgument } from './results.js'

type Settle = () => Promise<void>

/** Plays a recording against the page under test, and compares. */
export async function replay(
  host: TestHost,
  { records }: Recording,
  { sources }: ReplayOptions,
  settle: Settle,
): Promise<Replay> {
  const isPlayed = playedBy(host.label, sources)
  for (const label of labelsOf(records)) if (!host.labels.has(label)) host.play(label)
  const ends = responsesOf(records)
  const endResponders = respond(host, records, ends, isPlayed)
  const before = host.accepted.length
  const responses: Promise<ReplayDifference[]>[] = []
  let played = 0
  try {
    await settle()
    for (const record of records) {
      if (record.kind === 'event' && isPlayed(record.source)) {
        playEvent(host, record)
      } else if (record.kind === 'request' && isPlayed(record.source) && isUnderTest(host, record.receiver)) {
        if (record.stream) continue
        responses.push(playRequest(host, record, ends.get(record.request)))
      } else continue
      played += 1
      await settle()
    }
    const later = (await Promise.all(responses)).flat()
    await settle()
    // When a job ticks is a matter of time, which a replay has not.
    const isCompared = (source: Endpoint, tick: unknown) => isUnderTest(host, source) && !tick
    const accepted = host.accepted.slice(before).filter(({ source, extras }) => isCompared(source, extras.tick))
    const emitted = accepted.map(({ event, to, payload }) => ({ name: event, to, payload }))
    const recorded = records.flatMap((record) =>
      record.kind === 'event' && isCompared(record.source, record.tick) ? [recordedOf(record)] : [],
    )
    const lost = records.reduce((sum, record) => sum + (record.kind === 'lost' ? record.count : 0), 0)
    return { played, emitted, differences: [...compare(recorded, emitted), ...later], lost }
  } finally {
    endResponders()
  }
}

function playedBy(label: string, sources: ReplayOptions['sources']): (source: Endpoint) => boolean {
  const textOf = (source: Endpoint) =>
    JSON.stringify([source.kind, source.kind === 'webview' ? source.label : source.kind === 'node' && source.node])
  const own = textOf({ kind: 'webview', label })
  if (!sources) return (source) => textOf(source) !== own
  const chosen = new Set(
    sources.map((source) => textOf(typeof source === 'string' ? { kind: 'webview', label: source } : source)),
  )
  if (chosen.has(own)) {
    throw invalidArgument(`the page "${label}" is under test, so it cannot be played: leave it out of \`sources\``)
  }
  return (source) => chosen.has(textOf(source))
}

function isUnderTest(host: TestHost, endpoint: Endpoint): boolean {
  return endpoint.kind === 'webview' && endpoint.label === host.label
}

/** The labels of all pages that a recording names. */
function labelsOf(records: readonly TapRecord[]): Set<string> {
  const endpoints = records.flatMap((record) => {
    const named: Endpoint[] = []
    if ('source' in record) named.push(record.source)
    if ('receiver' in record) named.push(record.receiver)
    if (record.kind === 'event') named.push(...(record.routes ?? []).map(({ receiver }) => receiver))
    return named
  })
  const labels = endpoints.flatMap((endpoint) => (endpoint.kind === 'webview' ? [endpoint.label] : []))
  const targets = records.flatMap((record) => (record.kind === 'event' && record.to !== undefined ? [record.to] : []))
  const plain = targets.flat().flatMap((part) => (typeof part === 'string' && !/[*?[]/.test(part) ? [part] : []))
  return new Set([...labels, ...plain])
}

/** The payload of a record, with its bytes. */
function payloadOf(name: string, record: TappedPayload): unknown {
  if (record.cut) {
    throw invalidArgument(
      `the recording has ${record.cut.bytes} bytes of "${name}" cut, so it cannot be played; record whole payloads with bus.record(path)`,
    )
  }
  const root = { payload: structuredCopy(record.payload) }
  for (const [base64, ...path] of record.bytes ?? []) {
    const steps = ['payload', ...path]
    const last = steps.pop() as string
    const parent = steps.reduce<Record<string, unknown>>(
      (found, step) => (found?.[step] ?? {}) as Record<string, unknown>,
      root,
    )
    const value = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
    Object.defineProperty(parent, last, { value, enumerable: true, configurable: true, writable: true })
  }
  return root.payload
}

function structuredCopy(value: unknown): unknown {
  return value === undefined ? null : JSON.parse(JSON.stringify(value))
}

function recordedOf(record: TappedEvent): RecordedEvent {
  return {
    name: record.name,
    to: record.to,
    payload: record.cut ? undefined : payloadOf(record.name, record),
    isRedacted: record.redacted === true,
    isCut: record.cut !== undefined,
  }
}

function labelOf(endpoint: Endpoint): Label {
  return endpoint.kind === 'webview' ? endpoint.label : null
}

function playEvent(host: TestHost, record: TappedEvent): void {
  const { name, to, except, component, causes, traceparent, retained = false, source, tick } = record
  const payload = payloadText(name, payloadOf(name, record))
  host.accept({ event: name, payload, to, except, component, causes, traceparent, retain: retained }, source, tick)
}

/** The responses of a recording, by the ids of their requests. */
function responsesOf(records: readonly TapRecord[]): Map<string, TappedResponse> {
  return new Map(records.flatMap((record) => (record.kind === 'response' ? [[record.request, record]] : [])))
}

/** Sends a request to the page under test. Resolves to where its response differs. */
async function playRequest(
  host: TestHost,
  record: TappedRequest,
  recorded: TappedResponse | undefined,
): Promise<ReplayDifference[]> {
  const { name, component, causes, traceparent, source } = record
  const payload = payloadText(name, payloadOf(name, record))
  const to = { kind: 'webview' as const, label: host.label }
  const sent = () =>
    host.request(labelOf(source), { name, to, payload, component, causes: causes ?? [], traceparent }).response
  const outcome = await Promise.resolve()
    .then(sent)
    .then(
      (payload) => ({ payload }),
      (error: { code: string; message: string }) => ({ error: { code: error.code, message: error.message } }),
    )
  if (!recorded) return []
  // Of a response that was cut, it is known that it was none of an error.
  if (recorded.cut && !('error' in outcome)) return []
  const expected = recorded.error
    ? { error: recorded.error }
    : { payload: recorded.cut ? undefined : payloadOf(name, recorded) }
  const isSame =
    'error' in expected || 'error' in outcome
      ? ('error' in expected && expected.error?.code) === ('error' in outcome && outcome.error.code)
      : isEqual(expected.payload, outcome.payload, recorded.redacted === true)
  if (isSame) return []
  const response = (of: unknown) => ({ name, to: source, payload: of })
  return [{ kind: 'changed', of: 'response', name, recorded: response(expected), emitted: response(outcome) }]
}

/** Responds to the requests of the page under test as the recording did. Returns what ends that. */
function respond(
  host: TestHost,
  records: readonly TapRecord[],
  ends: ReadonlyMap<string, TappedResponse>,
  isPlayed: (source: Endpoint) => boolean,
): () => void {
  // A request whose response is lost keeps its place.
  const queues = new Map<string, (TappedResponse | undefined)[]>()
  const stops: (() => void)[] = []
  for (const record of records) {
    if (record.kind !== 'request' || record.stream || !isUnderTest(host, record.source)) continue
    if (!isPlayed(record.receiver)) continue
    const response = ends.get(record.request)
    const label = labelOf(record.receiver)
    const key = JSON.stringify([label, record.name])
    const queue = queues.get(key)
    if (queue) {
      queue.push(response)
      continue
    }
    const own = [response]
    queues.set(key, own)
    const stop = host.played.get(label)?.replay(record.name, () => nextOf(record.name, own))
    if (stop) stops.push(stop)
  }
  return () => {
    for (const stop of stops) stop()
  }
}

/** The next response of a recording, as JSON. Throws what the recorded request has failed with. */
function nextOf(name: string, queue: (TappedResponse | undefined)[]): PayloadText | undefined {
  if (queue.length === 0) throw missing(`the recording has no further response to "${name}"`)
  const next = queue.shift()
  if (!next) throw missing(`a request for "${name}" has no response in the recording`)
  if (next.error) throw new EventBusError(next.error.code, next.error.message)
  return payloadText(name, payloadOf(name, next))
}

function missing(message: string): EventBusError {
  return new EventBusError('responder_failed', message)
}
