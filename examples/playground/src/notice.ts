import { on } from 'tauri-plugin-event-bus-api'
import { element } from './element'
import type { Notice } from './events'

const SHOWN_MS = 6000
const AT_ONCE = 3

const stack = element('notices', HTMLElement)

function show(notice: Notice): void {
  const toast = document.createElement('div')
  toast.className = 'notice'
  const title = document.createElement('strong')
  title.textContent = String(notice.title)
  toast.append(title)
  if (typeof notice.text === 'string') {
    const text = document.createElement('span')
    text.textContent = notice.text
    toast.append(text)
  }
  stack.append(toast)
  while (stack.childElementCount > AT_ONCE) stack.firstElementChild?.remove()
  setTimeout(() => toast.remove(), SHOWN_MS)
}

export function startNotices(): void {
  // A user may send one by hand, with any payload.
  on('ui:notice', (notice) => {
    if (typeof notice === 'object' && notice !== null && 'title' in notice) show(notice)
  })
}
