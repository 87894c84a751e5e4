// Compiles the type tests against the built package with the oldest compiler that is supported, with the newest, and with
// two in between. Each checks the package's own declarations, too.
import { spawnSync } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const common = './tsconfig.types.json'

// Before 5.0 there was no resolution for bundlers. And 4.7 sees one augmentation of a module in a program, so each test is one.
const oldest = ['package.test-d.ts', 'generated.test-d.ts', 'refused-forms.ts', 'tauri.test-d.ts'].map((file) => ({
  extends: common,
  compilerOptions: { module: 'Node16', moduleResolution: 'Node16' },
  files: [`test/types/${file}`],
}))
const bundler = [{ extends: common, compilerOptions: { module: 'ESNext', moduleResolution: 'bundler' } }]
const programs = {
  'typescript-4.7': oldest,
  'typescript-5.4': bundler,
  'typescript-5.9': bundler,
  typescript: bundler,
}

const versions = Object.entries(programs).map(([compiler, configurations]) => {
  const folder = join(root, '../node_modules', compiler)
  const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  for (const configuration of configurations) {
    const file = join(root, '.types.json')
    writeFileSync(file, JSON.stringify(configuration))
    try {
      const { status, stdout } = spawnSync(process.execPath, [join(folder, 'bin/tsc'), '-p', file], {
        encoding: 'utf8',
      })
      if (status !== 0) throw new Error(`TypeScript ${version}:\n${stdout}`)
    } finally {
      rmSync(file, { force: true })
    }
  }
  return version
})
console.log(`the types compile with TypeScript ${versions.join(', ')}`)
