import { EventBusError } from '../core/error.js'
import { globOf, hasWildcard } from '../core/glob.js'
import { bytesOf } from '../core/utf8.js'
import type { Target } from '../types/target.js'
import { invalidArgument } from './results.js'

/** The most labels and globs of one target. */
const MAX_PARTS = 64

/** The longest label or glob of labels, in bytes. */
const MAX_LABEL_BYTES = 255

/** One receiver of a target: webviews by a label or a glob, everyone, the host, or a window. */
type Part = string | { kind: 'Any' } | { kind: 'host' } | { kind: 'Window'; label: string }

/** The receivers of a target, in one form for all spellings. Throws as the host does where the target is invalid. */
export function partsOf(target: unknown): Part[] {
  const parts = readParts(target)
  if (parts.length === 0) throw invalidArgument('the target is an empty list; expected at least one label')
  if (parts.length > MAX_PARTS) {
    throw invalidArgument(
      `the target has ${parts.length} labels; expected at most ${MAX_PARTS}. Use a glob to name many`,
    )
  }
  for (const label of parts.flatMap(labelsIn)) checkLabel(label)
  return parts
}

/** The target of an event that is not for everyone. */
export function neededTarget(target: Target | undefined): Target {
  if (target === undefined)
    throw invalidArgument(
      'emitTo needs a target and has undefined; expected a label, a list of labels or an EventTarget, or use emit for everyone',
    )
  return target
}

/** The labels and globs that a target names. */
export function labelsOf(target: Target): string[] {
  return readParts(target).flatMap(labelsIn)
}

/** Refuses a target that is invalid or names a webview that does not exist. */
export function checkLabels(
  target: Target,
  existing: ReadonlySet<string>,
  adviceFor: (label: string) => string = () => '',
): void {
  partsOf(target)
  for (const label of labelsOf(target)) {
    if (hasWildcard(label) || existing.has(label)) continue
    const known = [...existing].join('", "')
    const text = `no webview has the label "${label}"; there is "${known}"${adviceFor(label)}`
    throw new EventBusError('unknown_target', text)
  }
}

/** Whether everyone is among the receivers. */
export function isForAll(target: Target | undefined): boolean {
  return target === undefined || readParts(target).some((part) => isWord(part, 'Any'))
}

/** Whether an event with this target is for the host. */
export function isForHost(target: Target | undefined): boolean {
  if (target === undefined || isForAll(target)) return true
  return readParts(target).some((part) => isWord(part, 'host'))
}

/** Whether an event with this target is for the page of this label. A window in a test has one webview, of its label. */
export function isForPage(target: Target | undefined, label: string): boolean {
  return target === undefined || isForAll(target) || hasPage(target, label)
}

/** Whether a target names the page of this label. */
export function hasPage(target: Target, label: string): boolean {
  return labelsOf(target).some((one) => (hasWildcard(one) ? globOf(one)(label) : one === label))
}

function readParts(target: unknown): Part[] {
  if (typeof target === 'string') return [target]
  if (Array.isArray(target)) return target.flatMap(readParts)
  const { kind, label } = (target ?? {}) as { kind?: unknown; label?: unknown }
  if (kind === 'Any') return [{ kind }]
  if (kind === 'host' || kind === 'App') return [{ kind: 'host' }]
  if (typeof label === 'string') {
    if (kind === 'Window') return [{ kind, label }]
    if (['AnyLabel', 'Webview', 'WebviewWindow', 'webview'].includes(kind as string)) return [label]
  }
  if (kind === 'Node' || kind === 'node') {
    throw invalidArgument('the target names another node, and a test bus has no link to other nodes')
  }
  throw invalidArgument(
    `invalid target ${JSON.stringify(target)}: expected a label, a list of labels or an EventTarget`,
  )
}

function labelsIn(part: Part): string[] {
  if (typeof part === 'string') return [part]
  return 'label' in part ? [part.label] : []
}

function isWord(part: Part, word: 'Any' | 'host'): boolean {
  return typeof part === 'object' && part.kind === word
}

function checkLabel(label: string): void {
  if (label === '') throw invalidArgument(`the target has an empty label; expected 1 to ${MAX_LABEL_BYTES} bytes`)
  if (bytesOf(label) > MAX_LABEL_BYTES) {
    throw invalidArgument(`the target's label "${label}" has ${bytesOf(label)} bytes; expected 1 to ${MAX_LABEL_BYTES}`)
  }
  if (hasWildcard(label)) globOf(label)
}

/** Who receives a request: one page, or the host (`null`). */
export function recipientIn(
  to: Target,
  labels: ReadonlySet<string>,
  adviceFor?: (label: string) => string,
): string | null {
  const [label] = labelsOf(to)
  if (partsOf(to).length > 1 || isForAll(to) || (label !== undefined && hasWildcard(label))) {
    const text = `invalid target of a request: ${JSON.stringify(to)}; expected one label of a webview, or HOST`
    throw new EventBusError('invalid_argument', text)
  }
  checkLabels(to, labels, adviceFor)
  return label ?? null
}
