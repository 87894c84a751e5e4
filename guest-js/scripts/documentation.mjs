// Writes each code block of the documentation and each example in a doc comment to a file of its own, so that the compiler
// checks it and its tests run.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { compile as compileSvelte } from 'svelte/compiler'
import { compileScript, parse as parseVue } from 'vue/compiler-sfc'

const guest = join(dirname(fileURLToPath(import.meta.url)), '..')
const root = join(guest, '..')
const destination = join(guest, '.documentation')

const pages = [
  'README.md',
  'guest-js/README.md',
  'CONTRIBUTING.md',
  'migrate/README.md',
  'examples/playground/README.md',
  'examples/shop/README.md',
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md'))
    .map((file) => join('docs', file)),
]

/** Compiles a block with its framework, if it has one, and returns the script that TypeScript checks. */
const scriptOf = {
  ts: (code) => code,
  tsx: (code, page) => (page.includes('solid') ? `/** @jsxImportSource solid-js */\n${code}` : code),
  svelte(code, page) {
    const { warnings } = compileSvelte(code, { filename: `${page}.svelte`, generate: 'client' })
    const [warning] = warnings
    if (warning) throw new Error(`${page}: ${warning.message}`)
    return code.match(/<script[^>]*>(.*?)<\/script>/s)[1]
  },
  vue(code, page) {
    const { descriptor, errors } = parseVue(code, { filename: `${page}.vue` })
    if (errors.length > 0) throw new Error(`${page}: ${errors[0].message}`)
    compileScript(descriptor, { id: page, inlineTemplate: true, templateOptions: { onError: fail } })
    return descriptor.scriptSetup.content
  },
}

/** The examples in the doc comments of the source, as pages. */
const sources = readdirSync(join(guest, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => join('guest-js/src', file))

/** The text of a page; of a source, its doc comments. */
function textOf(page) {
  const text = readFileSync(join(root, page), 'utf8')
  if (!page.endsWith('.ts')) return text
  const comments = [...text.matchAll(/^ *\/\*\*\n(.*?)^ *\*\/$/gms)].map(([, comment]) => comment)
  return comments.join('').replaceAll(/^ *\* ?/gm, '')
}

rmSync(destination, { recursive: true, force: true })
let count = 0
for (const page of [...pages, ...sources]) {
  const text = textOf(page)
  // Blocks of one page that have names may import each other.
  const folder = join(destination, page.replaceAll(/[^a-zA-Z]+/g, '-'))
  mkdirSync(folder, { recursive: true })
  for (const [, language, code] of text.matchAll(/^```(tsx?|svelte|vue)\n(.*?)^```$/gms)) {
    count += 1
    const name = /^\/\/ (\S+)\.tsx?$/m.exec(code.split('\n')[0])?.[1] ?? `block-${count}`
    const script = scriptOf[language](code, page)
    // An export makes it a module, so that blocks do not see each other's names.
    writeFileSync(join(folder, `${name}.${language === 'tsx' ? 'tsx' : 'ts'}`), `${script}\nexport {}\n`)
  }
}
if (count === 0) throw new Error('the documentation has no code block')
console.log(`${count} blocks of documentation`)

function fail(error) {
  throw error
}
