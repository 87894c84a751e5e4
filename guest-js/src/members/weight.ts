/** How many values of a payload are looked at. */
const MAX_VALUES = 32

/** What an object or an array takes besides its values, and a number. */
const OBJECT = 16
const NUMBER = 8

let looked = 0

/**
 * About how much memory a payload takes. Adds the buffers that belong to its bytes alone to `buffers`, as far as they are
 * among its first values: looking at all of a large payload would take longer than cloning it.
 */
export function weigh(payload: unknown, buffers?: Set<ArrayBuffer>): number {
  looked = 0
  return weightOf(payload, buffers)
}

function weightOf(value: unknown, buffers: Set<ArrayBuffer> | undefined): number {
  if (typeof value === 'string') return value.length
  if (typeof value !== 'object' || value === null) return NUMBER
  if (value instanceof Uint8Array) {
    const { buffer, byteLength } = value
    if (buffers && buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffers.add(buffer)
    return byteLength
  }
  let weight = Array.isArray(value) ? value.length * NUMBER : OBJECT
  for (const key in value) {
    looked += 1
    if (looked > MAX_VALUES) break
    weight += weightOf((value as Record<string, unknown>)[key], buffers)
  }
  return weight
}
