import type { Entry, LaneKey, Way } from '../model/entry.js'
import { LANE_COLORS } from './dom.js'

/** The colors of the drawing, read from the style sheet. */
export interface Colors {
  lanes: string[]
  grid: string
  bad: string
  warn: string
  surface: string
  accent: string
}

export function readColors(): Colors {
  const style = getComputedStyle(document.documentElement)
  const read = (name: string) => style.getPropertyValue(name).trim()
  const lanes = ['--lane-host', ...Array.from({ length: LANE_COLORS }, (_, index) => `--lane-${index}`)]
  return {
    lanes: lanes.map(read),
    grid: read('--lane-line'),
    bad: read('--bad'),
    warn: read('--warn'),
    surface: read('--surface'),
    accent: read('--accent'),
  }
}

export function laneColor(colors: Colors, index: number): string {
  const place = index === 0 ? 0 : 1 + ((index - 1) % LANE_COLORS)
  return colors.lanes[place] ?? colors.grid
}

/** The lanes of the rows that are in view: who has sent each, whom it went to, and how far it got. */
export class LaneDrawing {
  readonly #context: CanvasRenderingContext2D
  readonly #colors: Colors
  readonly #x: (lane: LaneKey) => number
  readonly #index: (lane: LaneKey) => number

  constructor(
    context: CanvasRenderingContext2D,
    colors: Colors,
    x: (lane: LaneKey) => number,
    index: (lane: LaneKey) => number,
  ) {
    this.#context = context
    this.#colors = colors
    this.#x = x
    this.#index = index
  }

  grid(lanes: readonly LaneKey[], height: number): void {
    const context = this.#context
    context.strokeStyle = this.#colors.grid
    context.lineWidth = 1
    context.beginPath()
    for (const lane of lanes) {
      const x = Math.round(this.#x(lane)) + 0.5
      context.moveTo(x, 0)
      context.lineTo(x, height)
    }
    context.stroke()
  }

  row(entry: Entry, y: number): void {
    const from = this.#x(entry.lane)
    const color = laneColor(this.#colors, this.#index(entry.lane))
    if (entry.kind === 'refused') this.#cross(from, y, this.#colors.bad)
    else if (entry.kind === 'gap' || entry.kind === 'lost') this.#diamond(from, y, this.#colors.warn)
    else {
      for (const way of entry.ways) this.#way(from, this.#x(way.lane), y, color, way, entry)
      this.#dot(from, y, color)
    }
  }

  #way(from: number, to: number, y: number, color: string, way: Way, entry: Entry): void {
    const context = this.#context
    const end = laneColor(this.#colors, this.#index(way.lane))
    const isBad = !way.queued || (entry.kind === 'request' && entry.code !== undefined)
    if (from === to) {
      context.strokeStyle = isBad ? this.#colors.bad : color
      context.lineWidth = 1.5
      context.beginPath()
      context.arc(from, y, 6.5, 0, Math.PI * 2)
      context.globalAlpha = way.handledAt === undefined ? 0.5 : 1
      context.stroke()
      context.globalAlpha = 1
      return
    }
    context.strokeStyle = color
    context.globalAlpha = 0.45
    context.lineWidth = 1.5
    context.setLineDash(entry.kind === 'request' ? [3, 2] : [])
    context.beginPath()
    context.moveTo(from, y)
    context.lineTo(to, y)
    context.stroke()
    context.setLineDash([])
    context.globalAlpha = 1
    if (isBad) {
      this.#cross(to, y, this.#colors.bad)
      return
    }
    const side = to > from ? 1 : -1
    context.beginPath()
    context.moveTo(to + side * 1, y)
    context.lineTo(to - side * 7, y - 4)
    context.lineTo(to - side * 7, y + 4)
    context.closePath()
    context.fillStyle = way.handledAt === undefined ? this.#colors.surface : end
    context.fill()
    context.strokeStyle = end
    context.lineWidth = 1.25
    context.globalAlpha = way.deliveredAt === undefined && way.handledAt === undefined ? 0.5 : 1
    context.stroke()
    context.globalAlpha = 1
  }

  #dot(x: number, y: number, color: string): void {
    const context = this.#context
    context.fillStyle = color
    context.beginPath()
    context.arc(x, y, 4, 0, Math.PI * 2)
    context.fill()
  }

  #cross(x: number, y: number, color: string): void {
    const context = this.#context
    context.strokeStyle = color
    context.lineWidth = 2
    context.beginPath()
    context.moveTo(x - 4, y - 4)
    context.lineTo(x + 4, y + 4)
    context.moveTo(x + 4, y - 4)
    context.lineTo(x - 4, y + 4)
    context.stroke()
  }

  #diamond(x: number, y: number, color: string): void {
    const context = this.#context
    context.fillStyle = color
    context.beginPath()
    context.moveTo(x, y - 5)
    context.lineTo(x + 5, y)
    context.lineTo(x, y + 5)
    context.lineTo(x - 5, y)
    context.closePath()
    context.fill()
  }
}
