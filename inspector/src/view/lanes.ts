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

/** What shapes look like: filled, then stroked. */
interface Look {
  fill?: string
  stroke?: string
  width?: number
  /** How opaque the stroke is. */
  alpha?: number
  dashed?: boolean
}

/** What is painted over what. */
const DEPTHS = ['way', 'end', 'mark'] as const
type Depth = (typeof DEPTHS)[number]

/**
 * The lanes of the rows that are in view: who has sent each, whom it went to, and how far it got. Shapes of one look are painted
 * at once, which takes a fraction of the time.
 */
export class LaneDrawing {
  readonly #context: CanvasRenderingContext2D
  readonly #colors: Colors
  readonly #x: (lane: LaneKey) => number
  readonly #index: (lane: LaneKey) => number
  readonly #shapes: Record<Depth, Map<string, { look: Look; path: Path2D }>> = {
    way: new Map(),
    end: new Map(),
    mark: new Map(),
  }

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
    const path = this.#path('way', { stroke: this.#colors.grid, width: 1 })
    for (const lane of lanes) {
      const x = Math.round(this.#x(lane)) + 0.5
      path.moveTo(x, 0)
      path.lineTo(x, height)
    }
  }

  row(entry: Entry, y: number): void {
    const from = this.#x(entry.lane)
    const color = laneColor(this.#colors, this.#index(entry.lane))
    if (entry.kind === 'refused') this.#cross(from, y)
    else if (entry.kind === 'gap' || entry.kind === 'lost') this.#diamond(from, y)
    else {
      for (const way of entry.ways) this.#way(from, this.#x(way.lane), y, color, way, entry)
      circle(this.#path('mark', { fill: color }), from, y, 4)
    }
  }

  paint(): void {
    const context = this.#context
    for (const depth of DEPTHS) {
      for (const { look, path } of this.#shapes[depth].values()) {
        const { fill, stroke, width = 1, alpha = 1, dashed } = look
        if (fill !== undefined) {
          context.fillStyle = fill
          context.fill(path)
        }
        if (stroke === undefined) continue
        context.strokeStyle = stroke
        context.lineWidth = width
        context.globalAlpha = alpha
        context.setLineDash(dashed ? [3, 2] : [])
        context.stroke(path)
        context.globalAlpha = 1
      }
    }
    context.setLineDash([])
  }

  /** Where shapes of this look are added. */
  #path(depth: Depth, look: Look): Path2D {
    const { fill, stroke, width, alpha, dashed } = look
    const key = `${fill} ${stroke} ${width} ${alpha} ${dashed}`
    const shapes = this.#shapes[depth]
    const known = shapes.get(key)
    if (known) return known.path
    const path = new Path2D()
    shapes.set(key, { look, path })
    return path
  }

  #way(from: number, to: number, y: number, color: string, way: Way, entry: Entry): void {
    const end = laneColor(this.#colors, this.#index(way.lane))
    const isBad = !way.queued || (entry.kind === 'request' && entry.code !== undefined)
    if (from === to) {
      const stroke = isBad ? this.#colors.bad : color
      circle(this.#path('end', { stroke, width: 1.5, alpha: way.handledAt === undefined ? 0.5 : 1 }), from, y, 6.5)
      return
    }
    const line = this.#path('way', { stroke: color, width: 1.5, alpha: 0.45, dashed: entry.kind === 'request' })
    line.moveTo(from, y)
    line.lineTo(to, y)
    if (isBad) {
      this.#cross(to, y)
      return
    }
    const side = to > from ? 1 : -1
    const isOut = way.deliveredAt !== undefined || way.handledAt !== undefined
    const fill = way.handledAt === undefined ? this.#colors.surface : end
    const arrow = this.#path('end', { fill, stroke: end, width: 1.25, alpha: isOut ? 1 : 0.5 })
    arrow.moveTo(to + side * 1, y)
    arrow.lineTo(to - side * 7, y - 4)
    arrow.lineTo(to - side * 7, y + 4)
    arrow.closePath()
  }

  #cross(x: number, y: number): void {
    const path = this.#path('mark', { stroke: this.#colors.bad, width: 2 })
    path.moveTo(x - 4, y - 4)
    path.lineTo(x + 4, y + 4)
    path.moveTo(x + 4, y - 4)
    path.lineTo(x - 4, y + 4)
  }

  #diamond(x: number, y: number): void {
    const path = this.#path('mark', { fill: this.#colors.warn })
    path.moveTo(x, y - 5)
    path.lineTo(x + 5, y)
    path.lineTo(x, y + 5)
    path.lineTo(x - 5, y)
    path.closePath()
  }
}

function circle(path: Path2D, x: number, y: number, radius: number): void {
  // Without a line from the shape before.
  path.moveTo(x + radius, y)
  path.arc(x, y, radius, 0, Math.PI * 2)
}
