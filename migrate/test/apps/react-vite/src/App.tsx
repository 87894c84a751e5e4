import { emit, emitTo, type Event, listen, once } from '@tauri-apps/api/event'
import { getCurrentWindow } from '@tauri-apps/api/window'
import { attachLogger } from '@tauri-apps/plugin-log'
import { useEffect } from 'react'
import { EVENTS, ROW } from './events'

interface Message {
  text: string
}

export function App({ id, label }: { id: string; label: string }) {
  useEffect(() => {
    const main = getCurrentWindow()
    const listening = [
      listen<Message>(EVENTS.message, (event: Event<Message>) => console.log(event.payload.text)),
      once(ROW, () => {}),
      listen(`download:${id}:progress`, () => {}),
      listen('tauri://focus', () => {}),
      main.listen('menu', () => {}),
      attachLogger(() => {}),
    ]
    return () => listening.forEach((off) => off.then((end) => end()))
  }, [id])
  const send = async () => {
    await emit(EVENTS.typing)
    await emitTo('settings', 'theme', 'dark')
    await emitTo({ kind: 'App' }, 'theme', 'dark')
    await emitTo(label, 'ping')
  }
  // A function of another kind, whose name is the same.
  const close = (emit: (name: string) => void) => emit('not-an-event')
  return <button onClick={send}>{String(close)}</button>
}
