// Checks the TypeScript of the READMEs and of the first guide with the rules that apps use, `recommended-type-checked` of
// typescript-eslint, and the option that the guide gives. It is installed outside of the workspace, whose newest TypeScript
// has no API that it could use.
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execPath } from 'node:process'
import { guest, inScratch, run } from './scratch.mjs'

const pages = ['README-md', 'docs-start-md', 'guest-js-README-md']
const packages = ['eslint@9', 'typescript-eslint@8', 'typescript@5.9.3']

const compilerOptions = {
  target: 'ES2022',
  module: 'ESNext',
  moduleResolution: 'bundler',
  lib: ['ES2022', 'DOM', 'ESNext.Disposable'],
  types: [],
  strict: true,
  noEmit: true,
}

/** The configuration that the guide gives. */
const [, configuration] = /^```js\n(.*?allowForKnownSafePromises.*?)^```$/ms.exec(
  readFileSync(join(guest, '../docs/start.md'), 'utf8'),
)

run([execPath, 'scripts/documentation.mjs'], guest)
inScratch((scratch, install) => {
  const folder = join(scratch, 'lint')
  for (const page of pages) {
    mkdirSync(join(folder, page), { recursive: true })
    cpSync(join(guest, '.documentation', page), join(folder, page), { recursive: true })
  }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: pages }))
  writeFileSync(join(folder, 'eslint.config.js'), configuration)
  install(folder, packages, { type: 'module' })
  const eslint = [execPath, 'node_modules/eslint/bin/eslint.js', '--no-warn-ignored', ...pages]
  run(eslint, folder)
  // Without the option, the same lines are refused, so the rule is at work.
  const without = configuration.replace('allowForKnownSafePromises: subscriptions', '')
  writeFileSync(join(folder, 'eslint.config.js'), without)
  let refused = ''
  try {
    run(eslint, folder)
  } catch (error) {
    refused = error.message
  }
  if (!refused.includes('no-floating-promises')) throw new Error(`the option is not needed any more\n${refused}`)
})
console.log('the READMEs pass recommended-type-checked of typescript-eslint')
