// Runs the app as Vite's development server serves it, with its dependencies bundled in advance, and prints which system each
// call reached and the dependencies that were bundled. Needs `--experimental-vm-modules`.
import { argv } from 'node:process'
import { SourceTextModule } from 'node:vm'
import { eventBus } from 'tauri-plugin-event-bus-api/bundler'
import { createServer } from 'vite'
import { fakeTauri } from './fake-tauri.js'

const [, , cacheDir, uses] = argv
const server = await createServer({
  configFile: false,
  logLevel: 'error',
  root: `${import.meta.dirname}/app`,
  cacheDir,
  plugins: uses === 'true' ? [eventBus.vite()] : [],
  server: { middlewareMode: true, hmr: false, ws: false, watch: null },
  appType: 'custom',
  optimizeDeps: { entries: ['entry.js'] },
})

const modules = new Map()

/** A module as a browser has it: one for each URL. */
async function load(url) {
  const known = modules.get(url)
  if (known) return known
  const loading = server.transformRequest(url).then((result) => {
    if (!result) throw new Error(`the server has no ${url}`)
    return new SourceTextModule(result.code, { identifier: url })
  })
  modules.set(url, loading)
  return loading
}

const calls = fakeTauri()
const entry = await load('/entry.js')
await entry.link((specifier, { identifier }) =>
  load(new URL(specifier, `http://page${identifier}`).href.slice('http://page'.length)),
)
await entry.evaluate()
const result = await globalThis.ran
const bundled = Object.keys(server.environments.client.depsOptimizer?.metadata.optimized ?? {})
process.stdout.write(JSON.stringify({ ...calls, result, bundled }), () => process.exit(0))
