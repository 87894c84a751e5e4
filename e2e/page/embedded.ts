import { connect } from 'tauri-plugin-event-bus-api/frame'
import { obey } from './member.js'

// The page around it names its origin, as an app would in its code.
const origin = new URLSearchParams(location.search).get('page') ?? undefined
const receive = obey((answer) => parent.postMessage(answer, '*'))
addEventListener('message', ({ data }) => receive(data))
connect(origin === undefined ? {} : { origin }).then(
  (connection) => parent.postMessage({ connected: connection }, '*'),
  ({ code, message }) => parent.postMessage({ refused: `${code}: ${message}` }, '*'),
)
