import { readFeed } from './feed.js'
import { Frames, type Left, type Taken } from './frames.js'
import { type Act, act, exported, messageOf, type Snapshot, snapshot } from './host.js'
import { Intake } from './intake.js'
import type { Entry } from './model/entry.js'
import { laneOf } from './model/entry.js'
import { isNarrow } from './model/filter.js'
import { recordingOf } from './model/recording.js'
import { ShownRows } from './model/shown-rows.js'
import { Store } from './model/store.js'
import { bytes, count, counted, shown } from './model/text.js'
import { Details } from './view/details.js'
import { Changing, el, type Icon, icon, iconButton } from './view/dom.js'
import { Filters } from './view/filters.js'
import { Help } from './view/help.js'
import { type Colors, readColors } from './view/lanes.js'
import { Plots } from './view/plots.js'
import { SendView } from './view/send.js'
import { JobsView, PagesView, RequestsView, RetainedView, type SnapshotView } from './view/tables.js'
import { nextTheme, prefersDark, setTheme, storedTheme, type Theme } from './view/theme.js'
import { Timeline } from './view/timeline.js'

/** How often the state of the bus is read, and how often what depends on the time is drawn. */
const SNAPSHOT_MS = 1000
const TICK_MS = 250

const VIEWS = ['timeline', 'pages', 'jobs', 'requests', 'retained', 'send'] as const
type View = (typeof VIEWS)[number]

const TITLES: Record<View, string> = {
  timeline: 'Timeline',
  pages: 'Pages',
  jobs: 'Jobs',
  requests: 'Requests',
  retained: 'Retained',
  send: 'Send',
}

/** The whole page. */
export class App {
  readonly element: HTMLElement
  readonly #store = new Store()
  readonly #rows = new ShownRows(this.#store)
  readonly #timeline: Timeline
  readonly #details: Details
  readonly #filters: Filters
  readonly #plots = new Plots()
  readonly #help = new Help()
  readonly #send = new SendView(this.#store)
  readonly #tables: ReadonlyMap<View, SnapshotView>
  readonly #views: Record<View, HTMLElement>
  readonly #nav = new Map<View, { button: HTMLButtonElement; count: Changing }>()
  readonly #appName = new Changing('')
  readonly #status = el('div', 'status')
  readonly #statusText = new Changing('connecting')
  readonly #pause: HTMLButtonElement
  readonly #kept = new Changing('')
  readonly #frames = new Frames({
    take: (millis) => this.#take(millis),
    list: () => this.#drawList(),
    plots: () => this.#drawTime(),
    state: () => this.#drawState(),
  })
  readonly #notice = el('div', 'notice')
  /** The state of the bus, and what has come of it since it was drawn. */
  #snapshot?: Snapshot
  #newState?: string
  #colors?: Colors
  #view: View = 'timeline'
  #theme = storedTheme()
  readonly #intake = new Intake()
  /** Lets the feed go on. */
  #goOn?: () => void

  constructor() {
    const select = (entry: Entry) => this.#select(entry, false)
    this.#timeline = new Timeline(this.#store, this.#rows, () => this.#frames.changed(), select)
    const laneIndex = this.#timeline.laneIndex
    const actions = { act: (what: Act) => void this.#act(what), laneIndex }
    const pages = new PagesView(actions)
    const jobs = new JobsView(actions)
    const requests = new RequestsView(actions)
    const retained = new RetainedView(actions)
    this.#tables = new Map<View, SnapshotView>(
      Object.entries({ pages, jobs, requests, retained }) as [View, SnapshotView][],
    )
    this.#filters = new Filters(this.#store, (filter) => {
      this.#rows.filter = filter
      this.#timeline.follow()
      this.#frames.changed()
    })
    this.#details = new Details(this.#store, {
      select: (entry) => this.#select(entry, true),
      filterBy: (text) => this.#filters.searchFor(text),
      sendAgain: (entry, payload) => {
        this.#show('send')
        this.#send.fill(entry.kind === 'request' ? 'request' : 'emit', entry.name, payload)
      },
      close: () => this.#select(undefined, false),
      laneIndex,
    })
    this.#pause = iconButton('tool', 'pause', 'Pause', () => this.#togglePause(), 'Pause (Space)')
    this.#pause.id = 'pause'
    const clear = iconButton('tool', 'clear', 'Clear', () => this.#clear(), 'Clear (c)')
    const save = iconButton('tool', 'export', 'Export', () => void this.#export(), 'Export as a recording (e)')
    save.id = 'export'
    clear.id = 'clear'
    const bar = el(
      'div',
      'bar',
      this.#plots.element,
      el('div', 'tools', this.#pause, clear, save, el('div', 'kept', this.#kept.node)),
    )
    const split = el('div', 'split', this.#timeline.element, this.#details.element)
    const timeline = el('section', 'view-timeline', bar, this.#filters.element, split)
    this.#views = {
      timeline,
      pages: pages.element,
      jobs: jobs.element,
      requests: requests.element,
      retained: retained.element,
      send: this.#send.element,
    }
    this.#status.append(el('i', 'pulse'), this.#statusText.node)
    this.#notice.hidden = true
    this.#notice.setAttribute('role', 'status')
    this.element = el(
      'div',
      'app',
      this.#rail(),
      el('main', '', ...Object.values(this.#views)),
      this.#notice,
      this.#help.element,
    )
  }

  start(): void {
    setTheme(this.#theme)
    prefersDark.addEventListener('change', () => this.#setTheme(this.#theme))
    document.addEventListener('keydown', (event) => this.#key(event))
    this.#show('timeline')
    this.#timeline.focus()
    void readFeed({ took: (text) => this.#took(text), connected: (problem) => this.#connected(problem) })
    void this.#look()
    setInterval(() => void this.#look(), SNAPSHOT_MS)
    setInterval(() => this.#frames.passed(), TICK_MS)
  }

  #rail(): HTMLElement {
    const items = VIEWS.map((view, index) => {
      const number = new Changing('')
      const own = el(
        'button',
        'nav',
        icon(view as Icon),
        el('span', 'nav-name', TITLES[view]),
        el('span', 'nav-count', number.node),
      )
      own.type = 'button'
      own.title = `${TITLES[view]} (${index + 1})`
      own.dataset.view = view
      own.addEventListener('click', () => this.#show(view))
      this.#nav.set(view, { button: own, count: number })
      return own
    })
    const theme = iconButton('nav', 'theme', 'Theme', () => this.#nextTheme(), 'Light, dark, as the system (t)')
    const help = iconButton('nav', 'help', 'Keys', () => this.#help.toggle(), 'Keys (?)')
    const brand = el('div', 'brand', el('div', 'brand-name', 'Event bus'), el('div', 'brand-app', this.#appName.node))
    return el(
      'nav',
      'rail',
      brand,
      el('div', 'navs', ...items),
      el('div', 'push'),
      el('div', 'navs', theme, help),
      this.#status,
    )
  }

  #show(view: View): void {
    this.#view = view
    for (const own of VIEWS) {
      this.#views[own].hidden = own !== view
      this.#nav.get(own)?.button.setAttribute('aria-current', String(own === view))
    }
    if (view === 'retained') void this.#look()
    this.#frames.looked()
    this.#frames.changed()
  }

  #took(text: string): Promise<void> {
    this.#intake.add(text)
    this.#frames.came()
    return new Promise((done) => {
      this.#goOn = done
    })
  }

  /** Reads what has come. */
  #take(millis: number): Taken {
    const before = this.#store.next
    this.#store.meter.advance(Date.now())
    const records = this.#intake.take(this.#store, millis)
    const more = !this.#intake.isEmpty
    if (!more) this.#goOn?.()
    return { rows: this.#store.next - before, records, more }
  }

  #connected(problem: string | undefined): void {
    const state = problem !== undefined ? 'off' : this.#rows.paused ? 'paused' : 'live'
    this.#statusText.set(problem === undefined ? state : 'not connected')
    if (this.#status.dataset.state === state) return
    this.#status.dataset.state = state
    this.#status.className = `status ${state}`
    this.#status.title = shown(problem ?? '')
  }

  #drawList(): Left {
    if (this.#view !== 'timeline') return 'nothing'
    this.#colors ??= readColors()
    this.#timeline.setLanes(this.#store.lanes)
    const left = this.#timeline.draw(this.#colors)
    this.#timeline.emptyText = this.#emptyText()
    return left
  }

  /** Draws what changes with the time. */
  #drawTime(): void {
    this.#filters.update()
    this.#details.refresh(this.#snapshot?.inspection)
    this.#tables.get(this.#view)?.tick(Date.now())
    if (this.#view === 'timeline') this.#drawPlots()
  }

  #drawPlots(): void {
    this.#colors ??= readColors()
    const { accent, warn, bad } = this.#colors
    const { meter, refusals, records } = this.#store
    this.#plots.draw(meter, refusals.length, { accent, slow: warn, bad })
    this.#kept.set(
      this.#rows.paused
        ? `${counted(this.#rows.waiting, 'new row')} since the pause`
        : `${counted(records, 'record')} · ${bytes(this.#store.bytes)}`,
    )
  }

  #emptyText(): string {
    if (this.#store.entries.length === 0)
      return 'Nothing has happened since the inspector opened. What is emitted, requested or refused appears here.'
    return isNarrow(this.#rows.filter) ? 'Nothing passes the filter.' : 'Nothing to show.'
  }

  /** Reads the state of the bus. */
  async #look(): Promise<void> {
    if (document.hidden) return
    try {
      this.#newState = await snapshot(this.#view === 'retained')
      this.#frames.looked()
    } catch (error) {
      this.#connected(messageOf(error))
    }
  }

  #drawState(): void {
    if (this.#newState !== undefined) this.#snapshot = JSON.parse(this.#newState) as Snapshot
    this.#newState = undefined
    const own = this.#snapshot
    if (!own) return
    const before = this.#store.lanes.length
    for (const { label } of own.inspection.webviews) this.#store.meet(laneOf({ kind: 'webview', label }))
    if (this.#store.lanes.length > before) this.#frames.changed()
    this.#appName.set(`${shown(own.app.name, 40)} ${shown(own.app.version, 20)}`)
    const counts: Partial<Record<View, number>> = {
      pages: own.inspection.webviews.length,
      jobs: own.inspection.jobs.length,
      requests: own.requestCount,
      retained: own.inspection.retained.events,
    }
    for (const [view, { count: number }] of this.#nav) {
      const value = counts[view]
      number.set(value === undefined || value === 0 ? '' : count(value))
    }
    this.#tables.get(this.#view)?.show(own)
    if (this.#view === 'send') this.#send.show(own)
    this.#details.refresh(own.inspection)
  }

  async #act(what: Act): Promise<void> {
    try {
      await act(what)
      await this.#look()
    } catch (error) {
      this.#tell(messageOf(error), true)
    }
  }

  #select(entry: Entry | undefined, intoView: boolean): void {
    this.#timeline.mark(entry, intoView)
    this.#details.show(entry, this.#snapshot?.inspection)
    this.#frames.changed()
  }

  #move(by: number): void {
    const { length } = this.#rows
    if (length === 0) return
    const own = this.#details.entry
    const index = own ? this.#rows.indexOf(own) : -1
    const next = index < 0 ? (by > 0 ? 0 : length - 1) : Math.max(0, Math.min(length - 1, index + by))
    this.#select(this.#rows.at(next), true)
  }

  #togglePause(): void {
    if (this.#rows.paused) this.#rows.resume()
    else this.#rows.pause()
    const { paused } = this.#rows
    this.#pause.replaceChildren(icon(paused ? 'play' : 'pause'), el('span', 'label', paused ? 'Continue' : 'Pause'))
    this.#pause.setAttribute('aria-pressed', String(paused))
    this.#connected(undefined)
    this.#frames.changed()
  }

  #clear(): void {
    this.#store.clear()
    this.#rows.clear()
    this.#timeline.follow()
    this.#select(undefined, false)
  }

  async #export(): Promise<void> {
    try {
      const { path, records } = await exported(recordingOf(this.#store))
      this.#tell(`${counted(records, 'record')} in ${path}`, false)
    } catch (error) {
      this.#tell(messageOf(error), true)
    }
  }

  #tell(text: string, isBad: boolean): void {
    this.#notice.className = isBad ? 'notice bad' : 'notice'
    this.#notice.replaceChildren(
      shown(text, 1000),
      iconButton('ghost', 'close', '', () => this.#dismiss(), 'Close (Esc)'),
    )
    this.#notice.hidden = false
  }

  #dismiss(): void {
    this.#notice.hidden = true
  }

  #nextTheme(): void {
    this.#setTheme(nextTheme(this.#theme))
  }

  #setTheme(theme: Theme): void {
    this.#theme = theme
    setTheme(theme)
    this.#colors = undefined
    this.#frames.changed()
  }

  #escape(): void {
    if (!this.#notice.hidden) this.#dismiss()
    else if (this.#view !== 'timeline') this.#show('timeline')
    else if (this.#details.entry) this.#select(undefined, false)
    else {
      this.#filters.reset()
      this.#timeline.focus()
    }
  }

  #key(event: KeyboardEvent): void {
    const { key, target } = event
    if (event.ctrlKey || event.metaKey || event.altKey || this.#help.element.open) return
    const isField =
      target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement
    if (isField && key !== 'Escape') return
    if (key === ' ' && target instanceof HTMLButtonElement) return
    const run = this.#keys[key] ?? (/^[1-6]$/.test(key) ? () => this.#show(VIEWS[Number(key) - 1] as View) : undefined)
    if (!run) return
    event.preventDefault()
    if (isField) (target as HTMLElement).blur()
    run()
  }

  readonly #keys: Record<string, () => void> = {
    '/': () => {
      this.#show('timeline')
      this.#filters.search.focus()
      this.#filters.search.select()
    },
    ArrowUp: () => this.#move(-1),
    ArrowDown: () => this.#move(1),
    k: () => this.#move(-1),
    j: () => this.#move(1),
    PageUp: () => this.#move(-this.#timeline.page),
    PageDown: () => this.#move(this.#timeline.page),
    Home: () => this.#move(-Number.MAX_SAFE_INTEGER),
    End: () => {
      this.#select(undefined, false)
      this.#timeline.follow()
    },
    f: () => {
      const own = this.#details.entry
      if (own) this.#filters.searchFor(`name:${own.name}`)
    },
    ' ': () => this.#togglePause(),
    c: () => this.#clear(),
    e: () => void this.#export(),
    t: () => this.#nextTheme(),
    Escape: () => this.#escape(),
    '?': () => this.#help.toggle(),
  }
}
