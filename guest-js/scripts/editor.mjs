// Measures how fast an editor stays with many events, by the requests that editors send to the TypeScript language server.
// `node guest-js/scripts/editor.mjs [number of events]`, after `npm run build`.
import { spawn } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { guest } from './scratch.mjs'

const rounds = 15

/** That many events, each with a type of its own and one nested type for ten of them, in namespaces of ten. */
function generated(count) {
  const types = []
  const entries = []
  for (let i = 0; i < count; i += 1) {
    if (i % 10 === 0) types.push(`export interface Item${i / 10} { title: string; price: number; tags: string[] }`)
    types.push(
      `/** What happened in case ${i}. */`,
      `export interface Payload${i} { id${i}: string; at: string; items: Item${Math.floor(i / 10)}[]; state: 'a' | 'b' | { failed: string } }`,
    )
    entries.push(`    /** What happened in case ${i}. */`, `    'area-${Math.floor(i / 10)}:event-${i}': Payload${i}`)
  }
  return `import type {} from 'tauri-plugin-event-bus-api'
${types.join('\n')}
declare module 'tauri-plugin-event-bus-api' {
  interface EventMap {
${entries.join('\n')}
  }
}
`
}

const before = `import { emit, events, listen, on, startJob } from 'tauri-plugin-event-bus-api'
export const all = [emit, events, listen, on, startJob]
listen('area-1:event-17', (event) => console.log(event.payload.id17))
on('area-1:*', (payload) => console.log(payload.at))
listen('*', (event) => {
  if (event.event === 'area-2:event-25') console.log(event.payload.id25)
})
`

/**
 * An app with the package among its dependencies. It stands outside of the package: the server reads again the package that a
 * changed file belongs to, and no file of an app belongs to this one.
 */
function createApp(count) {
  const app = mkdtempSync(join(tmpdir(), 'event-bus-editor-'))
  const name = 'tauri-plugin-event-bus-api'
  const modules = join(app, 'node_modules')
  for (const part of ['package.json', 'dist-js'])
    cpSync(join(guest, part), join(modules, name, part), { recursive: true })
  cpSync(join(guest, '../node_modules/@tauri-apps/api'), join(modules, '@tauri-apps/api'), { recursive: true })
  const dependencies = { [name]: '*', '@tauri-apps/api': '*' }
  writeFileSync(join(app, 'package.json'), JSON.stringify({ private: true, dependencies }))
  const options = { strict: true, module: 'esnext', moduleResolution: 'bundler', target: 'es2022', types: [] }
  writeFileSync(join(app, 'tsconfig.json'), JSON.stringify({ compilerOptions: { ...options, noEmit: true } }))
  mkdirSync(join(app, 'src'))
  writeFileSync(join(app, 'src/events.ts'), generated(count))
  writeFileSync(join(app, 'src/main.ts'), before)
  return app
}

class Server {
  constructor(root) {
    const compiler = join(guest, '../node_modules/typescript/bin/tsc')
    this.process = spawn(process.execPath, [compiler, '--lsp', '--stdio'], { stdio: ['pipe', 'pipe', 'ignore'] })
    this.waiting = new Map()
    this.id = 0
    this.root = root
    let received = Buffer.alloc(0)
    this.process.stdout.on('data', (data) => {
      received = Buffer.concat([received, data])
      for (;;) {
        const end = received.indexOf('\r\n\r\n')
        if (end < 0) return
        const length = Number(/Content-Length: (\d+)/i.exec(received.subarray(0, end).toString())?.[1])
        if (received.length < end + 4 + length) return
        this.handle(JSON.parse(received.subarray(end + 4, end + 4 + length).toString()))
        received = received.subarray(end + 4 + length)
      }
    })
  }

  handle(message) {
    if (message.method && message.id !== undefined) {
      const result = message.method === 'workspace/configuration' ? message.params.items.map(() => null) : null
      this.write({ id: message.id, result })
    } else if (message.id !== undefined) {
      const { resolve, reject } = this.waiting.get(message.id)
      if (message.error) reject(new Error(JSON.stringify(message.error)))
      else resolve(message.result)
    }
  }

  write(message) {
    const text = JSON.stringify({ jsonrpc: '2.0', ...message })
    this.process.stdin.write(`Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`)
  }

  notify(method, params) {
    this.write({ method, params })
  }

  request(method, params) {
    this.id += 1
    const id = this.id
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject })
      this.write({ id, method, params })
    })
  }
}

function median(values) {
  return values.sort((a, b) => a - b)[values.length >> 1]
}

async function measure(count) {
  const app = createApp(count)
  const uri = pathToFileURL(join(app, 'src/main.ts')).href
  const server = new Server(app)
  const started = performance.now()
  await server.request('initialize', { processId: null, rootUri: pathToFileURL(app).href, capabilities: {} })
  server.notify('initialized', {})
  server.notify('textDocument/didOpen', {
    textDocument: { uri, languageId: 'typescript', version: 1, text: before },
  })
  const diagnose = () => server.request('textDocument/diagnostic', { textDocument: { uri } })
  const first = await diagnose()
  if (first.items.length > 0) throw new Error(first.items.map(({ message }) => message).join('\n'))
  const figures = { open: performance.now() - started }

  let version = 1
  const type = (text) => {
    version += 1
    server.notify('textDocument/didChange', { textDocument: { uri, version }, contentChanges: [{ text }] })
  }
  const lines = before.split('\n').length - 1
  const time = async (name, prepare, run) => {
    const times = []
    for (let round = 0; round < rounds; round += 1) {
      prepare(round)
      const start = performance.now()
      await run()
      times.push(performance.now() - start)
    }
    figures[name] = median(times)
  }
  // The server indexes what an app may import, once. A change stops that while it happens in the background, so it happens here.
  type(`${before}onc`)
  const afterOnc = { line: lines, character: 'onc'.length }
  const imports = await server.request('textDocument/completion', { textDocument: { uri }, position: afterOnc })
  if (!imports.items.some(({ label }) => label === 'once')) throw new Error('once was not offered')
  const position = { line: lines, character: "listen('".length }
  let offered = 0
  await time(
    'completion of a name',
    (round) => type(`${before}listen('') // ${round}\n`),
    async () => {
      const response = await server.request('textDocument/completion', { textDocument: { uri }, position })
      const items = response.items ?? response
      offered = items.filter(({ label }) => label.startsWith('area-')).length
    },
  )
  if (offered !== count) throw new Error(`${offered} names were offered, of ${count}`)
  const half = "on('area-2:*', (payload) => payload."
  await time(
    'completion after a pattern',
    (round) => type(`${before}${half}) // ${round}\n`),
    () =>
      server.request('textDocument/completion', {
        textDocument: { uri },
        position: { line: lines, character: half.length },
      }),
  )
  await time(
    'errors after a change',
    (round) => type(`${before}emit('area-1:event-11', { id11: ${round} })\n`),
    diagnose,
  )
  await time(
    'hover of an event of *',
    () => {},
    () => server.request('textDocument/hover', { textDocument: { uri }, position: { line: 4, character: 14 } }),
  )
  server.process.kill()
  rmSync(app, { recursive: true, force: true })
  return figures
}

const counts = process.argv[2] ? [Number(process.argv[2])] : [30, 500, 2000]
for (const count of counts) {
  const figures = Object.entries(await measure(count)).map(([name, ms]) => `${name} ${ms.toFixed(1)} ms`)
  console.log(`${count} events: ${figures.join(', ')}`)
}
