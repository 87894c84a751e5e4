import { invoke } from '@tauri-apps/api/core'
import { emit, listen } from 'tauri-plugin-event-bus-api'

declare module 'tauri-plugin-event-bus-api' {
  interface EventMap {
    ping: { n: number }
    pong: { n: number }
  }
}

// Rust emits a pong for each ping. The page reports the pong with a command, which ends the app.
await listen('pong', (event) => invoke('received', { n: event.payload.n, source: event.source.kind }))
await emit('ping', { n: 41 })
