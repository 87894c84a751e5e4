import { connect } from 'tauri-plugin-event-bus-api/worker'
import { obey } from './member.js'

// Dedicated and shared workers share this file.
const scope = globalThis as unknown as {
  postMessage(message: object): void
  addEventListener(type: string, listener: (event: MessageEvent) => void): void
}
void connect()
if ('onconnect' in scope) {
  scope.addEventListener('connect', ({ ports: [port] }) => {
    if (!port) return
    const receive = obey((answer) => port.postMessage(answer))
    port.addEventListener('message', ({ data }) => receive(data))
    port.start()
  })
} else {
  const receive = obey((answer) => scope.postMessage(answer))
  scope.addEventListener('message', ({ data }) => receive(data))
}
