import { event } from '@tauri-apps/api'
import * as events from '@tauri-apps/api/event'
import { createSignal, onCleanup } from 'solid-js'

export function Clock(props: { listen?: typeof events.listen }) {
  const [now, setNow] = createSignal('')
  const listening = [
    event.listen<string>('clock:tick', (tick) => setNow(tick.payload)),
    events.listen('clock:stop', () => setNow('')),
  ]
  onCleanup(() => listening.forEach((each) => each.then((end) => end())))
  return <p onClick={() => events.emitTo({ kind: 'Any' }, 'clock:reset')}>{now()}</p>
}
