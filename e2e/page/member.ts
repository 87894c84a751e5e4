import * as bus from 'tauri-plugin-event-bus-api'

/** What a journey asks of a worker or a frame. */
export interface Order {
  order: number
  act: 'call' | 'record' | 'recorded' | 'respond' | 'count' | 'reach' | 'times' | 'clock' | 'close'
  args: unknown[]
}

/** An event as it reached a handler in a worker or a frame. */
interface Received {
  event: string
  payload: unknown
  source: unknown
  component?: string
}

const recordings: Record<string, Received[]> = {}
const gaps: unknown[] = []
/** When events were handled, in milliseconds since the Unix epoch. */
const times: number[] = []
/** What waits for so many events of a name. */
let waiting: { name: string; count: number; reached: () => void } | undefined

/** Carries orders out, and answers them with `post`. */
export function obey(post: (answer: object) => void): (data: unknown) => void {
  return (data) => {
    const { order, act, args } = (data ?? {}) as Order
    if (typeof order !== 'number') return
    void carryOut(act, args).then(
      (value) => post({ answer: order, value }),
      ({ code, message }) => post({ answer: order, error: `${code}: ${message}` }),
    )
  }
}

async function carryOut(act: Order['act'], args: unknown[]): Promise<unknown> {
  const name = String(args[0])
  if (act === 'call')
    return (bus as unknown as Record<string, (...args: unknown[]) => unknown>)[name]?.(...args.slice(1))
  if (act === 'respond') {
    await bus.respond(name, (payload) => ({ payload, by: globalThis.constructor.name }))
    return null
  }
  if (act === 'record') {
    const events: Received[] = []
    recordings[name] = events
    const record = ({ event, payload, source, component }: bus.BusEvent<unknown>) => {
      events.push({ event, payload, source, ...(component !== undefined && { component }) })
      if (name === 'timed') times.push(performance.timeOrigin + performance.now())
      if (waiting?.name === name && events.length >= waiting.count) waiting.reached()
    }
    await bus.listen<unknown>(name, record, { onGap: (gap) => gaps.push(gap) })
    return null
  }
  if (act === 'recorded') return recordings[name]
  if (act === 'times') return times.splice(0)
  if (act === 'clock') return performance.timeOrigin + performance.now()
  if (act === 'reach') {
    await new Promise<void>((reached) => {
      waiting = { name, count: Number(args[1]), reached }
    })
    return null
  }
  if (act === 'count') return { events: recordings[name]?.length, gaps }
  globalThis.close()
  return null
}
