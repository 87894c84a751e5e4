// Attempts of a frame without code of its page. It reports the outcome of each to its page.
const outcomes = {}

async function attempt(name, act) {
  let timer
  const timeout = new Promise((resolve) => {
    timer = setTimeout(() => resolve('no response'), 1000)
  })
  try {
    const response = await Promise.race([act(), timeout])
    outcomes[name] = response === 'no response' ? response : `response: ${JSON.stringify(response)}`
  } catch (error) {
    outcomes[name] = `failed: ${error}`
  }
  clearTimeout(timer)
}

const payload = { session: '0123456789abcdef'.repeat(2), n: 1, events: [{ event: 'attack', payload: '1' }] }
const command = 'plugin:event-bus|emit'

/** The message that Tauri's script sends over postMessage, without the key, which only that script has. */
const message = JSON.stringify({
  cmd: command,
  callback: 1,
  error: 2,
  payload,
  options: {},
  __TAURI_INVOKE_KEY__: 'guessed',
})

async function fetched(address) {
  const response = await fetch(address, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      'Tauri-Callback': '1',
      'Tauri-Error': '2',
      'Tauri-Invoke-Key': 'guessed',
    },
    body: JSON.stringify(payload),
  })
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`)
  return response.text()
}

;(async () => {
  await attempt('own', () => window.__TAURI_INTERNALS__.invoke(command, payload))
  await attempt('guest', () => window.__TAURI__.eventBus.emit('attack'))
  await attempt('parent', () => parent.__TAURI_INTERNALS__.invoke(command, payload))
  await attempt('fetch', () => fetched(`ipc://localhost/${encodeURIComponent(command)}`))
  await attempt('fetch on Windows', () => fetched(`http://ipc.localhost/${encodeURIComponent(command)}`))
  await attempt('message', () => {
    const ipc = window.webkit?.messageHandlers.ipc ?? window.ipc
    ipc.postMessage(message)
    return new Promise(() => {})
  })
  parent.postMessage({ outcomes }, '*')
})()
