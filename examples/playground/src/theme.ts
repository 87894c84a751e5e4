import { emit, on } from 'tauri-plugin-event-bus-api'
import { element } from './element'
import type { Theme } from './events'

declare global {
  interface Window {
    /** Set by Rust from `EVENT_BUS_PLAYGROUND_THEME`; overrides the remembered theme. */
    readonly __PLAYGROUND_THEME__?: Theme
  }
}

const REMEMBERED = 'event-bus-playground:theme'

const system = matchMedia('(prefers-color-scheme: dark)')
const toggle = element('theme-toggle', HTMLButtonElement)

function isTheme(value: unknown): value is Theme {
  return value === 'light' || value === 'dark'
}

function chosen(): Theme | undefined {
  const theme = document.documentElement.dataset.theme
  return isTheme(theme) ? theme : undefined
}

function current(): Theme {
  return chosen() ?? (system.matches ? 'dark' : 'light')
}

function label(): void {
  toggle.setAttribute('aria-pressed', String(current() === 'dark'))
}

function apply(theme: Theme): void {
  document.documentElement.dataset.theme = theme
  label()
}

/** The toggle changes this window at once and tells the others through the bus. */
export function startTheme(): void {
  const remembered = window.__PLAYGROUND_THEME__ ?? localStorage.getItem(REMEMBERED)
  if (isTheme(remembered)) apply(remembered)
  else label()

  system.addEventListener('change', label)
  toggle.addEventListener('click', () => {
    const theme = current() === 'dark' ? 'light' : 'dark'
    apply(theme)
    localStorage.setItem(REMEMBERED, theme)
    void emit('ui:theme', { theme })
  })
  on('ui:theme', (payload) => {
    if (isTheme(payload.theme)) apply(payload.theme)
  })
}
