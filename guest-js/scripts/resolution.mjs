// Checks that TypeScript finds each entry point of the built package, with its types, in every way of resolving modules that
// apps use, and with each compiler that is supported.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const folder = join(root, '.resolution')
const { name, exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

/** How modules are resolved, with the kinds of files that it tells apart. */
const ways = {
  node: { module: 'ESNext', moduleResolution: 'node', files: ['.ts'] },
  node16: { module: 'Node16', moduleResolution: 'node16', files: ['.mts', '.cts'] },
  nodenext: { module: 'NodeNext', moduleResolution: 'nodenext', files: ['.mts', '.cts'] },
  bundler: { module: 'ESNext', moduleResolution: 'bundler', files: ['.ts'] },
}

// The resolution of bundlers came with 5.0, and that of old Node.js went with 7.0.
const compilers = {
  'typescript-4.7': ['node', 'node16', 'nodenext'],
  'typescript-5.4': ['node', 'node16', 'nodenext', 'bundler'],
  'typescript-5.9': ['node', 'node16', 'nodenext', 'bundler'],
  typescript: ['node16', 'nodenext', 'bundler'],
}

/** A value of each entry point, whose name is not known where its types are lost. */
const values = {
  '.': 'listen',
  './bundler': 'eventBus',
  './dom': 'bridgeToDom',
  './frame': 'expose',
  './local': 'createLocalBus',
  './react': 'useEvent',
  './solid': 'createEventListener',
  './svelte': 'useEvent',
  './svelte/store': 'eventStore',
  './tauri': 'TauriEvent',
  './testing': 'createTestBus',
  './vue': 'useEvent',
  './worker': 'expose',
}
const unlisted = Object.keys(exports).filter((entry) => !(entry in values))
if (unlisted.length > 0) throw new Error(`${unlisted} has no value here`)

function codeFor() {
  const lines = [
    'type IsAny<T> = 0 extends 1 & T ? true : false',
    'function typed<T>(_: IsAny<T> extends true ? never : T): void {}',
  ]
  Object.keys(exports).forEach((entry, place) => {
    const value = `entry${place}.${values[entry]}`
    lines.push(`import * as entry${place} from '${join(name, entry)}'`, `typed<typeof ${value}>(${value})`)
  })
  return `${lines.join('\n')}\nexport {}\n`
}

let count = 0
rmSync(folder, { recursive: true, force: true })
mkdirSync(folder)
try {
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module' }))
  for (const [compiler, supported] of Object.entries(compilers)) {
    for (const way of supported) {
      const { files, ...resolution } = ways[way]
      for (const ending of files) {
        count += 1
        const file = `app${ending}`
        writeFileSync(join(folder, file), codeFor())
        const configuration = {
          compilerOptions: {
            ...resolution,
            target: 'ES2021',
            lib: ['ES2021', 'DOM'],
            types: [],
            strict: true,
            skipLibCheck: true,
            noEmit: true,
          },
          files: [file],
        }
        writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(configuration))
        const tsc = join(root, '../node_modules', compiler, 'bin/tsc')
        const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8' })
        if (status !== 0) throw new Error(`${compiler}, ${way}, ${file}:\n${stdout}`)
      }
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
console.log(`${Object.keys(exports).length} entry points resolve with their types in ${count} ways`)
