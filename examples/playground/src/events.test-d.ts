// Not part of the app. `npm run check` compiles it to show what the generated types accept and reject.
import { emit, emitTo, events, HOST, isGap, listen, on, once, openChannel, startJob } from 'tauri-plugin-event-bus-api'
import type { Theme } from './events'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
function same<A, B>(_: Equal<A, B>): void {}

export async function typed(): Promise<void> {
  on('task:started', (started) => same<typeof started.key, string>(true))
  once('ui:theme', (event) => same<typeof event.payload.theme, Theme>(true))
  on('ping', (payload) => same<typeof payload, unknown>(true))
  listen('window:*', (event) => {
    same<typeof event.event, 'window:focused' | 'window:closed'>(true)
    same<typeof event.payload.label, string>(true)
  })
  for await (const item of events('clock:tick')) {
    if (!isGap(item)) same<typeof item.payload.uptimeSeconds, number>(true)
  }

  await emit('cart:updated', { itemCount: 3 })
  await emitTo('main', 'pong', { from: 'a page', youSent: [1] })
  await emit('not:declared', { anything: true })
  // @ts-expect-error The payload is missing.
  await emit('cart:updated')
  // @ts-expect-error It is called itemCount.
  await emit('cart:updated', { item_count: 3 })
  // @ts-expect-error There is no such theme.
  await emitTo('main', 'ui:theme', { theme: 'blue' })
  await openChannel(HOST, 'terminal', { cols: 80, rows: 24 }).send({ kind: 'keys', text: 'ls' })
  // @ts-expect-error A terminal has a size.
  openChannel(HOST, 'terminal', { cols: 80 })
  // @ts-expect-error The payload is missing.
  await startJob('cart:updated', { everyMs: 1000 })
  // @ts-expect-error The payload has no such field.
  on('ui:notice', (notice) => notice.body)
}
