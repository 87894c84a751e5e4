// Checks that the compiler's messages for common mistakes say what to do.
import { spawnSync } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const file = join(root, '.mistakes.ts')

const mistakes = [
  ["emit('cart:updated')", 'ThePayloadOfThisEventIsMissing'],
  ["emitTo('main', 'cart:updated')", 'ThePayloadOfThisEventIsMissing'],
  ["startJob('cart:updated', { everyMs: 10 })", "Property 'payload' is missing"],
  ["emit('cart:updated', { itemCount: '3' })", "Type 'string' is not assignable to type 'number'"],
  ["listen('cart:updated', (event) => event.payload.total)", "Property 'total' does not exist"],
  [
    "listen('cart:updated', (event: { payload: { total: number } }) => event.payload.total)",
    'NameThatFitsHandlerAndOptions',
  ],
]
const head = `import { emit, emitTo, listen, startJob } from 'tauri-plugin-event-bus-api'
export const used = [emit, emitTo, listen, startJob]
declare module 'tauri-plugin-event-bus-api' {
  interface EventMap { 'cart:updated': { itemCount: number } }
}
`
const options = '--noEmit --strict --module esnext --moduleResolution bundler --target es2022 --lib es2022,dom'.split(
  ' ',
)
try {
  writeFileSync(file, head + mistakes.map(([code]) => `${code}\n`).join(''))
  const compiler = join(root, '../node_modules/typescript/bin/tsc')
  const compiled = spawnSync(process.execPath, [compiler, '--ignoreConfig', ...options, '--types', '', file], {
    encoding: 'utf8',
  })
  const before = head.split('\n').length - 1
  for (const [index, [code, expected]] of mistakes.entries()) {
    const errors = compiled.stdout.split(/^(?=\S)/m).filter((error) => error.includes(`.ts(${before + index + 1},`))
    if (!errors.join('').includes(expected)) throw new Error(`${code} says ${errors.join('') || compiled.stdout}`)
  }
} finally {
  rmSync(file, { force: true })
}
console.log(`${mistakes.length} messages of the compiler`)
