// Checks that CommonJS loads the same package: `require` of an ES module needs Node 20.19 or newer.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const { name, exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const require = createRequire(import.meta.url)

for (const [key, conditions] of Object.entries(exports)) {
  const entry = join(name, key)
  const [required, imported] = [require(entry), await import(entry)]
  for (const name of Object.keys(imported)) {
    if (required[name] !== imported[name]) throw new Error(`require('${entry}').${name} differs from the import`)
  }
  // What knows no condition for `require` of modules, such as Jest, loads a copy in CommonJS.
  const copy = require(join(root, conditions.require.default))
  const lacks = Object.keys(imported).filter((name) => copy[name] === undefined)
  if (lacks.length > 0) throw new Error(`${conditions.require.default} lacks ${lacks}`)
}
console.log(`${Object.keys(exports).length} entry points in CommonJS`)
