import * as bus from 'tauri-plugin-event-bus-api'
import { createLocalBus } from 'tauri-plugin-event-bus-api/local'

// The web build of an app, which a plain browser runs. The address names the tab.
const noise: string[] = []
for (const level of ['error', 'warn'] as const) console[level] = (...said) => noise.push(said.join(' '))
addEventListener('error', ({ message }) => noise.push(message))
addEventListener('unhandledrejection', ({ reason }) => noise.push(String(reason)))

const before = bus.isAvailable()
const label = new URLSearchParams(location.search).get('label') ?? 'main'
const local = createLocalBus({ label, channel: 'journey', retain: ['theme'] })
const received: unknown[] = []
bus.listen('*', ({ event, payload, source, retained }) => received.push([event, payload, source, retained]))
bus.respond('double', (number: number) => number * 2)

Object.assign(window, { tab: { bus, local, before, received, noise } })
