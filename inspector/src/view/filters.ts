import type { EntryKind } from '../model/entry.js'
import { laneName } from '../model/entry.js'
import { everything, type Filter, isNarrow, KINDS } from '../model/filter.js'
import type { Store } from '../model/store.js'
import { shownOnOneLine } from '../model/text.js'
import { button, Choice, el, icon } from './dom.js'

const NAMES: Record<EntryKind, string> = {
  event: 'Events',
  tick: 'Ticks',
  request: 'Requests',
  refused: 'Refused',
  gap: 'Gaps',
  lost: 'Lost',
}

/** The search and the choices above the timeline. */
export class Filters {
  readonly element: HTMLElement
  readonly search = el('input', '')
  readonly #store: Store
  readonly #changed: (filter: Filter) => void
  readonly #kinds = new Set(KINDS)
  readonly #chips = new Map<EntryKind, HTMLButtonElement>()
  readonly #reset: HTMLButtonElement
  readonly #source = new Choice('From', () => this.#change())
  readonly #target = new Choice('To', () => this.#change())
  readonly #component = new Choice('Component', () => this.#change())

  constructor(store: Store, changed: (filter: Filter) => void) {
    this.#store = store
    this.#changed = changed
    this.search.type = 'search'
    this.search.id = 'search'
    this.search.placeholder = 'Search   /'
    this.search.spellcheck = false
    this.search.setAttribute('aria-label', 'Search')
    this.search.addEventListener('input', () => this.#change())
    const chips = KINDS.filter((kind) => kind !== 'lost').map((kind) => {
      const chip = button(
        `toggle ${kind}`,
        NAMES[kind],
        () => this.#toggle(kind),
        `Show or hide: ${NAMES[kind].toLowerCase()}`,
      )
      chip.dataset.kind = kind
      chip.setAttribute('aria-pressed', 'true')
      this.#chips.set(kind, chip)
      return chip
    })
    this.#reset = button('link', 'Show all', () => this.reset())
    this.#reset.hidden = true
    this.element = el(
      'div',
      'filters',
      el('label', 'search', icon('search'), this.search),
      el('div', 'toggles', ...chips),
      el('div', 'choices', this.#source.element, this.#target.element, this.#component.element),
      this.#reset,
    )
    this.update()
  }

  /** Searches for this text alone. */
  searchFor(text: string): void {
    this.search.value = text
    this.#change()
  }

  reset(): void {
    this.search.value = ''
    for (const kind of KINDS) this.#kinds.add(kind)
    for (const choice of [this.#source, this.#target, this.#component]) choice.value = undefined
    this.#change()
  }

  /** Offers the lanes and the components that there are. */
  update(): void {
    const lanes = this.#store.lanes.map((lane) => [lane, shownOnOneLine(laneName(lane), 60)] as const)
    this.#source.set('From all', lanes)
    this.#target.set('To all', lanes)
    const components = [...this.#store.components].sort().map((name) => [name, shownOnOneLine(name, 60)] as const)
    this.#component.set('All components', components)
    this.#component.element.hidden = components.length === 0
  }

  #toggle(kind: EntryKind): void {
    if (!this.#kinds.delete(kind)) this.#kinds.add(kind)
    this.#change()
  }

  #change(): void {
    const filter: Filter = {
      ...everything(),
      text: this.search.value,
      kinds: new Set(this.#kinds),
      source: this.#source.value,
      target: this.#target.value,
      component: this.#component.value,
    }
    for (const [kind, chip] of this.#chips) chip.setAttribute('aria-pressed', String(this.#kinds.has(kind)))
    this.#reset.hidden = !isNarrow(filter)
    this.#changed(filter)
  }
}
