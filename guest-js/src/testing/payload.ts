import type { Piece } from '../core/bytes.js'
import { EventBusError } from '../core/error.js'
import { encodePayload, MARK } from '../core/json.js'
import { PART, PIECE } from '../core/requests/part-size.js'
import { bytesOf } from '../core/utf8.js'

/** A payload as JSON. With bytes, these are beside a text that has a {@link MARK} in the place of each. */
export type PayloadText = string | { readonly marked: string; readonly bytes: readonly Uint8Array[] }

/** The beginning of what stands for bytes while a payload is read. Only this module knows it. */
const prefix = `bytes ${crypto.getRandomValues(new Uint32Array(4))} `

/** The text of a payload that may have bytes. */
export function payloadText(name: string, payload: unknown): PayloadText | undefined {
  const encoded = encodePayload(name, payload)
  return withPieces(encoded.payload, encoded.bytes)
}

/** The text of a payload with its bytes. */
export function withPieces(payload: string | undefined, pieces: readonly Piece[] | undefined): PayloadText | undefined {
  if (payload === undefined || !pieces || pieces.length === 0) return payload
  const bytes = pieces.map((piece) => {
    if (piece instanceof Uint8Array) return piece
    throw new EventBusError('invalid_payload', 'a Blob is read later, and a test emits at once: pass its bytes instead')
  })
  return { marked: payload, bytes }
}

/** Reads a payload. Each reader gets bytes of its own. */
export function readPayload(payload: PayloadText = 'null'): unknown {
  if (typeof payload === 'string') return JSON.parse(payload)
  const { marked, bytes } = payload
  let next = 0
  const text = marked.replaceAll(MARK, () => JSON.stringify(`${prefix}${next++}`))
  return JSON.parse(text, (_, value) => {
    if (typeof value !== 'string' || !value.startsWith(prefix)) return value
    return bytes[Number(value.slice(prefix.length))]?.slice()
  })
}

/** The JSON of a payload, in which `null` stands for bytes, as in the app. */
export function jsonOf(payload: PayloadText): string {
  return typeof payload === 'string' ? payload : payload.marked.replaceAll(MARK, 'null')
}

/** Whether two payloads are the same, byte for byte. */
export function isSame(one: PayloadText, other: PayloadText): boolean {
  if (typeof one === 'string' || typeof other === 'string') return one === other
  const isEqual = (own: Uint8Array, its: Uint8Array | undefined) =>
    own.length === its?.length && own.every((byte, at) => byte === its[at])
  return one.marked === other.marked && one.bytes.every((own, i) => isEqual(own, other.bytes[i]))
}

/** How many bytes a payload has, and whether all of them are JSON. */
export function sizeOfPayload(payload: PayloadText): { size: number; isJson: boolean } {
  const size = bytesOf(jsonOf(payload))
  if (typeof payload === 'string') return { size, isJson: true }
  return { size: payload.bytes.reduce((sum, { length }) => sum + length, size), isJson: false }
}

/** The size of a part, as credit counts it: see `core/requests/part-size.ts`. */
export function sizeOfPart(payload: PayloadText = 'null'): number {
  const pieces = typeof payload === 'string' ? 0 : payload.bytes.length
  return sizeOfPayload(payload).size + pieces * PIECE + PART
}

/** The arguments of a command, as JSON brings them to the host, or as a frame with the bytes of their payloads. */
export function argumentsOf(body: unknown): Record<string, unknown> {
  if (!(body instanceof Uint8Array)) return JSON.parse(JSON.stringify(body))
  const length = new DataView(body.buffer).getUint32(0, true)
  let at = 4 + length
  const take = (sizes: number[] | undefined) =>
    sizes?.map((size) => {
      at += size
      return body.slice(at - size, at)
    })
  const args = JSON.parse(new TextDecoder().decode(body.subarray(4, at)))
  for (const entry of [args, ...Object.values(args).flat()] as Record<string, unknown>[]) {
    if (typeof entry !== 'object' || entry === null) continue
    const { bytes, argsBytes, ...rest } = entry
    const pieces = take(bytes as number[] | undefined)
    const argsPieces = take(argsBytes as number[] | undefined)
    if (pieces) entry.payload = withPieces(rest.payload as string, pieces as Piece[])
    if (argsPieces) entry.args = withPieces(rest.args as string, argsPieces as Piece[])
  }
  return args
}
