import { invoke } from '@tauri-apps/api/core'
import { request, respond } from 'tauri-plugin-event-bus-api'
import { copy, element, part } from './element'
import type { Confirm } from './events'
import { showDone, showError } from './result'

const result = element('ask-result', HTMLOutputElement)
const fields = {
  event: element('event-name', HTMLInputElement),
  payload: element('event-payload', HTMLTextAreaElement),
}

/** Shows a dialog and gives what the user says; it closes when nobody waits for that any more. */
function confirm({ title, text }: Confirm, signal: AbortSignal): Promise<boolean> {
  const dialog = copy('confirm') as HTMLDialogElement
  part(dialog, 'h2').textContent = title
  part(dialog, 'p').textContent = text
  document.body.append(dialog)
  dialog.showModal()
  return new Promise((resolve) => {
    const close = (answer: boolean) => {
      dialog.remove()
      resolve(answer)
    }
    part(dialog, '[data-answer=yes]').addEventListener('click', () => close(true))
    part(dialog, '[data-answer=no]').addEventListener('click', () => close(false))
    dialog.addEventListener('cancel', () => close(false))
    signal.addEventListener('abort', () => close(false))
  })
}

async function show(asked: () => Promise<string>): Promise<void> {
  try {
    showDone(result, await asked())
  } catch (error) {
    showError(result, error)
  }
}

export function startAsking(label: string): void {
  respond('confirm', (question, { signal }) => confirm(question, signal))
  respond('form:value', ({ field }) => fields[field].value)

  element('ask-rust', HTMLButtonElement).addEventListener('click', () => {
    void show(async () => ((await invoke('empty_cart')) ? 'Rust was told yes' : 'Rust was told no'))
  })
  const other = label === 'main' ? 'second' : 'main'
  element('ask-other', HTMLButtonElement).addEventListener('click', () => {
    void show(async () => `${other} has “${await request(other, 'form:value', { field: 'event' })}”`)
  })
}
