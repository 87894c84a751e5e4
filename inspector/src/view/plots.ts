import { type Meter, STEP_MS, STEPS } from '../model/meter.js'
import { count, duration } from '../model/text.js'
import { Changing, el } from './dom.js'

/** One plot of the last minute, with its newest value. */
class Plot {
  readonly element: HTMLElement
  readonly value = new Changing('–')
  readonly note = new Changing('')
  readonly #canvas = el('canvas', 'plot-canvas')
  #width = 0
  #height = 0

  constructor(title: string) {
    const head = el('div', 'plot-head', el('span', 'plot-title', title), el('span', 'plot-note', this.note.node))
    this.element = el('div', 'plot', head, el('span', 'plot-value', this.value.node), this.#canvas)
    new ResizeObserver(([entry]) => {
      if (!entry) return
      this.#width = entry.contentRect.width
      this.#height = entry.contentRect.height
      this.#canvas.width = Math.round(this.#width * devicePixelRatio)
      this.#canvas.height = Math.round(this.#height * devicePixelRatio)
    }).observe(this.#canvas)
  }

  /** Draws lines over each other; the first one is filled. */
  draw(lines: readonly { color: string; values: readonly (number | undefined)[] }[]): void {
    const context = this.#canvas.getContext('2d', { willReadFrequently: true })
    if (!context || this.#width === 0) return
    context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0)
    context.clearRect(0, 0, this.#width, this.#height)
    const top = Math.max(1, ...lines.flatMap(({ values }) => values.map((value) => value ?? 0)))
    const x = (index: number, length: number) => this.#width - ((length - 1 - index) * this.#width) / (STEPS - 1)
    const y = (value: number) => this.#height - 1 - (value / top) * (this.#height - 4)
    for (const [place, { color, values }] of lines.entries()) {
      context.beginPath()
      let isDown = false
      let start = 0
      for (const [index, value] of values.entries()) {
        if (value === undefined) continue
        const at = x(index, values.length)
        if (isDown) context.lineTo(at, y(value))
        else {
          context.moveTo(at, y(value))
          start = at
        }
        isDown = true
      }
      context.strokeStyle = color
      context.lineWidth = 1.25
      context.stroke()
      if (place > 0 || !isDown) continue
      context.lineTo(this.#width, this.#height)
      context.lineTo(start, this.#height)
      context.globalAlpha = 0.12
      context.fillStyle = color
      context.fill()
      context.globalAlpha = 1
    }
  }
}

/** The rate and the latency of the last minute. */
export class Plots {
  readonly element: HTMLElement
  readonly #rate = new Plot('Events per second')
  readonly #latency = new Plot('Handled within')
  readonly #refused = new Plot('Refused')

  constructor() {
    this.element = el('div', 'plots', this.#rate.element, this.#latency.element, this.#refused.element)
  }

  draw(meter: Meter, refused: number, colors: { accent: string; slow: string; bad: string }): void {
    const { rate, p50, p99 } = meter.now
    const { steps } = meter
    this.#rate.value.set(count(Math.round(rate)))
    this.#rate.note.set(`peak ${count(Math.max(0, ...steps.map(({ events }) => (events * 1000) / STEP_MS)))}`)
    this.#latency.value.set(p50 === undefined ? '–' : duration(p50))
    this.#latency.note.set(p99 === undefined ? 'median' : `median · 99 % ${duration(p99)}`)
    this.#refused.value.set(count(refused))
    this.#refused.note.set('')
    this.#rate.draw([{ color: colors.accent, values: steps.map(({ events }) => events) }])
    this.#latency.draw([
      { color: colors.accent, values: steps.map((step) => step.p50) },
      { color: colors.slow, values: steps.map((step) => step.p99) },
    ])
    this.#refused.draw([{ color: colors.bad, values: steps.map((step) => step.refused) }])
  }
}
