/** Bytes on their way to the host. */
export type Piece = Uint8Array<ArrayBuffer> | Blob

/** What names bytes of a reply, in its text or by their number behind it, and the keys and indexes that lead to them. */
type Place = [bytes: string | number, ...path: (string | number)[]]

/** The number at the beginning of a frame, which is the length of its text. */
const PREFIX = 4

/** Puts the bytes of a value that came as text into their places, where it has `null`. */
export function withBytes(pair: unknown, take: (bytes: string & number) => Uint8Array = fromBase64): unknown {
  const [value, places] = pair as [unknown, Place[]]
  const root = [value]
  for (const [bytes, ...path] of places) {
    // Every key on the way is an own property, since the value was parsed with it: also one that is called __proto__.
    let at = root as unknown as Record<string | number, unknown>
    let key: string | number = 0
    for (const next of path) {
      at = at[key] as typeof at
      key = next
    }
    at[key] = take(bytes as string & number)
  }
  return root[0]
}

function fromBase64(text: string): Uint8Array {
  const { fromBase64: native } = Uint8Array as { fromBase64?(text: string): Uint8Array }
  if (native) return native.call(Uint8Array, text)
  const binary = atob(text)
  const bytes = new Uint8Array(binary.length)
  for (let i = 0; i < bytes.length; i += 1) bytes[i] = binary.charCodeAt(i)
  return bytes
}

/** Reads a value and the bytes behind it. Each piece gets a buffer of its own. */
export function readFrame(frame: ArrayBuffer): unknown {
  const length = new DataView(frame).getUint32(0, true)
  const text = new TextDecoder().decode(new Uint8Array(frame, PREFIX, length))
  let end = PREFIX + length
  return withBytes(JSON.parse(text), (size) => {
    end += size
    return new Uint8Array(frame.slice(end - size, end))
  })
}

const isBlob = (value: unknown): value is Blob => typeof Blob === 'function' && value instanceof Blob

/** A copy of binary data, which the caller may change afterwards; `undefined` for anything else. */
export function pieceOf(value: object): Piece | undefined {
  if (isBlob(value)) return value
  const kind = Object.prototype.toString.call(value)
  if (!ArrayBuffer.isView(value) && !kind.endsWith('ArrayBuffer]')) return undefined
  const { buffer = value, byteOffset, byteLength } = value as Partial<ArrayBufferView>
  return new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength).slice()
}

/** The length of a piece that travels in a command of its own, since it is read first. */
export const lengthOf = (piece: Piece) => (isBlob(piece) ? Number.POSITIVE_INFINITY : piece.length)

const holdsBytes = (value: unknown): boolean => {
  if (Array.isArray(value)) return value.some(holdsBytes)
  const entry = value as { bytes?: unknown; argsBytes?: unknown } | null | undefined
  return (entry?.bytes ?? entry?.argsBytes) !== undefined
}

type Body = Record<string, unknown> | Uint8Array

/** The body of a command: its arguments, or a frame of them where one of them or of its entries has bytes. */
export function bodyOf(args: Record<string, unknown>): Body | Promise<Body> {
  if (!holdsBytes([args, ...Object.values(args)])) return args
  const pieces: Piece[] = []
  const text = JSON.stringify(args, (_, value) => {
    if (!ArrayBuffer.isView(value) && !isBlob(value)) return value
    pieces.push(value as Piece)
    return isBlob(value) ? value.size : value.byteLength
  })
  // Without a Blob it does not wait, so that a page that is left sends its commands in order.
  if (!pieces.some(isBlob)) return frameOf(text, pieces as Uint8Array[])
  const read = pieces.map(async (piece) => (isBlob(piece) ? new Uint8Array(await piece.arrayBuffer()) : piece))
  return Promise.all(read).then((bytes) => frameOf(text, bytes))
}

function frameOf(text: string, pieces: Uint8Array[]): Uint8Array {
  const parts = [new TextEncoder().encode(text), ...pieces]
  const frame = new Uint8Array(parts.reduce((length, part) => length + part.length, PREFIX))
  new DataView(frame.buffer).setUint32(0, (parts[0] as Uint8Array).length, true)
  let at = PREFIX
  for (const part of parts) {
    frame.set(part, at)
    at += part.length
  }
  return frame
}
