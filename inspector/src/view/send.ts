import { type Act, act, messageOf, request, type Snapshot } from '../host.js'
import { permissionIn } from '../model/listeners.js'
import { readExactly, withBytes } from '../model/payload.js'
import type { Store } from '../model/store.js'
import { counted, duration, shown } from '../model/text.js'
import { permissionLine } from './details.js'
import { append, button, Choice, el } from './dom.js'
import { payloadTree } from './payload.js'

type Kind = 'emit' | 'request'

/** Emits and requests by hand. */
export class SendView {
  readonly element: HTMLElement
  readonly #store: Store
  readonly #names = el('datalist', '')
  readonly #name = el('input', 'field mono')
  readonly #payload = el('textarea', 'field mono')
  readonly #problem = el('p', 'problem')
  readonly #target = new Choice('To', () => this.#update())
  readonly #other = el('input', 'field mono')
  readonly #retain = el('input', '')
  readonly #retainLine: HTMLElement
  readonly #result = el('div', 'result')
  readonly #kinds: Record<Kind, HTMLButtonElement>
  readonly #submit: HTMLButtonElement
  #kind: Kind = 'emit'
  #labels: string[] = []

  constructor(store: Store) {
    this.#store = store
    this.#kinds = {
      emit: button('segment', 'Emit an event', () => this.#choose('emit')),
      request: button('segment', 'Send a request', () => this.#choose('request')),
    }
    this.#names.id = 'names'
    this.#name.setAttribute('list', 'names')
    this.#name.spellcheck = false
    this.#name.placeholder = 'cart:updated'
    this.#name.id = 'send-name'
    this.#payload.rows = 10
    this.#payload.spellcheck = false
    this.#payload.placeholder = '{ "itemCount": 3 }'
    this.#payload.id = 'send-payload'
    this.#other.placeholder = 'a label or a pattern, such as editor-*'
    this.#other.spellcheck = false
    this.#other.setAttribute('aria-label', 'Label or pattern')
    this.#retain.type = 'checkbox'
    this.#submit = button('primary', 'Emit', () => void this.#send(), 'Ctrl+Enter')
    this.#submit.id = 'send-submit'
    for (const field of [this.#name, this.#payload, this.#other]) field.addEventListener('input', () => this.#update())
    this.#retainLine = el('label', 'check', this.#retain, 'Retain it for later subscribers')
    const form = el(
      'form',
      'form',
      el('div', 'segments', this.#kinds.emit, this.#kinds.request),
      labelled('Name', this.#name),
      labelled('To', this.#target.element),
      this.#other,
      labelled('Payload, as JSON', this.#payload),
      this.#problem,
      this.#retainLine,
      el('div', 'form-end', this.#submit, el('span', 'card-note', 'It comes from Rust, with the component inspector.')),
      this.#names,
    )
    form.addEventListener('submit', (event) => event.preventDefault())
    form.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return
      event.preventDefault()
      void this.#send()
    })
    const head = el(
      'header',
      'panel-head',
      el('h1', '', 'Send'),
      el('p', '', 'Emit an event or send a request by hand, as Rust would.'),
    )
    this.element = el('section', 'panel', head, el('div', 'panel-body narrow', form, this.#result))
    this.#update()
  }

  show({ inspection, declared }: Snapshot): void {
    this.#labels = inspection.webviews.map(({ label }) => label)
    const names = this.#kind === 'emit' ? [...new Set([...declared.events, ...this.#store.names])] : declared.requests
    const options = names.slice(0, 500).map((name) => {
      const option = el('option', '')
      option.value = name
      return option
    })
    if (options.length !== this.#names.childElementCount) this.#names.replaceChildren(...options)
    this.#setTargets()
  }

  /** Fills the form in. */
  fill(kind: Kind, name: string, payload: string): void {
    this.#choose(kind)
    this.#name.value = name
    this.#payload.value = payload.length < 20_000 ? JSON.stringify(JSON.parse(payload), null, 2) : payload
    this.#result.replaceChildren()
    this.#update()
    this.#payload.focus()
  }

  #choose(kind: Kind): void {
    this.#kind = kind
    this.#target.value = undefined
    this.#setTargets()
    this.#update()
  }

  #setTargets(): void {
    const all = this.#kind === 'emit' ? 'Everyone' : 'Rust'
    const pages = this.#labels.map((label) => [`page:${label}`, label] as const)
    const host = this.#kind === 'emit' ? [['host', 'Rust'] as const] : []
    this.#target.set(all, [...host, ...pages, ['other', 'Other…']])
  }

  #update(): void {
    const isEmit = this.#kind === 'emit'
    this.#kinds.emit.setAttribute('aria-pressed', String(isEmit))
    this.#kinds.request.setAttribute('aria-pressed', String(!isEmit))
    this.#submit.textContent = isEmit ? 'Emit' : 'Send'
    this.#retainLine.hidden = !isEmit
    this.#other.hidden = this.#target.value !== 'other'
    const problem = problemOf(this.#payload.value)
    this.#problem.textContent = problem ?? ''
    this.#problem.hidden = problem === undefined
    this.#submit.disabled = problem !== undefined || this.#name.value.trim() === ''
  }

  #what(): Act & { kind: Kind } {
    const name = this.#name.value.trim()
    const payload = this.#payload.value.trim() || undefined
    const target = this.#target.value
    const to =
      target === undefined
        ? undefined
        : target === 'host'
          ? { kind: 'host' as const }
          : target === 'other'
            ? this.#other.value.trim()
            : { kind: 'webview' as const, label: target.slice('page:'.length) }
    if (this.#kind === 'request') return { kind: 'request', name, payload, to }
    return { kind: 'emit', event: name, payload, to, retain: this.#retain.checked }
  }

  async #send(): Promise<void> {
    if (this.#submit.disabled) return
    const what = this.#what()
    this.#submit.disabled = true
    const start = performance.now()
    const took = () => el('span', 'card-note', duration(performance.now() - start))
    try {
      if (what.kind === 'emit') {
        const receipt = (await act(what)) as { seq: number; pages: number; listeners: number }
        const text = `Event ${receipt.seq} is on its way to ${counted(receipt.pages, 'page')} and ${counted(receipt.listeners, 'listener')} of Rust.`
        this.#tell(el('p', 'text good', text))
      } else {
        const { error, payload, bytes } = readExactly(await request(what))
        const { code, message } = Object(error) as { code?: string; message?: string }
        if (code !== undefined) this.#tell(...errorLines(`${code}: ${message}`), took())
        else this.#tell(el('p', 'text good', 'Response'), payloadTree(withBytes(payload, bytes)), took())
      }
    } catch (error) {
      this.#tell(...errorLines(messageOf(error)))
    } finally {
      this.#update()
    }
  }

  #tell(...children: Node[]): void {
    this.#result.replaceChildren()
    append(this.#result, children)
  }
}

function errorLines(message: string): Node[] {
  const permission = permissionIn(message)
  const text = el('p', 'text bad', shown(message))
  return permission === undefined ? [text] : [text, permissionLine(permission)]
}

/** What is wrong with a text that is to be JSON. */
export function problemOf(text: string): string | undefined {
  if (text.trim() === '') return undefined
  try {
    JSON.parse(text)
    return undefined
  } catch (error) {
    return `This is not JSON: ${(error as Error).message}`
  }
}

function labelled(text: string, field: HTMLElement): HTMLElement {
  return el('label', 'labelled', el('span', '', text), field)
}
