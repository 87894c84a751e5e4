import { compatibleParts } from './core/page.js'
import { logReports } from './core/report.js'
import * as dom from './dom.js'
import * as api from './index.js'
import { replaceEvents, type TauriGlobal } from './tauri/replace.js'

// Tauri runs this in apps without a bundler, which set `withGlobalTauri`.
if ('__TAURI__' in window) {
  logReports()
  const tauri = window.__TAURI__ as TauriGlobal
  const replaceTauriEvents = () => replaceEvents(tauri)
  if (compatibleParts()) replaceTauriEvents()
  Object.defineProperty(tauri, 'eventBus', { value: Object.freeze({ ...api, ...dom, replaceTauriEvents }) })
}
