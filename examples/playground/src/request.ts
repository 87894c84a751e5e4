import { invoke } from '@tauri-apps/api/core'
import { request, respond } from 'tauri-plugin-event-bus-api'
import { copy, element, part } from './element'
import type { Confirm } from './events'
import { showDone, showError } from './result'

const result = element('request-result', HTMLOutputElement)
const fields = {
  event: element('event-name', HTMLInputElement),
  payload: element('event-payload', HTMLTextAreaElement),
}

/** Shows a dialog and resolves with the user's choice. The dialog closes when the request is aborted. */
function confirm({ title, text }: Confirm, signal: AbortSignal): Promise<boolean> {
  const dialog = copy('confirm') as HTMLDialogElement
  part(dialog, 'h2').textContent = title
  part(dialog, 'p').textContent = text
  document.body.append(dialog)
  dialog.showModal()
  return new Promise((resolve) => {
    const close = (choice: boolean) => {
      dialog.remove()
      resolve(choice)
    }
    part(dialog, '[data-choice=yes]').addEventListener('click', () => close(true))
    part(dialog, '[data-choice=no]').addEventListener('click', () => close(false))
    dialog.addEventListener('cancel', () => close(false))
    signal.addEventListener('abort', () => close(false))
  })
}

async function show(send: () => Promise<string>): Promise<void> {
  try {
    showDone(result, await send())
  } catch (error) {
    showError(result, error)
  }
}

export function startRequests(label: string): void {
  respond('confirm', (request, { signal }) => confirm(request, signal))
  respond('form:value', ({ field }) => fields[field].value)

  element('request-from-rust', HTMLButtonElement).addEventListener('click', () => {
    void show(async () => ((await invoke('empty_cart')) ? 'Rust got the response yes' : 'Rust got the response no'))
  })
  const other = label === 'main' ? 'second' : 'main'
  element('request-to-other', HTMLButtonElement).addEventListener('click', () => {
    void show(async () => `${other} has “${await request(other, 'form:value', { field: 'event' })}”`)
  })
}
