import { childrenOf, PayloadBytes, treeNodeOf } from '../model/payload.js'
import { bytes, count, shown, shownOnOneLine } from '../model/text.js'
import { append, button, el } from './dom.js'

/** How much of an object, a list or a text is shown at first, and how much each time that more is wanted. */
const CHILDREN = 100
const TEXT = 400
const MORE_TEXT = 20_000

/** How deep a tree is open at first, and how many children an open node has. */
const OPEN_DEPTH = 2
const OPEN_SIZE = 30

/** A payload as a tree that opens. */
export function payloadTree(value: unknown): HTMLElement {
  const root = el('div', 'tree')
  root.append(branch(undefined, value, 0))
  return root
}

function branch(key: string | undefined, value: unknown, depth: number): HTMLElement {
  const node = treeNodeOf(value)
  const label = key === undefined ? '' : el('span', 'tree-key', shownOnOneLine(key, 200))
  if (node.size === undefined || node.size === 0) return el('div', 'tree-leaf', label, leaf(value))
  const details = el('details', 'tree-branch')
  details.append(el('summary', '', label, el('span', 'tree-size', node.text)))
  let isFilled = false
  const fill = () => {
    if (isFilled) return
    isFilled = true
    details.append(children(value, node.size ?? 0, depth + 1))
  }
  details.addEventListener('toggle', () => details.open && fill())
  if (depth < OPEN_DEPTH && node.size <= OPEN_SIZE) {
    fill()
    details.open = true
  }
  return details
}

function children(value: unknown, size: number, depth: number): HTMLElement {
  const list = el('div', 'tree-children')
  let from = 0
  const more = button('link', '', add)
  function add(): void {
    more.remove()
    for (const [key, child] of childrenOf(value, from, CHILDREN)) list.append(branch(key, child, depth))
    from += CHILDREN
    if (from >= size) return
    more.textContent = `${count(size - from)} more`
    list.append(more)
  }
  add()
  return list
}

function leaf(value: unknown): HTMLElement {
  const { kind, text } = treeNodeOf(value)
  if (value instanceof PayloadBytes) {
    const size = el('span', 'tree-size', bytes(value.size))
    return el('span', 'tree-bytes', size, ' ', value.hex(24))
  }
  if (kind !== 'string') return el('span', `tree-${kind}`, text)
  return longText(text, 'tree-string')
}

/** A text of which more can be shown. */
export function longText(text: string, className: string): HTMLElement {
  const span = el('span', className, shown(text, TEXT))
  if (text.length <= TEXT) return span
  const note = el('span', 'tree-size', ` ${count(text.length)} characters`)
  const more = button('link', 'show more', () => {
    span.textContent = shown(text, MORE_TEXT)
    more.remove()
  })
  const whole = el('span', '')
  append(whole, [span, note, ' ', more])
  return whole
}
