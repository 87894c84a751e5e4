// An app that knows nothing of the event bus.
import { emit, emitTo, listen, once, TauriEvent } from '@tauri-apps/api/event'
import { getCurrentWebview } from '@tauri-apps/api/webview'
import { getCurrentWebviewWindow, WebviewWindow } from '@tauri-apps/api/webviewWindow'
import { getCurrentWindow } from '@tauri-apps/api/window'
import { attachLogger } from '@tauri-apps/plugin-log'

export async function main() {
  await listen('listen', () => {})
  await once('once', () => {})
  await emit('emit')
  await emitTo('main', 'emit-to')
  await getCurrentWindow().listen('window', () => {})
  await getCurrentWindow().emit('window-emit')
  await getCurrentWebview().listen('webview', () => {})
  await getCurrentWebviewWindow().once('webview-window', () => {})
  await attachLogger(() => {})
  // These stay with Tauri.
  await listen(TauriEvent.WINDOW_BLUR, () => {})
  await getCurrentWindow().onFocusChanged(() => {})
  const created = new Promise((resolve) => new WebviewWindow('other').once('tauri://created', resolve))
  return (await created).event
}
