import { describe, expect, it } from 'vitest'
import { replacementOf } from '../src/bundler/replacement.js'

const dist = '/app/node_modules/tauri-plugin-event-bus-api/dist-js'
const files = { esm: `${dist}/tauri/index.js`, commonjs: `${dist}/commonjs/tauri/index.js` }
const api = '/app/node_modules/@tauri-apps/api'

const replaced: [string, string, string][] = [
  ['@tauri-apps/api/event', '/app/src/main.ts', files.esm],
  ['@tauri-apps/api/event', '/app/src/App.vue?vue&type=script&lang.ts', files.esm],
  ['@tauri-apps/api/event', '/app/node_modules/@tauri-apps/plugin-log/dist-js/index.js', files.esm],
  ['@tauri-apps/api/event', '/app/node_modules/@tauri-apps/plugin-log/dist-js/index.cjs', files.commonjs],
  ['./event.js', `${api}/window.js`, files.esm],
  ['./event.js', `${api}/webview.js?v=1`, files.esm],
  ['./event.js', `${api}/webviewWindow.js`, files.esm],
  ['./event.js', `${api}/index.js`, files.esm],
  ['./event.cjs', `${api}/window.cjs`, files.commonjs],
  ['./event.js', '/app/node_modules/.pnpm/@tauri-apps+api@2.8.0/node_modules/@tauri-apps/api/window.js', files.esm],
  ['./event.js', 'C:\\app\\node_modules\\@tauri-apps\\api\\window.js', files.esm],
  ['@tauri-apps/api/event', `${dist}/index.js`, files.esm],
]

const kept: [string, string | undefined][] = [
  ['@tauri-apps/api/event', `${dist}/tauri/listen.js`],
  ['@tauri-apps/api/event', `${dist}/commonjs/tauri/index.js`],
  ['@tauri-apps/api/event', undefined],
  ['@tauri-apps/api/core', '/app/src/main.ts'],
  ['@tauri-apps/api/events', '/app/src/main.ts'],
  ['./event.js', '/app/src/main.ts'],
  ['./event.js', '/app/src/@tauri-apps/api/deeper/window.js'],
  ['./core.js', `${api}/window.js`],
]

describe('an import is replaced', () => {
  it.each(replaced)('%s of %s', (id, importer, file) => {
    expect(replacementOf(id, importer, files)).toBe(file)
  })
})

describe('an import is kept', () => {
  it.each(kept)('%s of %s', (id, importer) => {
    expect(replacementOf(id, importer, files)).toBeUndefined()
  })
})

it('on Windows the entry keeps its own import', () => {
  const files = { esm: 'C:\\bus\\tauri\\index.js', commonjs: 'C:\\bus\\commonjs\\tauri\\index.js' }
  expect(replacementOf('@tauri-apps/api/event', 'C:/bus/tauri/emit.js', files)).toBeUndefined()
  expect(replacementOf('@tauri-apps/api/event', 'C:\\bus\\tauri\\emit.js?v=1', files)).toBeUndefined()
})
