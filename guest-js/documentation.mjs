// Writes each TypeScript block of the documentation to a file of its own, so that the compiler checks it.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const root = join(here, '..')
const destination = join(here, '.documentation')

const pages = [
  'README.md',
  'guest-js/README.md',
  'CONTRIBUTING.md',
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md'))
    .map((file) => join('docs', file)),
]

rmSync(destination, { recursive: true, force: true })
mkdirSync(destination)
let count = 0
for (const page of pages) {
  const text = readFileSync(join(root, page), 'utf8')
  for (const [, code] of text.matchAll(/^```ts\n(.*?)^```$/gms)) {
    count += 1
    const name = page.replaceAll(/[^a-zA-Z]+/g, '-')
    // An import or export makes a module of it, so that the blocks do not see each other's names.
    writeFileSync(join(destination, `${name}-${count}.ts`), `// ${page}\n${code}\nexport {}\n`)
  }
}
if (count === 0) throw new Error('the documentation has no TypeScript block')
console.log(`${count} blocks of documentation`)
