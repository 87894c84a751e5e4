/** A deep copy of a payload. Some test runners have no `structuredClone`, or that of another realm. */
export function cloneOf<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Uint8Array) return value.slice() as Value & Uint8Array
  if (Array.isArray(value)) return value.map(cloneOf) as unknown as Value
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, cloneOf(one)])) as Value
}
