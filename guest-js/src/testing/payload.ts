import type { Piece } from '../core/bytes.js'
import { EventBusError } from '../core/error.js'
import { encodePayload, MARK } from '../core/json.js'
import { PART, PIECE } from '../core/requests/part-size.js'
import { bytesOf } from '../core/utf8.js'

/** What the text of a payload has in the place of bytes, and the bytes. */
const held = new Map<string, Uint8Array>()

/** The beginning of what stands for bytes. Only this module knows it. */
const prefix = `bytes ${crypto.getRandomValues(new Uint32Array(4))} `

/** The text of a payload that may have bytes. */
export function payloadText(name: string, payload: unknown): string | undefined {
  const encoded = encodePayload(name, payload)
  return holdBytes(encoded.payload, encoded.bytes)
}

/** The text of a payload with what stands for its bytes. */
export function holdBytes(payload: string | undefined, bytes: readonly Piece[] | undefined): string | undefined {
  let next = 0
  return payload?.replaceAll(MARK, () => {
    const piece = bytes?.[next]
    next += 1
    if (!(piece instanceof Uint8Array)) {
      throw new EventBusError(
        'invalid_payload',
        'a Blob is read later, and a test emits at once: pass its bytes instead',
      )
    }
    const key = `${prefix}${held.size}`
    held.set(key, piece)
    return JSON.stringify(key)
  })
}

/** Reads a payload. Each reader gets bytes of its own. */
export function readPayload(payload = 'null'): unknown {
  if (!payload.includes(prefix)) return JSON.parse(payload)
  return JSON.parse(payload, (_, value) => held.get(value)?.slice() ?? value)
}

/** How many bytes a payload has, and whether all of them are JSON. */
export function sizeOfPayload(payload: string): { size: number; isJson: boolean } {
  let size = bytesOf(payload)
  const parts = payload.split(JSON.stringify(prefix).slice(0, -1)).slice(1)
  for (const part of parts) {
    const key = `${prefix}${Number.parseInt(part, 10)}`
    // In the app, `null` stands for them.
    size += (held.get(key)?.length ?? 0) + 'null'.length - bytesOf(JSON.stringify(key))
  }
  return { size, isJson: parts.length === 0 }
}

/** The size of a part, as credit counts it: see `core/requests/part-size.ts`. */
export function sizeOfPart(payload = 'null'): number {
  const pieces = payload.split(JSON.stringify(prefix).slice(0, -1)).length - 1
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
    if (pieces) entry.payload = holdBytes(rest.payload as string, pieces as Piece[])
    if (argsPieces) entry.args = holdBytes(rest.args as string, argsPieces as Piece[])
  }
  return args
}
