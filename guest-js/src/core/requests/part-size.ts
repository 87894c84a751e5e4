import type { Piece } from '../bytes.js'
import { type EncodedPayload, MARK } from '../json.js'

/** What a part takes besides its payload, and what a piece of bytes takes besides itself. */
export const PART = 64
export const PIECE = 128

/** How many bytes more `null` has than the mark that stands for it. */
const GROWTH = 'null'.length - MARK.length

/** The size of a part, as credit counts it. The host computes the same. */
export function partSize({ payload = 'null', bytes = [] }: EncodedPayload): number {
  const pieces = bytes.reduce((sum, piece) => sum + sizeOf(piece) + PIECE + GROWTH, 0)
  return utf8Length(payload) + pieces + PART
}

const sizeOf = (piece: Piece) => ('size' in piece ? piece.size : piece.length)

function utf8Length(text: string): number {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: Every character of one byte.
  return /^[\x00-\x7f]*$/.test(text) ? text.length : new TextEncoder().encode(text).length
}
