import { invoke } from '@tauri-apps/api/core'
import { element } from './element'
import { showError } from './result'

export function startTerminal(): void {
  const text = element('task-text', HTMLParagraphElement)
  element('terminal-open', HTMLButtonElement).addEventListener('click', () => {
    invoke('open_terminal').catch((error) => showError(text, error))
  })
}
