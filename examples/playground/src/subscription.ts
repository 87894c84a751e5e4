import { type BusEvent, listen, type Subscription } from 'tauri-plugin-event-bus-api'
import { element } from './element'
import { countTick } from './jobs'
import { logEvent } from './log'
import { showError } from './result'
import { countEvent, countGap } from './stats'

const connection = element('connection', HTMLElement)
const form = element('listen-form', HTMLFormElement)
const pattern = element('listen-pattern', HTMLInputElement)
const problem = element('listen-problem', HTMLElement)

let active: Subscription[] = []
let lastSeq = 0
let lastDirect = 0

function receive(event: BusEvent<unknown>, label: string): void {
  // While one pattern replaces another, both subscriptions receive the same event.
  if (event.seq <= lastSeq) return
  lastSeq = event.seq
  const latencyMs = Math.max(0, Date.now() - event.timestamp)
  countEvent(latencyMs)
  countTick(event)
  logEvent({ event, latencyMs, to: event.seq === lastDirect ? label : undefined })
}

function setConnection(state: 'ready' | 'failed', text: string): void {
  connection.dataset.state = state
  connection.textContent = text
}

/** Listens to `name`, and ends the previous subscription once the host has accepted this one. */
async function listenTo(name: string, label: string): Promise<void> {
  // An event does not say to whom it was sent. A narrower subscription, made first, marks what was sent to this window.
  const direct = listen(
    name,
    (event) => {
      lastDirect = event.seq
    },
    { target: label },
  )
  const all = listen(name, (event) => receive(event, label), { onGap: (gap) => countGap(gap.count) })
  const before = active
  try {
    await Promise.all([direct, all])
    active = [direct, all]
    for (const off of before) off()
    problem.hidden = true
    setConnection('ready', 'Connected')
  } catch (error) {
    direct()
    all()
    showError(problem, error)
    problem.hidden = false
    if (before.length === 0) setConnection('failed', 'Not connected')
  }
}

export function startSubscription(label: string): void {
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    void listenTo(pattern.value, label)
  })
  void listenTo(pattern.value, label)
}
