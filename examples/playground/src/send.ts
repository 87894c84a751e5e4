import { emit, emitTo, HOST, type Receipt, type Target } from 'tauri-plugin-event-bus-api'
import { element } from './element'
import { parsePayload } from './payload'
import { showDone, showError } from './result'

/** The value of the option for the host listeners. */
const HOST_OPTION = 'host'

const PRESETS: Record<string, { event: string; to: string; payload: unknown }> = {
  cart: { event: 'cart:updated', to: '', payload: { itemCount: 3 } },
  ping: { event: 'ping', to: HOST_OPTION, payload: 'hello, Rust' },
  notice: { event: 'ui:notice', to: '', payload: { title: 'Saved', text: 'Every window shows this.' } },
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

/** The pages and the host listeners that a receipt counts. A count of zero is left out, unless both are zero. */
function reached({ pages, listeners }: Receipt): string {
  const inRust = `${plural(listeners, 'listener')} in Rust`
  if (listeners === 0) return plural(pages, 'page')
  return pages === 0 ? inRust : `${plural(pages, 'page')} and ${inRust}`
}

export function startSend(): void {
  const form = element('emit-form', HTMLFormElement)
  const name = element('event-name', HTMLInputElement)
  const editor = element('event-payload', HTMLTextAreaElement)
  const select = element('event-to', HTMLSelectElement)
  const problem = element('payload-problem', HTMLElement)
  const result = element('emit-result', HTMLOutputElement)

  function check() {
    const payload = parsePayload(editor.value)
    problem.hidden = payload.kind !== 'problem'
    problem.textContent = payload.kind === 'problem' ? payload.problem : ''
    editor.setAttribute('aria-invalid', String(payload.kind === 'problem'))
    return payload
  }

  async function send(): Promise<void> {
    const payload = check()
    if (payload.kind === 'problem') {
      result.textContent = ''
      editor.focus()
      return
    }
    const value = payload.kind === 'value' ? payload.value : undefined
    const to: Target = select.value === HOST_OPTION ? HOST : select.value
    try {
      const receipt: Receipt = to === '' ? await emit(name.value, value) : await emitTo(to, name.value, value)
      showDone(result, `#${receipt.seq} reached ${reached(receipt)}`)
    } catch (error) {
      showError(result, error)
    }
  }

  form.addEventListener('submit', (event) => {
    event.preventDefault()
    void send()
  })
  form.addEventListener('click', (event) => {
    const key = event.target instanceof HTMLElement ? event.target.dataset.preset : undefined
    const preset = key === undefined ? undefined : PRESETS[key]
    if (!preset) return
    name.value = preset.event
    select.value = preset.to
    editor.value = JSON.stringify(preset.payload, null, 2)
    check()
  })
  editor.addEventListener('input', check)
  editor.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) form.requestSubmit()
  })
}
