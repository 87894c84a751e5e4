import type { Emit, EmitOptions, EmitTo, Receipt } from '../types/emit.js'
import type { Target } from '../types/target.js'
import type { NewEvent } from './contract.js'
import { payloadText } from './payload.js'
import { neededTarget } from './target.js'

/** The `emit` and `emitTo` of the host, or of a page that the test plays, with these causes. */
export function emitterOf(
  accept: (event: NewEvent) => Receipt,
  causes: readonly string[],
): { emit: Emit; emitTo: EmitTo } {
  const send = (
    to: Target | undefined,
    event: string,
    value?: unknown,
    { retain, until, expiresMs, except }: EmitOptions = {},
  ) => accept({ event, payload: payloadText(event, value), to, except, retain, until, expiresMs, causes })
  type Rest = [unknown?, EmitOptions?]
  const emit = async (name: string, ...rest: Rest) => send(undefined, name, ...rest)
  const emitTo = async (to: Target, name: string, ...rest: Rest) => send(neededTarget(to), name, ...rest)
  return { emit: emit as Emit, emitTo: emitTo as EmitTo }
}
