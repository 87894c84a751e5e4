import { checkName } from './checks.js'
import { EventBusError } from './error.js'
import { bytesOf } from './utf8.js'

const MAX_BYTES = 255

/** Whether a text is a glob. */
export function hasWildcard(text: string): boolean {
  return /[*?[\]]/.test(text)
}

/** Refuses the names that the host refuses. */
export function checkEventName(name: string): void {
  checkName(name)
  checkLength('invalid_event_name', 'event name', name)
  const wrong = /[^\p{XID_Continue}\-.:/]/u.exec(name)
  if (wrong) {
    throw new EventBusError(
      'invalid_event_name',
      `the event name "${name}" has the character '${wrong[0]}'; expected letters, digits and - _ . : / only`,
    )
  }
}

/** Returns what a name or a pattern matches, as with the host. Throws where it is neither. */
export function matcherOf(pattern: string): (name: string) => boolean {
  if (!hasWildcard(pattern)) {
    checkEventName(pattern)
    return (name) => name === pattern
  }
  checkName(pattern)
  checkLength('invalid_pattern', 'event pattern', pattern)
  const wrong = /[^\p{XID_Continue}\-.:/*?[\]!]/u.exec(pattern)
  if (wrong) throw invalidPattern(pattern, `has the character '${wrong[0]}', which no event name has`)
  return globOf(pattern)
}

/** Returns what a glob matches. */
export function globOf(pattern: string): (text: string) => boolean {
  if (pattern.includes('**')) throw invalidPattern(pattern, 'has `**`; one `*` already crosses `:` and `/`')
  // A set has at least one character, of which the first may be a `]`.
  const wildcards = /\*|\?|\[(!|(?!!))(.[^\]]*)\]|[^*?[]+|\[/gsu
  const expression = pattern.replaceAll(wildcards, (part, not: string, set: string | undefined) => {
    if (part === '*') return '.*'
    if (part === '?') return '.'
    if (set !== undefined) return `[${not && '^'}${set.replaceAll(/[\\^[\]]/g, '\\$&')}]`
    if (part === '[') throw invalidPattern(pattern, 'has a `[` without its set and `]`')
    return part.replaceAll(/[\\^$.|+(){}\]/]/g, '\\$&')
  })
  let whole: RegExp
  try {
    whole = new RegExp(`^${expression}$`, 'su')
  } catch {
    throw invalidPattern(pattern, 'has an invalid set')
  }
  return (text) => whole.test(text)
}

function checkLength(code: 'invalid_event_name' | 'invalid_pattern', what: string, text: string): void {
  if (text === '') throw new EventBusError(code, `the ${what} is empty; expected 1 to ${MAX_BYTES} bytes`)
  if (bytesOf(text) > MAX_BYTES) {
    throw new EventBusError(code, `the ${what} "${text}" is too long; expected at most ${MAX_BYTES} bytes`)
  }
}

function invalidPattern(pattern: string, what: string): EventBusError {
  return new EventBusError(
    'invalid_pattern',
    `the pattern "${pattern}" ${what}; wildcards are \`*\`, \`?\` and \`[abc]\``,
  )
}
