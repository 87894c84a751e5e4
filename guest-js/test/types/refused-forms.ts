// Calls that must not compile: names of the map keep their payloads.
import {
  type BusEvent,
  type Event,
  type EventCallback,
  emit,
  emitTo,
  events,
  HOST,
  listen,
  namespace,
  on,
  once,
  request,
  respond,
  startJob,
  waitFor,
} from 'tauri-plugin-event-bus-api'
import './call-forms.js'

interface Wrong {
  size: number
}

declare const wrong: EventCallback<Wrong>

// @ts-expect-error The annotated payload is another one.
listen('form:saved', (event: Event<Wrong>) => console.log(event.payload.size))
// @ts-expect-error The annotated payload is another one.
listen('form:saved', (event: BusEvent<Wrong>) => console.log(event.payload.size))
// @ts-expect-error The callback takes another payload.
listen('form:saved', wrong)
// @ts-expect-error The callback takes another payload.
once('form:saved', wrong)
// @ts-expect-error The annotated payload is another one.
on('form:saved', (payload: Wrong) => console.log(payload.size))
// @ts-expect-error The annotated payload is not what the pattern matches in the map.
listen('form:*', (event: Event<Wrong>) => console.log(event.payload.size))
// @ts-expect-error One of the events of the pattern has another payload.
on('form:*', (payload: { path: string }) => console.log(payload.path))
// @ts-expect-error The payload has no such field.
listen('form:saved', (event) => event.payload.size)
// @ts-expect-error Not every event of the pattern has it.
listen('form:*', (event) => event.payload.path)
// @ts-expect-error An unknown payload has to be narrowed.
listen('unknown', (event) => event.payload.size)
// @ts-expect-error The type argument says otherwise.
listen<string>('unknown', (event) => event.payload.size)
// @ts-expect-error The handler takes another payload than the type argument says.
listen<string>('unknown', wrong)
// @ts-expect-error A number is no name.
listen(7, () => {})
// @ts-expect-error The handler is missing.
listen('form:saved')
// @ts-expect-error There is no such option.
listen('form:saved', () => {}, { once: true })
// @ts-expect-error The payload has no such field.
waitFor('form:saved', { filter: ({ payload }) => payload.size > 1 })
// @ts-expect-error The annotated payload is another one.
waitFor('form:saved', { filter: (event: Event<Wrong>) => event.payload.size > 1 })
// @ts-expect-error The name comes first.
waitFor({ timeoutMs: 1 })
// @ts-expect-error A promise is no boolean, and every event would fit.
waitFor('form:saved', { filter: async ({ payload }) => payload.path !== '' })
// @ts-expect-error A promise is no boolean, and every event would fit.
waitFor('other', { filter: async () => true })
// @ts-expect-error A promise is no boolean, and every event would fit.
namespace('form').waitFor('saved', { filter: async () => true })
// @ts-expect-error The payload is missing.
emit('form:saved')
// @ts-expect-error The payload is of another type.
emit('form:saved', { size: 1 })
// @ts-expect-error The payload is of another type.
emitTo('main', 'form:saved', { size: 1 })
// @ts-expect-error The type argument says otherwise.
emit<Wrong>('unknown', { path: '/a' })
// @ts-expect-error A job emits the same payload.
startJob('form:saved', { everyMs: 10, payload: { size: 1 } })
// @ts-expect-error The responder takes another request.
respond('form:load', (request: Wrong) => ({ text: String(request.size) }))
// @ts-expect-error The response is of another type.
respond('form:load', ({ path }) => path)
// @ts-expect-error The request is of another type.
request(HOST, 'form:load', { size: 1 })
// @ts-expect-error The request is missing.
request(HOST, 'form:load')
// @ts-expect-error The payload has no such field.
namespace('form').on('saved', (payload) => payload.size)
// @ts-expect-error The annotated payload is another one.
namespace('form').listen('saved', (event: Event<Wrong>) => console.log(event.payload.size))
// @ts-expect-error The annotated payload is another one.
namespace('form').component('Editor').listen('form:saved', wrong)

export async function streams(): Promise<void> {
  for await (const value of events('form:saved')) {
    // @ts-expect-error The payload has no such field.
    if ('payload' in value) console.log(value.payload.size)
  }
}
