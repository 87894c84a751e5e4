// Checks the size of each entry point in an app: minified and compressed, without what the app has anyway.
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { rolldown } from 'rolldown'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const { exports, peerDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

/** The limits in bytes. docs/decisions/0012-sizes.md says why. An entry point without a limit is not for apps. */
const limits = {
  '.': 24_050,
  '{ listen, emit }': 12_700,
  '{ listen, emit, component }': 21_100,
  './dom': 1_024,
  './frame': 14_150,
  './local': 17_650,
  './react': 1_950,
  './solid': 1_950,
  './svelte': 1_700,
  './svelte/store': 1_700,
  './tauri': 13_550,
  './vue': 1_950,
  './worker': 13_850,
}
const withoutLimit = ['./bundler', './testing']

const unlisted = Object.keys(exports).filter((entry) => !(entry in limits) && !withoutLimit.includes(entry))
if (unlisted.length > 0) throw new Error(`${unlisted} has no limit`)

const entries = {
  ...Object.fromEntries(
    Object.entries(exports).map(([entry, { import: file }]) => [entry, [`export * from '${file}'`]]),
  ),
  ...Object.fromEntries(
    Object.keys(limits)
      .filter((entry) => entry.startsWith('{'))
      .map((entry) => [entry, [`export ${entry} from './dist-js/index.js'`]]),
  ),
}
const main = await modulesOf(entries['.'], [])
const found = []
for (const [entry, limit] of Object.entries(limits)) {
  if (!entries[entry]) throw new Error(`${entry} has a limit but is not an entry point`)
  // An app uses `tauri` instead of the main entry, so it is measured with all that it needs, too.
  const usesMain = entry === '.' || entry === './tauri' || entry.startsWith('{')
  const bytes = await sizeOf(entries[entry], usesMain ? [] : main)
  found.push(`${entry} ${bytes}`)
  if (bytes > limit) throw new Error(`${entry} has ${bytes} bytes; its limit is ${limit}`)
}
console.log(`bytes, gzipped: ${found.join(', ')}`)

/** The files of an entry point. */
async function modulesOf(code, external) {
  const [chunk] = await bundle(code, external)
  return chunk.moduleIds.filter((id) => id.startsWith(root))
}

async function sizeOf(code, external) {
  const [chunk] = await bundle(code, external)
  return gzipSync(chunk.code, { level: 9 }).length
}

async function bundle(code, external) {
  const input = join(root, '.entry.js')
  const build = await rolldown({
    input,
    external: (id, _, isResolved) => (isResolved ? external.includes(id) : isPeer(id)),
    plugins: [
      {
        name: 'entry',
        resolveId: (id) => (id === input ? id : null),
        load: (id) => (id === input ? code.join('\n') : null),
      },
    ],
  })
  const { output } = await build.generate({ minify: true })
  await build.close()
  return output
}

/** The main entry point includes what it uses of Tauri's package, since not every app has that. */
function isPeer(id) {
  return Object.keys(peerDependencies).some(
    (peer) => peer !== '@tauri-apps/api' && (id === peer || id.startsWith(`${peer}/`)),
  )
}
