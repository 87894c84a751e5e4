import { EventBusError } from 'tauri-plugin-event-bus-api'

/** Shows one line of success below a form. */
export function showDone(output: HTMLOutputElement, text: string): void {
  output.dataset.state = 'done'
  output.textContent = text
}

/** Shows an error as its code and message. */
export function showError(output: HTMLElement, error: unknown): void {
  output.dataset.state = 'error'
  const code = document.createElement('code')
  code.textContent = error instanceof EventBusError ? error.code : 'error'
  output.replaceChildren(code, ` ${error instanceof Error ? error.message : String(error)}`)
}
