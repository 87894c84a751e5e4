// A frame that knows the messages of workers and frames, and what it may do, and tries the rest. It reports the outcome of
// each attempt to its page.
const key = 'tauri-plugin-event-bus'
const outcomes = {}
const { port1, port2 } = new MessageChannel()
const waiting = new Map()
let last = 0
let ended
const isEnded = new Promise((resolve) => {
  ended = resolve
})

port1.onmessage = ({ data }) => {
  if (data.welcome) void attack(data.welcome)
  else if (data.bye) ended()
  else if ('reply' in data) waiting.get(data.reply)?.(data)
}

function send(command, args) {
  last += 1
  const call = last
  port1.postMessage({ call, command, args: { session: 'hostile', ...args } })
  return new Promise((resolve) => waiting.set(call, resolve))
}

async function attempt(name, command, args) {
  const { value, error } = await send(command, args)
  const [result] = Array.isArray(value) ? value : [value]
  const refused = error ?? result?.error
  outcomes[name] = refused ? refused.code : `done: ${JSON.stringify(value)}`
}

async function attack({ name }) {
  outcomes.name = name
  await attempt('emit', 'emit', { events: [{ event: 'attack', payload: '1' }] })
  await attempt('emit to', 'emit_to', { events: [{ event: 'attack', payload: '1', to: 'other' }] })
  await attempt('pretend', 'emit', { events: [{ event: 'chat:sent', payload: '1', component: 'worker:trusted' }] })
  await attempt('listen', 'subscribe', { subscriptions: [{ id: 1, event: 'secret' }] })
  await attempt('listen to all', 'subscribe', { subscriptions: [{ id: 2, event: '*' }] })
  await attempt('request', 'request', { id: 1, name: 'echo', to: 'other' })
  await attempt('respond', 'set_responders', { responders: [{ name: 'echo', on: true }] })
  await attempt('job', 'start_job', { job: { event: 'attack', everyMs: 100 } })
  await attempt('stop', 'stop_job', { id: 'of-page', number: 1 })
  await attempt('inspect', 'inspect', {})
  await attempt('catalog', 'catalog', {})
  await attempt('clear', 'clear_retained', { event: '*' })
  // What the host could not parse would stop its page.
  await attempt('half a pair', 'emit_to', { events: [{ event: 'chat:sent', payload: '1', to: 'a\ud800' }] })
  await attempt('bigint', 'emit', { events: [{ event: 'chat:sent', expiresMs: 10n }] })
  await attempt('no JSON', 'emit', { events: [{ event: 'chat:sent', payload: '{' }] })
  await attempt('flood', 'emit', { events: Array.from({ length: 1000 }, () => ({ event: 'chat:sent', payload: '2' })) })
  const { value } = await send('emit', { events: Array.from({ length: 1000 }, () => ({ event: 'chat:sent' })) })
  outcomes.limited = value.filter(({ error }) => error?.code === 'rate_limited').length > 500
  parent.postMessage({ outcomes }, '*')
  // It ends itself with what is no command.
  port1.postMessage('nonsense')
  await isEnded
  parent.postMessage({ ended: true }, '*')
}

parent.postMessage({ [key]: 'hello', version: 2, id: 'hostile' }, '*', [port2])
