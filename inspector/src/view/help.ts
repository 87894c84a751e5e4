import { el, iconButton } from './dom.js'

/** What each key does. docs/inspector.md has the same table. */
export const KEYS: readonly (readonly [keys: string, does: string])[] = [
  ['1 … 6', 'Timeline, pages, jobs, requests, retained, send'],
  ['/', 'Search'],
  ['↑ ↓ or k j', 'Select the row before or after'],
  ['PageUp, PageDown', 'Select a row one page away'],
  ['Home, End', 'First row; newest row, and follow'],
  ['f', 'Only rows of the selected name'],
  ['Space', 'Pause and continue'],
  ['c', 'Clear'],
  ['e', 'Export as a recording'],
  ['t', 'Light, dark, as the system'],
  ['Esc', 'Close the details, then the search'],
  ['?', 'This list'],
]

/** The list of keys, and what the drawing means. */
export class Help {
  readonly element = el('dialog', 'help')

  constructor() {
    const rows = KEYS.flatMap(([keys, does]) => [
      el('dt', '', ...keys.split(/( or |, | … | )/).map(keyOf)),
      el('dd', '', does),
    ])
    const words = el(
      'ul',
      'legend',
      el(
        'li',
        '',
        el('b', '', 'Words in the search'),
        ' must all occur. ',
        code('-word'),
        ' must not. ',
        code('name:'),
        ', ',
        code('from:'),
        ', ',
        code('to:'),
        ', ',
        code('in:'),
        ' (component) and ',
        code('code:'),
        ' look at one thing.',
      ),
      el(
        'li',
        '',
        el('b', '', 'Lanes'),
        ': a dot is the sender. A full arrow was handled, a hollow one delivered, a faint one queued. A dashed line is a request. A red cross was refused, a diamond is a gap.',
      ),
    )
    const top = el(
      'div',
      'details-top',
      el('h2', '', 'Keys'),
      iconButton('ghost', 'close', '', () => this.toggle(), 'Close (Esc)'),
    )
    this.element.append(top, el('dl', 'keys', ...rows), words)
    this.element.addEventListener('click', ({ target }) => target === this.element && this.element.close())
  }

  toggle(): void {
    if (this.element.open) this.element.close()
    else this.element.showModal()
  }
}

/** A key, or what stands between two of them. */
function keyOf(part: string, index: number): Node {
  return index % 2 === 1 ? document.createTextNode(part) : el('kbd', '', part)
}

function code(text: string): HTMLElement {
  return el('code', '', text)
}
