import type { Inspection } from 'tauri-plugin-event-bus-api'
import { type CauseNode, causesOf } from '../model/causes.js'
import { type Entry, type LaneKey, laneName, type Way } from '../model/entry.js'
import { missingOf, patternsOf, permissionIn } from '../model/listeners.js'
import { PayloadBytes, readExactly, textOf, withBytes } from '../model/payload.js'
import type { Store } from '../model/store.js'
import { bytes, clock, counted, duration, shown, shownOnOneLine } from '../model/text.js'
import { append, button, el, iconButton, laneClass } from './dom.js'
import { longText, payloadTree } from './payload.js'

const KIND_NAMES: Record<Entry['kind'], string> = {
  event: 'Event',
  tick: 'Tick',
  request: 'Request',
  refused: 'Refused',
  gap: 'Gap',
  lost: 'Lost records',
}

/** What the panel lets the rest of the page do. */
export interface DetailsActions {
  select(entry: Entry): void
  filterBy(text: string): void
  sendAgain(entry: Entry, payload: string): void
  close(): void
  laneIndex(lane: LaneKey): number
}

/** Everything about one row. */
export class Details {
  readonly element = el('aside', 'details')
  readonly #store: Store
  readonly #actions: DetailsActions
  readonly #body = el('div', 'details-body')
  #entry?: Entry
  #drawn = ''
  #isRaw = false

  constructor(store: Store, actions: DetailsActions) {
    this.#store = store
    this.#actions = actions
    this.element.hidden = true
    this.element.append(this.#body)
    this.element.setAttribute('aria-label', 'Details')
  }

  get entry(): Entry | undefined {
    return this.#entry
  }

  show(entry: Entry | undefined, inspection: Inspection | undefined): void {
    this.#entry = entry
    this.#drawn = ''
    this.element.hidden = entry === undefined
    this.#body.scrollTop = 0
    this.refresh(inspection)
  }

  /** Draws the row again, if there is something new about it. */
  refresh(inspection: Inspection | undefined): void {
    const entry = this.#entry
    if (!entry) return
    const { ways, response, id } = entry
    const subscriptions = inspection?.webviews.map(({ label, page }) => [label, page?.subscriptions.length])
    const drawn = JSON.stringify([id, ways, response?.length, subscriptions, this.#isRaw])
    if (drawn === this.#drawn) return
    this.#drawn = drawn
    const { scrollTop } = this.#body
    this.#body.replaceChildren(...this.#sections(entry, inspection))
    this.#body.scrollTop = scrollTop
  }

  #sections(entry: Entry, inspection: Inspection | undefined): Node[] {
    const sections: Node[] = [this.#head(entry)]
    if (entry.message !== undefined) sections.push(this.#refusal(entry.message))
    if (entry.kind === 'gap' || entry.kind === 'lost')
      sections.push(section('What is lost', el('p', 'text', shown(entry.preview))))
    const record = readExactly(entry.line)
    if (entry.size > 0 || record.cut !== undefined) sections.push(this.#payload('Payload', record))
    if (entry.response !== undefined) sections.push(this.#response(entry.response))
    if (entry.seq !== undefined || entry.kind === 'request') sections.push(this.#way(entry, inspection))
    if (entry.seq !== undefined) {
      const missing = missingOf(this.#store, inspection, entry)
      if (missing.length > 0) sections.push(this.#missing(missing))
    }
    if (['event', 'tick', 'request'].includes(entry.kind)) {
      const root = causesOf(this.#store, entry)
      const isAlone = root.isOwn && root.children.length === 0
      if (!isAlone) sections.push(section('Causes and effects', el('div', 'causes', this.#cause(root))))
    }
    return sections
  }

  #head(entry: Entry): HTMLElement {
    const { code, kind } = entry
    const badge = el('span', `badge ${kind}${code === undefined ? '' : ' failed'}`, KIND_NAMES[kind])
    const facts: [string, Node | string | undefined][] = [
      ['From', this.#lane(entry.lane)],
      [
        'To',
        entry.kind === 'request'
          ? this.#lanes(entry.ways)
          : shown(entry.to ?? (entry.seq === undefined ? '' : 'everyone'), 200),
      ],
      ['Except', entry.except && shown(entry.except, 200)],
      ['Component', entry.component && shown(entry.component, 200)],
      ['Job', entry.job && shown(entry.job, 200)],
      ['Action', entry.action],
      ['Number', entry.seq === undefined ? undefined : String(entry.seq)],
      ['Time', clock(entry.at)],
      ['Retained', entry.retained ? 'yes' : undefined],
      ['Kept for', entry.keptFor.length > 0 ? shown(entry.keptFor.join(', '), 200) : undefined],
    ]
    const list = el('dl', 'facts')
    for (const [name, value] of facts)
      if (value !== undefined && value !== '') list.append(el('dt', '', name), el('dd', '', value))
    const tools = el('div', 'details-tools')
    if (entry.kind !== 'gap' && entry.kind !== 'lost') {
      tools.append(button('small', 'Only this name', () => this.#actions.filterBy(`name:${entry.name}`)))
      const payload = payloadTextOf(entry.line)
      if (payload !== undefined)
        tools.append(button('small', 'Send again…', () => this.#actions.sendAgain(entry, payload)))
    }
    tools.append(button('small', 'Copy record', () => copy(entry.line)))
    const top = el(
      'div',
      'details-top',
      badge,
      iconButton('ghost', 'close', '', () => this.#actions.close(), 'Close (Esc)'),
    )
    return el('header', 'details-head', top, el('h2', 'details-name', shownOnOneLine(entry.name)), list, tools)
  }

  #payload(title: string, record: Record<string, unknown>): HTMLElement {
    const tools = el('span', 'section-tools')
    const cut = record.cut as { bytes: number; start: string } | undefined
    if (cut) {
      tools.append(el('span', 'tree-size', `${bytes(cut.bytes)}, cut`))
      return section(title, longText(cut.start, 'raw'), tools)
    }
    if (record.redacted === true) tools.append(el('span', 'badge redacted', 'redacted'))
    tools.append(el('span', 'tree-size', bytes(sizeOf(record))))
    tools.append(
      button('link', this.#isRaw ? 'as tree' : 'as text', () => {
        this.#isRaw = !this.#isRaw
        this.#drawn = ''
        this.refresh(undefined)
      }),
    )
    if (!this.#isRaw) return section(title, payloadTree(withBytes(record.payload, record.bytes)), tools)
    const text = textOf(record.payload ?? null, 2)
    return section(title, el('pre', 'raw', shown(text, 100_000)), tools)
  }

  #response(line: string): HTMLElement {
    const record = readExactly(line)
    const error = record.error as { code: string; message: string } | undefined
    if (!error) return this.#payload('Response', record)
    const text = el('p', 'text bad', el('b', '', shownOnOneLine(error.code)), ' ', shown(error.message))
    return section('Response', text)
  }

  #refusal(message: string): HTMLElement {
    const box = section('Why', el('p', 'text bad', shown(message)))
    const permission = permissionIn(message)
    if (permission !== undefined) box.append(permissionLine(permission))
    return box
  }

  #way(entry: Entry, inspection: Inspection | undefined): HTMLElement {
    const times = entry.ways.flatMap(({ deliveredAt, handledAt }) => [deliveredAt ?? entry.at, handledAt ?? entry.at])
    const span = Math.max(0.1, ...times.map((time) => time - entry.at))
    const list = el('ul', 'ways')
    const order = ({ lane }: Way) => this.#actions.laneIndex(lane)
    const ways = [...entry.ways].sort((one, other) => order(one) - order(other))
    for (const way of ways) list.append(this.#oneWay(entry, way, span, inspection))
    if (entry.ways.length === 0)
      list.append(el('li', 'text', 'It had no receiver: neither a page nor Rust listens to it.'))
    const tools = el('span', 'section-tools', el('span', 'tree-size', counted(entry.ways.length, 'receiver')))
    return section('Way', list, tools)
  }

  #oneWay(entry: Entry, way: Way, span: number, inspection: Inspection | undefined): HTMLElement {
    const patterns = patternsOf(inspection, way.lane, way.subscriptions)
    const steps: string[] = []
    if (!way.queued) steps.push('its queue was full')
    // The host has taken what it was given.
    if (way.deliveredAt !== undefined && way.lane !== 'host')
      steps.push(`delivered +${duration(way.deliveredAt - entry.at)}`)
    if (way.handledAt !== undefined) {
      const word =
        entry.kind === 'request'
          ? entry.code === undefined
            ? 'response'
            : 'failed'
          : way.lane === 'host'
            ? 'taken'
            : 'handled'
      steps.push(`${word} +${duration(way.handledAt - entry.at)}`)
    }
    if (way.queued && way.deliveredAt === undefined && way.handledAt === undefined) steps.push('queued')
    const bar = el('span', 'way-bar')
    const part = (from: number, to: number, className: string) => {
      const piece = el('i', className)
      piece.style.left = `${(100 * from) / span}%`
      piece.style.width = `${Math.max(0.5, (100 * (to - from)) / span)}%`
      bar.append(piece)
    }
    const delivered = (way.deliveredAt ?? way.handledAt ?? entry.at) - entry.at
    part(0, delivered, 'queued')
    if (way.handledAt !== undefined) part(delivered, way.handledAt - entry.at, 'handled')
    const names = way.stream ? ['stream'] : []
    if (patterns.length > 0) names.push(...new Set(patterns))
    const head = el('div', 'way-head', this.#lane(way.lane), el('span', 'way-steps', steps.join(' · ')))
    const notes = names.length > 0 && el('div', 'way-note', `listens to ${shownOnOneLine(names.join(', '))}`)
    const item = el('li', way.queued ? 'way' : 'way failed')
    append(item, [head, bar, notes])
    return item
  }

  #missing(missing: ReturnType<typeof missingOf>): HTMLElement {
    const list = el('ul', 'ways')
    for (const { lane, why, permission } of missing) {
      const item = el('li', permission === undefined ? 'way quiet' : 'way failed')
      item.append(el('div', 'way-head', this.#lane(lane)), el('div', 'way-note', shown(why)))
      if (permission !== undefined) item.append(permissionLine(permission))
      list.append(item)
    }
    return section('Not received by', list)
  }

  #cause(node: CauseNode): HTMLElement {
    const { entry } = node
    const name =
      entry && !node.isOwn
        ? button('cause-name', shownOnOneLine(node.name), () => this.#actions.select(entry))
        : el('span', 'cause-name', shownOnOneLine(node.name))
    const line = el('div', node.isOwn ? 'cause own' : 'cause', name)
    if (entry) line.append(el('span', 'cause-note', `${laneName(entry.lane)} · ${clock(entry.at)}`))
    else line.append(el('span', 'cause-note', 'not kept any more'))
    const item = el('div', 'cause-node', line)
    if (node.children.length > 0)
      item.append(el('div', 'cause-children', ...node.children.map((child) => this.#cause(child))))
    return item
  }

  #lanes(ways: readonly Way[]): HTMLElement {
    return el('span', '', ...ways.map(({ lane }) => this.#lane(lane)))
  }

  #lane(lane: LaneKey): HTMLElement {
    const dot = el('i', `lane-dot ${laneClass(this.#actions.laneIndex(lane))}`)
    return el('span', 'lane-label', dot, shownOnOneLine(laneName(lane), 80))
  }
}

function section(title: string, content: Node, tools?: Node): HTMLElement {
  const head = el('h3', '', title)
  return el('section', 'section', el('div', 'section-head', head, tools), content)
}

/** The entry of a capability that would allow what was refused. */
export function permissionLine(permission: string): HTMLElement {
  const line = el('div', 'permission', el('code', '', shown(permission, 2000)))
  line.append(button('small', 'Copy', () => copy(permission)))
  return line
}

function copy(text: string): void {
  navigator.clipboard?.writeText(text).catch(() => {})
}

/** How long the payload of a record is, with its bytes. */
function sizeOf({ payload, bytes: own }: Record<string, unknown>): number {
  const sizes = (Array.isArray(own) ? own : []).map(([base64]) => new PayloadBytes(String(base64)).size)
  return sizes.reduce((sum, size) => sum + size, textOf(payload ?? null).length)
}

/** The text of a payload, for what is sent again; `undefined` unless all of it is there. */
function payloadTextOf(line: string): string | undefined {
  const record = readExactly(line)
  if (!('payload' in record) || record.redacted === true || record.bytes !== undefined) return undefined
  return textOf(record.payload ?? null)
}
