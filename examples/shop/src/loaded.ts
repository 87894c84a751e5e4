import { useEffect, useState } from 'react'
import type { Component } from 'tauri-plugin-event-bus-api'

/** The value that a component shows: loaded when it mounts, and again at each refresh. */
export function useLoaded<Value>(component: Component<'shop'>, load: () => Promise<Value>, initial: Value): Value {
  const [value, setValue] = useState(initial)
  useEffect(() => {
    let newest = 0
    const reload = async () => {
      newest += 1
      const own = newest
      const loaded = await load()
      // A newer load has started: drop this result.
      if (own === newest) setValue(loaded)
    }
    const off = component.onRefresh(reload)
    reload().catch(reportError)
    return () => {
      newest = -1
      off()
    }
  }, [component, load])
  return value
}
