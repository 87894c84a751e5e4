import type { Endpoint, Inspection, JobInfo, QueueUsage, SubscriptionInspection } from 'tauri-plugin-event-bus-api'
import type { Act, RequestInFlight, Snapshot } from '../host.js'
import { type LaneKey, laneName, laneOf, targetText } from '../model/entry.js'
import { readExactly, textOf, withBytes } from '../model/payload.js'
import { bytes, clock, count, counted, duration, shown, shownOnOneLine } from '../model/text.js'
import { append, button, el, laneClass } from './dom.js'
import { longText, payloadTree } from './payload.js'

/** What the views let the rest of the page do. */
export interface TableActions {
  act(what: Act): void
  laneIndex(lane: LaneKey): number
}

/** A view that is drawn anew when what it shows has changed. */
export abstract class SnapshotView {
  readonly element: HTMLElement
  readonly #body = el('div', 'panel-body')
  protected readonly actions: TableActions
  #drawn = ''

  constructor(title: string, note: string, actions: TableActions) {
    this.actions = actions
    const head = el('header', 'panel-head', el('h1', '', title), el('p', '', note))
    this.element = el('section', 'panel', head, this.#body)
  }

  show(snapshot: Snapshot): void {
    const drawn = JSON.stringify(this.shown(snapshot))
    if (drawn === this.#drawn) return
    this.#drawn = drawn
    const focus = (document.activeElement as HTMLElement | null)?.dataset.key
    this.#body.replaceChildren(...this.draw(snapshot))
    this.tick(Date.now())
    if (focus === undefined) return
    const again = [...this.#body.querySelectorAll<HTMLElement>('[data-key]')].find(
      ({ dataset }) => dataset.key === focus,
    )
    again?.focus()
  }

  /** Draws what changes with the time alone. */
  tick(now: number): void {
    for (const own of this.#body.querySelectorAll<HTMLElement>('[data-until]')) {
      const left = Number(own.dataset.until) - now
      own.textContent = left > 0 ? `in ${duration(left)}` : 'now'
    }
    for (const own of this.#body.querySelectorAll<HTMLElement>('[data-due]')) {
      const left = Number(own.dataset.due) - now
      own.textContent = left > 0 ? duration(left) : 'none'
    }
    for (const own of this.#body.querySelectorAll<HTMLElement>('[data-since]')) {
      own.textContent = duration(Math.max(0, now - Number(own.dataset.since)))
    }
  }

  /** What it shows of a snapshot. */
  protected abstract shown(snapshot: Snapshot): unknown

  protected abstract draw(snapshot: Snapshot): Node[]

  protected lane(endpoint: Endpoint): HTMLElement {
    const lane = laneOf(endpoint)
    return el(
      'span',
      'lane-label',
      el('i', `lane-dot ${laneClass(this.actions.laneIndex(lane))}`),
      shownOnOneLine(laneName(lane), 80),
    )
  }
}

function empty(text: string): HTMLElement {
  return el('div', 'empty static', text)
}

function table(heads: readonly string[], rows: readonly (readonly (Node | string)[])[]): HTMLElement {
  const head = el('tr', '', ...heads.map((name) => el('th', '', name)))
  const body = rows.map((cells) => el('tr', '', ...cells.map((cell) => el('td', '', cell))))
  return el('div', 'table', el('table', '', el('thead', '', head), el('tbody', '', ...body)))
}

/** A time that comes nearer: `until` tells when it is, `due` how much is left. */
function time(kind: 'until' | 'due', at: number | null): Node | string {
  if (at === null) return '–'
  const span = el('span', 'number')
  span.dataset[kind] = String(at)
  return span
}

function usage(name: string, { events, bytes: size, maxEvents, maxBytes }: QueueUsage): HTMLElement {
  const part = Math.min(1, Math.max(events / maxEvents, size / maxBytes))
  const fill = el('i', part > 0.8 ? 'full' : '')
  fill.style.width = `${(100 * part).toFixed(1)}%`
  const numbers = el(
    'span',
    'usage-numbers',
    `${count(events)} of ${count(maxEvents)} · ${bytes(size)} of ${bytes(maxBytes)}`,
  )
  return el('div', 'usage', el('span', 'usage-name', name), el('span', 'usage-bar', fill), numbers)
}

function subscriptionList(subscriptions: readonly SubscriptionInspection[]): HTMLElement {
  const most = 60
  const chips = subscriptions.slice(0, most).map(({ event, target }) => {
    const chip = el('span', 'chip', el('span', '', shownOnOneLine(event, 120)))
    if (target !== 'own') {
      chip.append(el('span', 'chip-note', 'only sent to it'))
      chip.title = 'It gets what is sent to this page, and no broadcasts'
    }
    return chip
  })
  const list = el('div', 'chips', ...chips)
  if (subscriptions.length > most)
    list.append(el('span', 'chip-note', `and ${count(subscriptions.length - most)} more`))
  if (subscriptions.length === 0) list.append(el('span', 'chip-note', 'no subscriptions'))
  return list
}

function fact(name: string, value: string, isBad = false): HTMLElement {
  return el('div', isBad ? 'fact bad' : 'fact', el('b', '', value), el('span', '', name))
}

export class PagesView extends SnapshotView {
  constructor(actions: TableActions) {
    super('Pages', 'Every webview that the bus knows, what it listens to, and what waits for it.', actions)
  }

  protected shown({ inspection, pages }: Snapshot): unknown {
    return [
      inspection.webviews.map((webview) => ({
        ...webview,
        page: webview.page && { ...webview.page, lastSeenMsAgo: 0, lastAcknowledgedMsAgo: 0 },
      })),
      inspection.consumers,
      pages,
    ]
  }

  protected draw({ inspection, pages }: Snapshot): Node[] {
    const webviews = inspection.webviews.map((webview) => {
      const own = pages.find(({ label }) => label === webview.label)
      const state = own?.state ?? (webview.page ? 'opened' : 'no page')
      const title = el(
        'div',
        'card-title',
        this.lane({ kind: 'webview', label: webview.label }),
        el('span', `badge state-${state.replace(' ', '-')}`, state),
      )
      if (webview.window !== webview.label)
        title.append(el('span', 'card-note', `in the window ${shownOnOneLine(webview.window, 80)}`))
      const card = el('article', 'card', title)
      const { page, backlog } = webview
      if (page) {
        append(card, [
          el(
            'div',
            'fact-row',
            fact('subscriptions', count(page.subscriptions.length)),
            fact('not acknowledged', count(page.unacknowledgedEvents)),
            fact('dropped, told as gaps', count(page.dropped), page.dropped > 0),
            fact('over a rate limit', count(webview.rateLimited), webview.rateLimited > 0),
            fact('carrier', page.isCalled ? 'call' : page.isEvaluated ? 'message' : 'pull'),
          ),
          usage('Queue', page.queue),
        ])
      } else card.append(el('p', 'card-note', 'No page in it has used the bus yet.'))
      if (backlog) card.append(usage('Kept for its next page', backlog))
      if (page) card.append(subscriptionList(page.subscriptions))
      return card
    })
    const consumers = inspection.consumers.map((consumer) => {
      const title = el(
        'div',
        'card-title',
        this.lane({ kind: 'host' }),
        el('span', 'badge', consumer.isStream ? 'stream' : 'listeners'),
      )
      return el(
        'article',
        'card',
        title,
        el(
          'div',
          'fact-row',
          fact('subscriptions', count(consumer.subscriptions.length)),
          fact('dropped, told as gaps', count(consumer.dropped), consumer.dropped > 0),
        ),
        usage('Queue', consumer.queue),
        subscriptionList(consumer.subscriptions),
      )
    })
    if (webviews.length + consumers.length === 0) return [empty('The bus knows no webview yet.')]
    return [el('div', 'cards', ...webviews, ...consumers)]
  }
}

export class JobsView extends SnapshotView {
  constructor(actions: TableActions) {
    super('Jobs', 'What emits by itself: when the next tick comes, and what came of the ones before.', actions)
  }

  protected shown({ inspection }: Snapshot): unknown {
    return inspection.jobs
  }

  protected draw({ inspection }: Snapshot): Node[] {
    const { jobs } = inspection
    if (jobs.length === 0)
      return [empty('No job is running. Rust starts one with bus.periodic(…), a page with startPeriodic(…).')]
    return [
      table(
        ['Job', 'Event', 'Owner', 'Every', 'State', 'Next tick', 'Ticks', ''],
        jobs.map((job) => this.#row(job)),
      ),
    ]
  }

  #row(job: JobInfo): (Node | string)[] {
    const run = (kind: 'pauseJob' | 'resumeJob' | 'runJob', label: string, isOff: boolean) => {
      const own = button('small', label, () => this.actions.act({ kind, owner: job.owner, id: job.id }))
      own.dataset.key = `${kind}\n${laneOf(job.owner)}\n${job.id}`
      own.disabled = isOff
      return own
    }
    const numbers = [job.missed > 0 && `${count(job.missed)} missed`, job.failed > 0 && `${count(job.failed)} failed`]
    const problems = numbers.filter(Boolean).join(' · ')
    const ticks = el('div', '', el('div', 'number', counted(job.ticks, 'tick')))
    append(ticks, [problems !== '' && el('div', job.failed > 0 ? 'number bad' : 'number', problems)])
    const { lastError } = job
    if (lastError) {
      const error = `${lastError.code}: ${lastError.message}`
      const note = el('div', 'cell-note', shownOnOneLine(error, 80))
      note.title = shown(error)
      ticks.append(note)
    }
    const isPaused = job.state === 'paused'
    const name = el('span', 'mono', shownOnOneLine(job.id, 60))
    const event = el(
      'span',
      '',
      el('span', 'mono', shownOnOneLine(job.event, 80)),
      job.to !== null && el('span', 'cell-note', ` to ${shownOnOneLine(targetText(job.to) ?? '', 60)}`),
    )
    const tools = el(
      'span',
      'row-tools',
      isPaused ? run('resumeJob', 'Resume', false) : run('pauseJob', 'Pause', false),
      run('runJob', 'Run now', job.state !== 'running'),
    )
    const every = el('span', 'number', job.at === null ? duration(job.everyMs) : 'once')
    return [
      name,
      event,
      this.lane(job.owner),
      every,
      el('span', `badge state-${job.state}`, job.state),
      time('until', job.nextAt),
      ticks,
      tools,
    ]
  }
}

export class RequestsView extends SnapshotView {
  constructor(actions: TableActions) {
    super('Requests', 'Requests without a response yet, the oldest first, and open streams and channels.', actions)
  }

  protected shown({ requests, requestCount, inspection }: Snapshot): unknown {
    return [requests.map(({ request }) => request), requestCount, inspection.streams]
  }

  protected draw({ at, requests, requestCount, inspection }: Snapshot): Node[] {
    const parts: Node[] = []
    if (requests.length > 0) {
      parts.push(
        table(
          ['Request', 'Caller', 'Responder', 'Age', 'Time left', ''],
          requests.map((own) => this.#row(own, at)),
        ),
      )
      if (requestCount > requests.length)
        parts.push(el('p', 'card-note', `and ${count(requestCount - requests.length)} more`))
    }
    if (inspection.streams.length > 0)
      parts.push(el('h2', 'panel-subtitle', 'Streams and channels'), this.#streams(inspection))
    return parts.length === 0 ? [empty('No request is in flight.')] : parts
  }

  #row(own: RequestInFlight, at: number): (Node | string)[] {
    const age = el('span', 'number')
    age.dataset.since = String(at - own.ageMs)
    const notes = [own.isStream && 'stream', own.isWaiting && 'waits for the page to start'].filter(Boolean).join(' · ')
    return [
      el('span', 'mono', shownOnOneLine(own.name, 80)),
      this.lane(own.caller),
      this.lane(own.responder),
      age,
      time('due', own.dueInMs === null ? null : at + own.dueInMs),
      el('span', 'cell-note', notes),
    ]
  }

  #streams({ streams }: Inspection): HTMLElement {
    const rows = streams.map((own) => [
      el('span', 'mono', shownOnOneLine(own.name, 80)),
      this.lane(own.isFromCaller ? own.caller : own.responder),
      this.lane(own.isFromCaller ? own.responder : own.caller),
      count(own.sent),
      count(own.taken),
      bytes(own.bytes),
      el('span', own.isWaiting ? 'badge state-paused' : 'cell-note', own.isWaiting ? 'waits for credit' : 'flows'),
    ])
    return table(['Stream', 'From', 'To', 'Sent', 'Taken', 'On its way', ''], rows)
  }
}

export class RetainedView extends SnapshotView {
  #open = new Set<string>()

  constructor(actions: TableActions) {
    super('Retained', 'The newest event of each name that later subscribers get first.', actions)
  }

  /** What was shown stays until there is a snapshot with retained events. */
  override show(snapshot: Snapshot): void {
    if (snapshot.retained !== null) super.show(snapshot)
  }

  protected shown({ retained }: Snapshot): unknown {
    return retained
  }

  protected draw({ retained }: Snapshot): Node[] {
    if (retained === null) return []
    if (retained.length === 0) return [empty('No event is retained.')]
    return [el('div', 'cards', ...retained.map((line) => this.#card(readExactly(line))))]
  }

  #card(record: Record<string, unknown>): HTMLElement {
    const name = String(record.name)
    const cut = record.cut as { bytes: number; start: string } | undefined
    const clear = button(
      'small',
      'Clear',
      () => this.actions.act({ kind: 'clearRetained', event: name }),
      'Forget what is retained under this name',
    )
    clear.dataset.key = `clear\n${name}`
    const title = el(
      'div',
      'card-title',
      el('span', 'mono strong', shownOnOneLine(name, 120)),
      this.lane(record.source as Endpoint),
      el('span', 'card-note', clock(Number(record.at))),
      el('span', 'push'),
      clear,
    )
    const key = `${name}\n${record.seq}`
    const text = cut ? cut.start : textOf(record.payload)
    const summary = el('summary', '', 'Payload ', el('span', 'mono cell-note', shownOnOneLine(text, 60)))
    const details = el('details', 'card-payload', summary)
    const fill = () =>
      details.append(cut ? longText(cut.start, 'raw') : payloadTree(withBytes(record.payload, record.bytes)))
    details.open = this.#open.has(key)
    let isFilled = details.open
    if (isFilled) fill()
    details.addEventListener('toggle', () => {
      if (details.open) this.#open.add(key)
      else this.#open.delete(key)
      if (details.open && !isFilled) fill()
      isFilled ||= details.open
    })
    const notes = [
      record.to !== undefined && `to ${targetText(record.to as never)}`,
      record.redacted === true && 'redacted',
    ]
      .filter(Boolean)
      .join(' · ')
    const card = el('article', 'card', title)
    append(card, [notes !== '' && el('p', 'card-note', shownOnOneLine(notes)), details])
    return card
  }
}
