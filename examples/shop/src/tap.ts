import type { BusEvent } from 'tauri-plugin-event-bus-api'
import { shop } from './bus'
import { element } from './element'

const MAX_ROWS = 200

/** Shows every event of the shop in a list, without a framework. */
export function startTap(): void {
  const list = element('tap')
  shop.listen<unknown>('*', (event) => {
    list.prepend(row(event))
    while (list.children.length > MAX_ROWS) list.lastElementChild?.remove()
  })
}

function row({ event, component, source, causes = [] }: BusEvent<unknown>): HTMLElement {
  const made = document.createElement('li')
  made.dataset.event = event
  made.dataset.component = component ?? ''
  made.dataset.causes = causes.join(' ')
  // An event without a component shows its source.
  const from = component ?? (source.kind === 'webview' ? source.label : 'Rust')
  made.append(part('name', short(event)), part('from soft', from), part('causes soft', causes.map(short).join(' › ')))
  return made
}

function short(event: string): string {
  return event.replace(/^shop:/, '')
}

function part(kind: string, text: string): HTMLElement {
  const made = document.createElement('span')
  made.className = kind
  made.textContent = text
  return made
}
