/** A number that JavaScript would round: its text. */
export class Exact {
  constructor(readonly text: string) {}
}

interface Source {
  source?: string
}

/** Reads a record, with whole numbers as they were written where the engine tells. Fractions are rounded. */
export function readExactly(line: string): Record<string, unknown> {
  const read = (_key: string, value: unknown, context?: Source) => {
    const source = context?.source
    return typeof value === 'number' && source !== undefined && isRounded(value, source) ? new Exact(source) : value
  }
  return JSON.parse(line, read as (key: string, value: unknown) => unknown)
}

/** Whether the digits of a number are not those that were written. */
function isRounded(value: number, source: string): boolean {
  if (!Number.isFinite(value) || Object.is(value, -0)) return true
  return /^-?\d+$/.test(source) && !Number.isSafeInteger(value) && BigInt(source) !== BigInt(value)
}

/** The JSON of what {@link readExactly} has read: each level on lines of its own if it is to be indented. */
export function textOf(value: unknown, indent = 0, depth = 1): string {
  if (value instanceof Exact) return value.text
  if (value === null || typeof value !== 'object') return JSON.stringify(value ?? null)
  const isList = Array.isArray(value)
  const colon = indent > 0 ? ': ' : ':'
  const parts = Object.entries(value).map(([key, own]) => {
    const text = textOf(own, indent, depth + 1)
    return isList ? text : `${JSON.stringify(key)}${colon}${text}`
  })
  const [open, close] = isList ? '[]' : '{}'
  if (parts.length === 0 || indent === 0) return `${open}${parts.join(',')}${close}`
  const line = `\n${' '.repeat(indent * depth)}`
  return `${open}${line}${parts.join(`,${line}`)}\n${' '.repeat(indent * (depth - 1))}${close}`
}

/** How a value of a payload is shown in a tree. */
export interface TreeNode {
  kind: 'object' | 'array' | 'string' | 'number' | 'boolean' | 'null' | 'bytes'
  /** Its text; of an object or a list, what it has. */
  text: string
  /** What it has; `undefined` where there is nothing to open. */
  size?: number
}

/** Bytes of a payload, in the place where they are. */
export class PayloadBytes {
  constructor(readonly base64: string) {}

  get size(): number {
    const padding = this.base64.endsWith('==') ? 2 : this.base64.endsWith('=') ? 1 : 0
    return (this.base64.length / 4) * 3 - padding
  }

  /** The first bytes in hexadecimal. */
  hex(most: number): string {
    const raw = atob(this.base64.slice(0, Math.ceil(most / 3) * 4))
    const digits = [...raw].slice(0, most).map((byte) => byte.charCodeAt(0).toString(16).padStart(2, '0'))
    return digits.join(' ') + (this.size > most ? ' …' : '')
  }
}

/** Puts the bytes of a record into its payload. What leads nowhere is left out. */
export function withBytes(payload: unknown, bytes: unknown): unknown {
  if (!Array.isArray(bytes)) return payload
  let whole = payload
  for (const one of bytes) {
    if (!Array.isArray(one) || typeof one[0] !== 'string') continue
    const [base64, ...path] = one
    const own = new PayloadBytes(base64)
    const last = path.pop()
    if (last === undefined) {
      whole = own
      continue
    }
    let parent: unknown = whole
    for (const step of path) parent = Object(parent)[step]
    if (parent !== null && typeof parent === 'object' && Object.hasOwn(parent, last)) {
      Object.defineProperty(parent, last, { value: own, enumerable: true, configurable: true, writable: true })
    }
  }
  return whole
}

export function treeNodeOf(value: unknown): TreeNode {
  if (value === null || value === undefined) return { kind: 'null', text: 'null' }
  if (value instanceof Exact) return { kind: 'number', text: value.text }
  if (value instanceof PayloadBytes) return { kind: 'bytes', text: value.hex(24), size: undefined }
  if (Array.isArray(value)) return { kind: 'array', text: `[ ${value.length} ]`, size: value.length }
  switch (typeof value) {
    case 'string':
      return { kind: 'string', text: value }
    case 'number':
      return { kind: 'number', text: String(value) }
    case 'boolean':
      return { kind: 'boolean', text: String(value) }
    default: {
      const size = Object.keys(value as object).length
      return { kind: 'object', text: `{ ${size} }`, size }
    }
  }
}

/** What is in an object or a list, from this place on. */
export function childrenOf(value: unknown, from: number, most: number): [key: string, value: unknown][] {
  if (Array.isArray(value)) {
    return value.slice(from, from + most).map((one, index) => [String(from + index), one])
  }
  const keys = Object.keys(value as object).slice(from, from + most)
  return keys.map((key) => [key, (value as Record<string, unknown>)[key]])
}
