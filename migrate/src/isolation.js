// The hook of the isolation pattern: a list of commands that has those of Tauri's events gets those of the bus.
import { Edits } from './edits.js'
import { parse, scriptsOf } from './uses.js'

const COMMANDS = {
  listen: ['subscribe', 'unsubscribe', 'pull'],
  emit: ['emit'],
  emitTo: ['emit_to'],
}

/** The commands that pages send. */
export function commandsOf(entries) {
  const used = Object.keys(COMMANDS).filter((verb) => entries[verb].length > 0)
  return used.flatMap((verb) => COMMANDS[verb]).map((command) => `plugin:event-bus|${command}`)
}

/**
 * Adds commands to the lists of a file that name commands of Tauri's events.
 *
 * @returns {{ text: string, isKnown: boolean }} `isKnown` tells whether the file has such a list, or all commands already
 */
export function letThrough({ path, text }, commands) {
  const edits = new Edits()
  let isKnown = commands.every((command) => text.includes(command)) || text.includes('plugin:event-bus|')
  for (const script of scriptsOf(path, text)) {
    const parsed = parse(script)
    if (!parsed) continue
    visit(parsed.program, (node) => {
      if (node.type !== 'ArrayExpression') return
      const texts = node.elements.map((element) => (element?.type === 'Literal' ? element.value : undefined))
      if (!texts.some((each) => typeof each === 'string' && each.startsWith('plugin:event|'))) return
      isKnown = true
      const missing = commands.filter((command) => !texts.includes(command))
      if (missing.length === 0) return
      const last = node.elements[node.elements.length - 1]
      const quote = script.code[last.start] === '"' ? '"' : "'"
      const between = /^[^'"]*$/.test(separatorOf(script.code, node)) ? separatorOf(script.code, node) : ', '
      edits.insert(script.start + last.end, missing.map((command) => `${between}${quote}${command}${quote}`).join(''))
    })
  }
  return { text: edits.applyTo(text), isKnown }
}

/** What stands between two elements of an array. */
function separatorOf(code, { start, elements }) {
  const [first, second] = elements
  return second ? code.slice(first.end, second.start) : `,${code.slice(start + 1, first.start) || ' '}`
}

function visit(node, act) {
  if (!node || typeof node !== 'object') return
  if (typeof node.type === 'string') act(node)
  for (const value of Object.values(node)) {
    if (Array.isArray(value)) for (const each of value) visit(each, act)
    else if (value && typeof value === 'object') visit(value, act)
  }
}
