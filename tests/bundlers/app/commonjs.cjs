// The same in CommonJS, as compilers write it.
const { emit, listen } = require('@tauri-apps/api/event')
const { getCurrentWindow } = require('@tauri-apps/api/window')

exports.main = async () => {
  await listen('listen', () => {})
  await emit('emit')
  await getCurrentWindow().listen('window', () => {})
  await getCurrentWindow().onFocusChanged(() => {})
  return 'done'
}
