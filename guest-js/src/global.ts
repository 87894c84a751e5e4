import { logReports } from './core/report.js'
import * as dom from './dom.js'
import * as api from './index.js'

// Tauri runs this in apps without a bundler, which set `withGlobalTauri`.
if ('__TAURI__' in window) {
  logReports()
  Object.defineProperty(window.__TAURI__, 'eventBus', { value: Object.freeze({ ...api, ...dom }) })
}
