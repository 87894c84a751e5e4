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

/** Bytes as base64 beside a text that names them by number. */
export type TextsOfBytes = Record<number, string>

/** Takes bytes that are base64 in a text or beside it. What is beside it is longer than its bytes, and is forgotten at once. */
export function takerOf(beside: TextsOfBytes): (place: string | number) => Uint8Array {
  return (place) => {
    if (typeof place === 'string') return fromBase64(place)
    const bytes = fromBase64(beside[place] as string)
    delete beside[place]
    return bytes
  }
}

function fromBase64(text: string): Uint8Array {
  const { fromBase64: native } = Uint8Array as { fromBase64?(text: string): Uint8Array }
  if (native) return native.call(Uint8Array, text)
  const binary = atob(text)
  // Without a callback for each character, it is six times as fast.
  const bytes = new Uint8Array(binary.length)
  for (let i = 0; i < bytes.length; i += 1) bytes[i] = binary.charCodeAt(i)
  return bytes
}

/** What follows the value in the text of a frame without bytes. */
const NO_BYTES = ',[]]'

/** Reads a value and the bytes behind it. Each piece gets a buffer of its own. `read` reads a value without bytes. */
export function readFrame(frame: ArrayBuffer, read: (text: string) => unknown): unknown {
  const length = new DataView(frame).getUint32(0, true)
  const text = new TextDecoder().decode(new Uint8Array(frame, PREFIX, length))
  if (text.endsWith(NO_BYTES)) return read(text.slice(1, -NO_BYTES.length))
  let end = PREFIX + length
  return withBytes(JSON.parse(text), (size) => {
    end += size
    return new Uint8Array(frame.slice(end - size, end))
  })
}

/** A copy of binary data, which the caller may change afterwards. */
export function copyOf(data: ArrayBufferLike | ArrayBufferView): Piece {
  const { buffer = data, byteOffset, byteLength } = data as Partial<ArrayBufferView>
  return new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength).slice()
}

const isPiece = (value: unknown) =>
  ArrayBuffer.isView(value) || typeof (value as Partial<Blob> | null)?.arrayBuffer === 'function'

const isBlob = (piece: Piece): piece is Blob => 'size' in piece

/** The length of a piece. A Blob travels in a command of its own, since it is read first. */
export const lengthOf = (piece: Piece) => (isBlob(piece) ? Number.POSITIVE_INFINITY : piece.length)

/** What may have bytes: the arguments of a command, or an entry of them. */
type Entry = { readonly bytes?: Piece[]; readonly argsBytes?: Piece[] } | null | undefined

/** The body of a command: its arguments, or a frame of them and the bytes that they have. */
export function bodyOf(args: Record<string, unknown>): typeof args | Uint8Array | Promise<Uint8Array> {
  const pieces: Piece[] = []
  const gather = (entry: Entry) => {
    for (const list of [entry?.bytes, entry?.argsBytes]) {
      // The credit of a stream has a number of them.
      if (Array.isArray(list)) pieces.push(...list)
    }
  }
  gather(args)
  for (const value of Object.values(args)) {
    if (Array.isArray(value)) value.forEach(gather)
    else gather(value as Entry)
  }
  if (pieces.length === 0) return args
  const text = JSON.stringify(args, (_, value) => (isPiece(value) ? (value.size ?? value.length) : value))
  const parts = [new TextEncoder().encode(text), ...pieces]
  // Without a Blob it does not wait, so that a page that is left sends its commands in order.
  if (!parts.some(isBlob)) return frameOf(parts as Uint8Array[])
  return Promise.all(parts.map(async (part) => (isBlob(part) ? new Uint8Array(await part.arrayBuffer()) : part))).then(
    frameOf,
  )
}

/** The length of the text, and the text with the bytes behind it. */
function frameOf(parts: Uint8Array[]): Uint8Array {
  const frame = new Uint8Array(parts.reduce((length, part) => length + part.length, PREFIX))
  new DataView(frame.buffer).setUint32(0, (parts[0] as Uint8Array).length, true)
  let at = PREFIX
  for (const part of parts) {
    frame.set(part, at)
    at += part.length
  }
  return frame
}
