// Checks that CommonJS loads the same package: `require` of an ES module needs Node 20.19 or newer.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const { name, exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const require = createRequire(import.meta.url)

const entries = Object.keys(exports).map((entry) => join(name, entry))
for (const entry of entries) {
  const [required, imported] = [require(entry), await import(entry)]
  for (const key of Object.keys(imported)) {
    if (required[key] !== imported[key]) throw new Error(`require('${entry}').${key} differs from the import`)
  }
}
console.log(`${entries.length} entry points in CommonJS`)
