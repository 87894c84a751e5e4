type Child = Node | string | undefined | false

/** An element with a class and children. Strings become text, never markup. */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className = '',
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag)
  if (className !== '') element.className = className
  append(element, children)
  return element
}

export function append(element: Element, children: readonly Child[]): void {
  for (const child of children) if (child !== undefined && child !== false) element.append(child)
}

/** A button with a label and, for those who point at it, what it does and its key. */
export function button(className: string, label: string, act: () => void, title = ''): HTMLButtonElement {
  const element = el('button', className, label)
  element.type = 'button'
  if (title !== '') element.title = title
  element.addEventListener('click', act)
  return element
}

/** Text that changes: it is written only when it is another one. */
export class Changing {
  readonly node: Text
  #text: string

  constructor(text = '') {
    this.#text = text
    this.node = document.createTextNode(text)
  }

  set(text: string): void {
    if (text === this.#text) return
    this.#text = text
    this.node.data = text
  }
}

/** Hides or shows an element. To write what it is already would still cost a style. */
export function setHidden(element: HTMLElement, isHidden: boolean): void {
  if (element.hidden !== isHidden) element.hidden = isHidden
}

const SVG = 'http://www.w3.org/2000/svg'

/** Icons of 16 by 16, drawn with one line. */
const ICONS = {
  timeline: 'M3 2.5v11M8 2.5v11M13 2.5v11M3 5h5M8 8.5h5M3 12h10',
  pages: 'M2.5 3.5h11v9h-11zM2.5 6.5h11M5 5h.01',
  jobs: 'M8 2.5a5.5 5.5 0 1 1 0 11a5.5 5.5 0 0 1 0-11zM8 5v3.2l2 1.3',
  requests: 'M2.5 5.5h9M9 3l2.5 2.5L9 8M13.5 10.5h-9M7 8l-2.5 2.5L7 13',
  retained: 'M8 2.5l5.5 3L8 8.5l-5.5-3zM2.5 8.5l5.5 3l5.5-3M2.5 11l5.5 3l5.5-3',
  send: 'M13.5 2.5L7 9M13.5 2.5l-4 11l-2.500-4.500L2.500 6.500z',
  pause: 'M5.500 3.500v9M10.500 3.500v9',
  play: 'M5 3l7.500 5L5 13z',
  clear: 'M3 4.500h10M6.500 4.500v-2h3v2M4.500 4.500l.500 9h6l.500-9',
  export: 'M8 2.500v7.500M5 7l3 3l3-3M2.500 12.500h11',
  search: 'M7 2.500a4.500 4.500 0 1 1 0 9a4.500 4.500 0 0 1 0-9zM10.500 10.500l3 3',
  close: 'M4 4l8 8M12 4l-8 8',
  theme: 'M8 2.500a5.500 5.500 0 1 0 5.500 7A4.500 4.500 0 0 1 8 2.500z',
  help: 'M8 2.500a5.500 5.500 0 1 1 0 11a5.500 5.500 0 0 1 0-11zM6.500 6.500a1.500 1.500 0 1 1 2.200 1.300c-.500.300-.700.600-.700 1.200M8 11h.010',
  down: 'M8 3v9.500M4 8.500l4 4l4-4',
} as const

export type Icon = keyof typeof ICONS

export function icon(name: Icon): SVGSVGElement {
  const svg = document.createElementNS(SVG, 'svg')
  svg.setAttribute('viewBox', '0 0 16 16')
  svg.setAttribute('class', 'icon')
  svg.setAttribute('aria-hidden', 'true')
  const path = document.createElementNS(SVG, 'path')
  path.setAttribute('d', ICONS[name])
  svg.append(path)
  return svg
}

/** A button with an icon before its label. */
export function iconButton(
  className: string,
  name: Icon,
  label: string,
  act: () => void,
  title = label,
): HTMLButtonElement {
  const element = button(className, '', act, title)
  append(element, [icon(name), el('span', 'label', label)])
  element.setAttribute('aria-label', title)
  return element
}

/** A select whose options change. */
export class Choice {
  readonly element = el('select', 'choice')
  #options = ''

  constructor(label: string, chosen: (value: string | undefined) => void) {
    this.element.setAttribute('aria-label', label)
    this.element.addEventListener('change', () => chosen(this.value))
  }

  get value(): string | undefined {
    return this.element.value === '' ? undefined : this.element.value
  }

  set value(value: string | undefined) {
    this.element.value = value ?? ''
  }

  /** Sets the options: what stands for everything, and values with their texts. */
  set(all: string, options: readonly (readonly [value: string, text: string])[]): void {
    const next = JSON.stringify([all, options])
    if (next === this.#options) return
    this.#options = next
    const { value } = this.element
    const made = [['', all] as const, ...options].map(([own, text]) => {
      const option = el('option', '', text)
      option.value = own
      return option
    })
    this.element.replaceChildren(...made)
    this.element.value = value
  }
}

/** The colors of a lane, in the order of the lanes. */
export const LANE_COLORS = 8

export function laneClass(index: number): string {
  return `lane-${index === 0 ? 'host' : (index - 1) % LANE_COLORS}`
}
