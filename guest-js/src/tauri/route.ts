import { compatibleParts, isMocked } from '../core/page.js'

/** Whether Tauri's own functions have to do it: its names are reserved, and a mock of its IPC has no event bus. */
export function isTauris(event: unknown): boolean {
  return (typeof event === 'string' && /^tauri:\/\//i.test(event)) || isMocked()
}

/** Whether compatible mode is on, so that listeners and events are marked for the host. */
export function isCompatible(): boolean {
  return compatibleParts() !== null
}

/** Whether listeners are registered in core, too. */
export function listensInCore(): boolean {
  return compatibleParts()?.core === true
}

/** Whether payloads are written as Tauri's `invoke` does. */
export function writesAsTauri(): boolean {
  return compatibleParts()?.values === true
}
