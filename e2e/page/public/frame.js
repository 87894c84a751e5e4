// What a frame may try that has nothing of its page's code. It tells its page how each attempt ended.
const endings = {}

async function attempt(name, act) {
  let patience
  const ending = new Promise((resolve) => {
    patience = setTimeout(() => resolve('no answer'), 1000)
  })
  try {
    const answer = await Promise.race([act(), ending])
    endings[name] = answer === 'no answer' ? answer : `answered: ${JSON.stringify(answer)}`
  } catch (error) {
    endings[name] = `failed: ${error}`
  }
  clearTimeout(patience)
}

const payload = { session: '0123456789abcdef'.repeat(2), n: 1, events: [{ event: 'attack', payload: '1' }] }
const command = 'plugin:event-bus|emit'

/** As Tauri's own script sends it where the IPC has fallen back to postMessage, but for the key, which only it has. */
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
  await attempt('message', () => {
    window.webkit.messageHandlers.ipc.postMessage(message)
    return new Promise(() => {})
  })
  parent.postMessage({ endings }, '*')
})()
