import type { EventTarget } from '@tauri-apps/api/event'

/**
 * Whom an event is for: a label, a glob of labels, an array of either, or Tauri's `EventTarget`.
 *
 * @example
 * ```ts
 * import { emitTo, type Target } from 'tauri-plugin-event-bus-api'
 *
 * const editors: Target = ['main', 'editor-*']
 * await emitTo(editors, 'saved')
 * ```
 */
export type Target = string | readonly string[] | EventTarget

/** A copy, since the caller may change its array or object before the command leaves. */
export function copyOfTarget(target: Target | undefined): Target | undefined {
  if (Array.isArray(target)) return [...target]
  return typeof target === 'object' ? { ...target } : target
}

/** Whether a target is Tauri's word for everyone. */
export function isEveryone(target: Target | undefined): boolean {
  return typeof target === 'object' && target !== null && 'kind' in target && target.kind === 'Any'
}
