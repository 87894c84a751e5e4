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

export function setTheme(theme: Theme): void {
  const { dataset } = document.documentElement
  if (theme === 'system') delete dataset.theme
  else dataset.theme = theme
  try {
    localStorage.setItem(KEY, theme)
  } catch {
    // It lasts as long as the window.
  }
}

export function nextTheme(theme: Theme): Theme {
  return ORDER[(ORDER.indexOf(theme) + 1) % ORDER.length] ?? 'system'
}
