import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { emit } from '../../src/api/emit.js'
import { startJob } from '../../src/api/jobs.js'
import { listen } from '../../src/api/listen.js'
import { request, respond } from '../../src/api/request.js'
import { decodePayload, encodePayload } from '../../src/core/json.js'
import { readReply } from '../../src/core/replies.js'
import { freshRealm, settled } from '../realm.js'

let realm: ReturnType<typeof freshRealm>
beforeEach(() => {
  realm = freshRealm()
})
afterEach(() => {
  expect(realm.host.broken).toEqual([])
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})

const bytes = (...values: number[]) => new Uint8Array(values)
const marks = (text: unknown) => String(text).replaceAll('\u0001', '#')

/** A reply as the host writes it, behind which these bytes come. */
function frame(json: string, ...rest: number[]): ArrayBuffer {
  const text = new TextEncoder().encode(json)
  const length = new Uint8Array(new Uint32Array([text.length]).buffer)
  return new Uint8Array([...length, ...text, ...rest]).buffer
}

/** Ends a promise later. */
function deferred<Value>() {
  let resolve: (value: Value) => void = () => {}
  let reject: (reason: unknown) => void = () => {}
  const promise = new Promise<Value>((onResolve, onReject) => {
    resolve = onResolve
    reject = onReject
  })
  return { promise, resolve, reject }
}

describe('bytes that are sent', () => {
  it.each<[string, unknown, string, number[][]]>([
    ['a Uint8Array', bytes(0, 255), '#', [[0, 255]]],
    ['a buffer', bytes(1).buffer, '#', [[1]]],
    ['a shared buffer', new SharedArrayBuffer(1), '#', [[0]]],
    ['a part of a buffer', bytes(1, 2, 3).subarray(1, 2), '#', [[2]]],
    ['other elements', new Uint16Array([0x0201]), '#', [[1, 2]]],
    ['a view', new DataView(bytes(1, 2, 3).buffer, 1), '#', [[2, 3]]],
    ['none', bytes(), '#', [[]]],
    ['a Buffer', Object.assign(bytes(7), { toJSON: () => ({ type: 'Buffer' }) }), '#', [[7]]],
    [
      'several',
      { a: [bytes(1), 'x'], b: new Map([['c', bytes(2)]]), d: new Set([bytes(3)]) },
      '{"a":[#,"x"],"b":{"c":#},"d":[#]}',
      [[1], [2], [3]],
    ],
    ['one twice', [bytes(1), bytes(1)], '[#,#]', [[1], [1]]],
    ['beside a mark', ['\u0001', bytes(1), { '\u0001': '#' }], '["\\u0001",#,{"\\u0001":"#"}]', [[1]]],
    [
      'under __proto__',
      JSON.parse('{"__proto__":{"a":1}}', (key, value) => (key === 'a' ? bytes(1) : value)),
      '{"__proto__":{"a":#}}',
      [[1]],
    ],
  ])('stand beside the JSON: %s', (_, payload, json, pieces) => {
    const encoded = encodePayload('a', payload)
    expect(marks(encoded.payload)).toBe(json)
    expect(encoded.bytes?.map((piece) => [...(piece as Uint8Array)])).toEqual(pieces)
    expect(encoded.size).toBe((encoded.payload?.length as number) + pieces.flat().length)
  })

  it('are read as they are received', () => {
    const payload = { 2: bytes(2), 1: bytes(1), b: [bytes(3)], a: bytes(4), text: 'x' }
    expect(decodePayload(encodePayload('a', payload))).toEqual(payload)
  })

  it('travel in a frame', async () => {
    const { host } = realm
    const given = bytes(1, 2)
    const sent = [emit('a', { data: given }), emit('b', 1), emit('c', bytes(3))]
    // It was copied.
    given.fill(9)
    await Promise.all(sent)
    const events = host.commands('emit').flatMap(({ args }) => args.events as { payload: string; bytes?: number[] }[])
    expect(events.map(({ payload, bytes }) => [marks(payload), bytes])).toEqual([
      ['{"data":#}', [2]],
      ['1', undefined],
      ['#', [1]],
    ])
    expect(host.commands('emit').flatMap(({ bytes }) => bytes)).toEqual([1, 2, 3])
  })

  it('go with requests, responses and jobs', async () => {
    const { host } = realm
    await respond('thumb', () => ({ image: bytes(5) }))
    await settled()
    void request('main', 'store', [bytes(6)]).catch(() => {})
    await settled()
    host.request('1', 'thumb')
    await settled()
    await startJob('tick', { everyMs: 1000, source: 's', args: { key: bytes(7, 8) } })
    expect(host.commands('request')[0]).toMatchObject({ args: { bytes: [1] }, bytes: [6] })
    expect(host.commands('respond')[0]).toMatchObject({ args: { responses: [{ bytes: [1] }] }, bytes: [5] })
    expect(host.commands('start_job')[0]).toMatchObject({ args: { job: { argsBytes: [2] } }, bytes: [7, 8] })
  })

  it('of a detached buffer are refused', async () => {
    const gone = bytes(1)
    structuredClone(gone.buffer, { transfer: [gone.buffer] })
    await emit('a', new DataView(new ArrayBuffer(0)))
    await expect(emit('a', gone.buffer)).rejects.toMatchObject({ code: 'invalid_payload' })
  })
})

describe('a Blob', () => {
  const blobOf = (promise: Promise<ArrayBuffer>, size: number) => {
    const blob = new Blob([new Uint8Array(size)])
    blob.arrayBuffer = () => promise
    return blob
  }

  it('is read before it is sent, and others wait', async () => {
    const { host } = realm
    const read = deferred<ArrayBuffer>()
    const file = blobOf(read.promise, 2)
    const sent = Promise.all([emit('a', 1), emit('b', [file, file]), emit('c', 3)])
    await settled()
    const names = () =>
      host.commands('emit').flatMap(({ args }) => (args.events as { event: string }[]).map(({ event }) => event))
    expect(names()).toEqual(['a'])
    read.resolve(bytes(1, 2).buffer)
    expect((await sent).map(({ seq }) => seq)).toEqual([1, 2, 3])
    expect(names()).toEqual(['a', 'b', 'c'])
    expect(host.commands('emit')[1]).toMatchObject({ args: { events: [{ bytes: [2, 2] }] }, bytes: [1, 2, 1, 2] })
  })

  it('that cannot be read refuses its own event alone', async () => {
    const read = deferred<ArrayBuffer>()
    const sent = Promise.allSettled([emit('a', blobOf(read.promise, 1)), emit('b'), emit('c')])
    await settled()
    read.reject(new Error('the file is gone'))
    const [first, ...others] = await sent
    expect(first).toMatchObject({
      reason: { code: 'invalid_payload', message: expect.stringContaining('the file is gone') },
    })
    expect(others.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled'])
    // Its number was not used up.
    expect(realm.host.commands('emit')[0]?.args.n).toBe(1)
  })
})

describe('bytes that are received', () => {
  const value = { list: [1, bytes(1, 2)], data: bytes() }
  const head = (first: unknown, second: unknown) =>
    `[{"list":[1,null],"data":null},[[${first},"list",1],[${second},"data"]]]`

  it('stand behind their text', () => {
    expect(readReply(frame(head(2, 0), 1, 2))).toEqual(value)
    expect(readReply(frame('[null,[[3]]]', 7, 8, 9))).toEqual(bytes(7, 8, 9))
  })

  it('are base64 in a string', () => {
    expect(readReply([head('"AQI="', '""'), 1])).toEqual(value)
    expect(readReply(['["text",1]'])).toEqual(['text', 1])
  })

  it('are read without the new function of the browser', () => {
    vi.stubGlobal('Uint8Array', class extends Uint8Array {})
    Object.defineProperty(Uint8Array, 'fromBase64', { value: undefined })
    const all = Array.from({ length: 256 }, (_, index) => index)
    const read = readReply([`[null,[["${btoa(String.fromCharCode(...all))}"]]]`, 1])
    expect([...(read as Uint8Array)]).toEqual(all)
  })

  it('have buffers of their own', () => {
    const [one, other] = readReply(frame('[[null,null],[[2,0],[1,1]]]', 1, 2, 3)) as [Uint8Array, Uint8Array]
    expect([one.buffer.byteLength, one.byteOffset, other.buffer.byteLength]).toEqual([2, 0, 1])
  })

  it('do not reach prototypes', () => {
    const read = readReply(
      frame('[{"__proto__":{"a":null},"b":{"__proto__":null}},[[1,"__proto__","a"],[1,"b","__proto__"]]]', 1, 2),
    )
    const { b } = read as { b: object }
    expect(Object.getOwnPropertyDescriptor(read, '__proto__')?.value).toEqual({ a: bytes(1) })
    expect(Object.getOwnPropertyDescriptor(b, '__proto__')?.value).toEqual(bytes(2))
    expect([({} as { a?: unknown }).a, Object.getPrototypeOf(b) === Object.prototype]).toEqual([undefined, true])
  })

  it('reach listeners in the order of the events', async () => {
    const received: unknown[] = []
    await listen('x', ({ payload }) => received.push(payload))
    await settled()
    const { session } = realm.host
    const batch = '{"items":[[0,1,0,1,0,{"a":null},0,3]],"heads":[["x",0,1]],"first":1,"more":false}'
    session?.pull?.resolve(frame(`[${batch},[[2,"items",0,5,"a"]]]`, 4, 5))
    if (session) session.pull = null
    await settled()
    expect(received).toEqual([1, { a: bytes(4, 5) }, 3])
    // It did not give this batch itself.
    expect(realm.host.broken.splice(0)).toEqual(['ack 3 was never delivered'])
  })
})
