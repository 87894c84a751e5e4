import { EventBusError } from '../core/error.js'

/** What commands get that only read; `undefined` for another one. */
export function readFrom(command: string, labels: Iterable<string>, since: number): object | undefined {
  if (command === 'catalog')
    return { strict: false, events: [], requests: [], streams: [], channels: [], components: [], $defs: {} }
  if (command === 'inspect' || command === 'tap') {
    throw new EventBusError('unavailable', `the test bus has no ${command}(); use bus.history() and bus.listeners()`)
  }
  if (command !== 'pages') return undefined
  return [...labels].map((label) => ({ label, window: label, state: 'ready', since }))
}
