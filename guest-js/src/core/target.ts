import type { Target } from '../types/target.js'
import { checkText } from './checks.js'

/** A deep copy, since the caller may change its array or objects before the command leaves. */
export function copyOfTarget<To extends Target | undefined>(to: To): To {
  if (Array.isArray(to)) return to.map(copyOfTarget) as unknown as To
  checkText((to as { label?: unknown } | null | undefined)?.label ?? to, 'label')
  return typeof to === 'object' ? { ...to } : to
}

/** Whether a target is Tauri's word for everyone. */
export function isEveryone(to: unknown): boolean {
  return (to as { kind?: unknown } | null | undefined)?.kind === 'Any'
}
