export type Theme = 'system' | 'light' | 'dark'

const KEY = 'event-bus-inspector-theme'
const ORDER: readonly Theme[] = ['system', 'light', 'dark']

/** The theme that was chosen last. */
export function storedTheme(): Theme {
  try {
    const stored = localStorage.getItem(KEY) as Theme
    return ORDER.includes(stored) ? stored : 'system'
  } catch {
    return 'system'
  }
}

/** What the system prefers. */
export const prefersDark = matchMedia('(prefers-color-scheme: dark)')

export function setTheme(theme: Theme): void {
  document.documentElement.dataset.theme = theme === 'system' ? (prefersDark.matches ? 'dark' : 'light') : theme
  try {
    localStorage.setItem(KEY, theme)
  } catch {
    // It lasts as long as the window.
  }
}

export function nextTheme(theme: Theme): Theme {
  return ORDER[(ORDER.indexOf(theme) + 1) % ORDER.length] ?? 'system'
}
