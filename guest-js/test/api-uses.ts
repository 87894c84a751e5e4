// Generated from docs/api.toml: every row compiles. Do not edit.
import {
  EventBusError,
  HOST,
  attachTask,
  catalog,
  clearRetained,
  compatReport,
  component,
  deferReady,
  emit,
  emitAfter,
  emitAt,
  emitHandled,
  emitTo,
  events,
  getJob,
  inspect,
  isAvailable,
  isGap,
  listJobs,
  listTasks,
  listen,
  namespace,
  on,
  once,
  openChannel,
  pages,
  presence,
  ready,
  request,
  requestStream,
  respond,
  respondStream,
  setTraceContext,
  startJob,
  startTask,
  tap,
  type BuiltInEvents,
  type BusEvent,
  type ChannelName,
  type EmitAfterOptions,
  type EmitAtOptions,
  type EmitHandledOptions,
  type EmitOptions,
  type Endpoint,
  type EventName,
  type Gap,
  type Handled,
  type JobInfo,
  type JobStopped,
  type JoinOptions,
  type LinkStatus,
  type ListenOptions,
  type Member,
  type OtherRequest,
  type Outcome,
  type PageClosed,
  type PageEvent,
  type PageInfo,
  type PageOutcome,
  type PartChannel,
  type PartStream,
  type Presence,
  type ReadyOptions,
  type RequestContext,
  type RequestName,
  type StreamName,
  type TaskInfo,
  type Tick,
  type Will,
  type WillOptions,
  unlisten,
  waitFor,
  waitUntilReady,
  will,
} from '../src/index.js'

/** Emit to everyone */
export async function row0(): Promise<void> {
  await emit('cart', 1)
}

/** Emit to a target: a label, a glob, a list, a window, the host */
export async function row1(): Promise<void> {
  await emitTo(['main', 'editor-*'], 'cart', 1); await emitTo(HOST, 'cart', 1)
}

/** Emit with options: all but some, retained, kept until it is consumed, until it expires */
export async function row3(): Promise<void> {
  const kept: EmitOptions = { except: 'editor-1', retain: true }; await emit('cart', 1, kept); await emit('link', 1, { until: 'consumed', maxDeliveries: 3 }); await emit('door', 1, { expiresMs: 5_000 })
}

/** Forget retained events */
export async function row7(): Promise<void> {
  const count: number = await clearRetained('cart:*'); void count
}

/** Listen */
export async function row8(): Promise<void> {
  const cart = listen('cart:*', (event) => console.log(event.event)); cart.stop()
}

/** Read an event */
export async function row9(): Promise<void> {
  const log = (event: BusEvent<number>) => console.log(event.event, event.payload); listen<number>('cart', log)
}

/** Tell which subscription an event is for, and whether it was replayed */
export async function row11(): Promise<void> {
  listen('cart', ({ id, replayed }) => console.log(id, replayed))
}

/** Listen to the payload alone */
export async function row12(): Promise<void> {
  on('cart', (payload) => console.log(payload)).stop()
}

/** Listen once */
export async function row13(): Promise<void> {
  once('ready', (event) => console.log(event.event))
}

/** Listen with options */
export async function row14(): Promise<void> {
  const fresh: ListenOptions = { retained: false, replay: false, latest: true, sequential: true }; listen('cart', () => {}, fresh)
}

/** End all subscriptions of a name */
export async function row16(): Promise<void> {
  unlisten('cart')
}

/** Read events as a stream */
export async function row17(): Promise<void> {
  for await (const item of events('cart:*')) { console.log(item); break }
}

/** Wait for one event */
export async function row18(): Promise<void> {
  await waitFor('ready', { timeoutMs: 1_000 })
}

/** See what was lost */
export async function row19(): Promise<void> {
  const count = (item: BusEvent<number> | Gap) => (isGap(item) ? item.count : 0); void count
}

/** Say who an event, a job or a request comes from */
export async function row20(): Promise<void> {
  const main: Endpoint = { kind: 'webview', label: 'main' }; void main
}

/** Emit what an event or a request causes */
export async function row21(): Promise<void> {
  listen('order', async (event) => { await event.emit('cart', 1) })
}

/** Prefix every name */
export async function row24(): Promise<void> {
  await namespace('shop').emit('cart', 1)
}

/** Start a job that emits periodically */
export async function row25(): Promise<void> {
  await startJob('clock', { everyMs: 1_000 })
}

/** List the pages that are there, and wait until one is ready */
export async function row26(): Promise<void> {
  const soon: ReadyOptions = { timeoutMs: 1_000 }; const known: PageInfo[] = await pages(); await waitUntilReady('main', soon); void known
}

/** Learn that a page is opened, ready, reloaded or closed */
export async function row27(): Promise<void> {
  listen('event-bus:page-closed', ({ payload }) => { const closed: PageClosed = payload; const page: PageEvent = closed; void page })
}

/** Say when the own page is ready */
export async function row28(): Promise<void> {
  await deferReady(); await ready()
}

/** Tell others who is there, and know who is: presence */
export async function row29(): Promise<void> {
  const room: Presence<{ user: string }> = presence('doc:7'); const second: JoinOptions = { key: 'b' }; room.on('join', (member: Member<{ user: string }>) => console.log(member.state.user)); await room.join({ user: 'ada' }); await room.update({ user: 'Ada' }, second); await room.leave(second); const all: Member[] = await room.list(); room.stop(); void all
}

/** Emit, and wait until the event is handled */
export async function row30(): Promise<void> {
  const soon: EmitHandledOptions = { to: 'main', timeoutMs: 1_000 }; const handled: Handled = await emitHandled('cart', 1, soon); const failed = ({ outcome }: Outcome | PageOutcome) => outcome === 'failed'; console.log(handled.pages.some(failed))
}

/** Leave an event to be emitted when the page is gone */
export async function row31(): Promise<void> {
  const toMain: WillOptions = { to: 'main', afterMs: 10_000 }; const closed: Will = await will('cart', 1, toMain); await closed.stop()
}

/** Emit once, later: after a delay, or at a time of day */
export async function row33(): Promise<void> {
  const toMain: EmitAfterOptions = { to: 'main' }; const onTime: EmitAtOptions = { skipMissed: true }; await emitAfter('cart', 1_000, 1, toMain); await emitAt('cart', new Date(), 1, onTime)
}

/** Pause, resume, change and stop a job */
export async function row35(): Promise<void> {
  const job = await startJob('clock', { everyMs: 1_000 }); await job.update({ everyMs: 2_000 }); await job.stop()
}

/** Find jobs */
export async function row36(): Promise<void> {
  const jobs: JobInfo[] = await listJobs(); const job = await getJob('clock', { owner: HOST }); void [jobs, job]
}

/** See which tick an event is */
export async function row37(): Promise<void> {
  const count = (tick?: Tick) => tick?.count; listen('clock', ({ tick }) => console.log(count(tick)))
}

/** See what happens to a job */
export async function row38(): Promise<void> {
  listen<JobStopped>('event-bus:job-stopped', ({ payload }) => console.log(payload.reason))
}

/** Send a request */
export async function row39(): Promise<void> {
  await request(HOST, 'sum', [1, 2], { timeoutMs: 60_000 })
}

/** Respond to requests */
export async function row41(): Promise<void> {
  respond('confirm', (question: string) => globalThis.confirm(question))
}

/** Request a stream: parts, and then a response */
export async function row43(): Promise<void> {
  requestStream(HOST, 'tail', null, { timeoutMs: 60_000, credit: { parts: 16 } }).stop()
}

/** Take the parts of a stream, and its response */
export async function row44(): Promise<void> {
  const lines: PartStream<string, number> = requestStream(HOST, 'tail'); for await (const line of lines) console.log(line); console.log(await lines.result)
}

/** Respond with a stream */
export async function row45(): Promise<void> {
  respondStream<number>('count', async function* (to) { for (let n = 0; n < to; n += 1) yield n }).stop()
}

/** Open a channel: parts both ways */
export async function row47(): Promise<void> {
  const upper: PartChannel<string, string> = openChannel(HOST, 'upper'); await upper.send('tea'); upper.close(); for await (const text of upper) console.log(text); console.log((await upper.closed).code)
}

/** Read who sent a request, and whether the caller still waits */
export async function row49(): Promise<void> {
  const respondWith = (_: unknown, { name }: RequestContext) => name; respond('who', respondWith)
}

/** Read the causes of a request */
export async function row50(): Promise<void> {
  respond('who', (_: unknown, { causes }) => causes[0])
}

/** Start a task, and follow it */
export async function row53(): Promise<void> {
  const task = startTask<string>('export', 3, { key: 'q3', ifRunning: 'fail' }); for await (const { fraction } of task) console.log(fraction); console.log(await task.result)
}

/** Find a task: attach to it, list, cancel */
export async function row54(): Promise<void> {
  await attachTask('export', 'q3').cancel(); const tasks: TaskInfo[] = await listTasks(); void tasks
}

/** Declare events with their types */
export async function row55(): Promise<void> {
  const name: EventName = 'cart'; void name
}

/** Declare requests with their types */
export async function row56(): Promise<void> {
  const name: RequestName = 'confirm'; void name
}

/** Declare streams with their types */
export async function row57(): Promise<void> {
  const name: StreamName = 'export'; void name
}

/** Declare channels with their types */
export async function row58(): Promise<void> {
  const name: ChannelName = 'chat'; void name
}

/** Emit as a component */
export async function row61(): Promise<void> {
  await component('Cart').emit('cart', 1)
}

/** Refresh components */
export async function row62(): Promise<void> {
  await component('Cart').refresh('ProductList')
}

/** Show messages */
export async function row63(): Promise<void> {
  await component('Cart').success('Saved', { to: 'main' })
}

/** Report the outcome of actions */
export async function row64(): Promise<void> {
  await component('Cart').action('check-out', () => 7)
}

/** Name the built-in events */
export async function row67(): Promise<void> {
  const failed = (error: BuiltInEvents['error']) => error.status; void failed
}

/** Describe a component for the catalog */
export async function row68(): Promise<void> {
  component('Cart').describe({ emits: { cart: 'The cart has changed.' } })
}

/** Find out whether there is a bus */
export async function row71(): Promise<void> {
  if (isAvailable()) await emit('cart', 1)
}

/** Read what is declared */
export async function row72(): Promise<void> {
  const { strict } = await catalog(); void strict
}

/** Connect the bus to other nodes, and see how that is */
export async function row74(): Promise<void> {
  const connected: boolean | undefined = (await inspect()).link?.connected; const none: LinkStatus | undefined = undefined; void [connected, none]
}

/** Carry the trace of the app in events and requests */
export async function row76(): Promise<void> {
  setTraceContext(() => undefined); await emit('cart', 1, { traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' }); setTraceContext()
}

/** Inspect the bus */
export async function row77(): Promise<void> {
  const { seq } = await inspect(); void seq
}

/** Tap the bus: see everything that happens, and its way */
export async function row78(): Promise<void> {
  for await (const records of tap({ names: ['cart:*'], kinds: ['event'] })) console.log(records.length)
}

/** Handle errors */
export async function row84(): Promise<void> {
  const isFull = (error: unknown) => error instanceof EventBusError && error.code === 'queue_full'; void isFull
}

/** Name the functions of the package in an app's declarations */
export async function row86(): Promise<void> {
  const name: OtherRequest<'ping'> = 'ping'; void name
}

/** Read what compatible mode has noted */
export async function row99(): Promise<void> {
  for (const { event, message } of (await compatReport()).notes) console.log(event, message)
}
