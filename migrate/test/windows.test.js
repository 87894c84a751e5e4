import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, onTestFinished, vi } from 'vitest'
import { run } from '../src/main.js'

// The paths of Windows on the files of this system.
vi.mock('node:path', async (original) => {
  const { win32 } = await original()
  return { ...win32, default: win32 }
})
vi.mock('node:fs', async (original) => {
  const fs = await original()
  const onSlashes =
    (call) =>
    (path, ...rest) =>
      call(path.replaceAll('\\', '/'), ...rest)
  const names = ['existsSync', 'readdirSync', 'readFileSync', 'realpathSync', 'statSync']
  return { ...fs, ...Object.fromEntries(names.map((name) => [name, onSlashes(fs[name])])) }
})

async function shownFor(folder, ...args) {
  const printed = []
  await run([folder, '--check', ...args], (text) => printed.push(text))
  return printed.join('\n')
}

it.each(readdirSync(join(import.meta.dirname, 'apps')))('changes %s as elsewhere', async (app) => {
  const expected = readFileSync(join(import.meta.dirname, 'expected', `${app}.diff`), 'utf8')
  expect(await shownFor(join(import.meta.dirname, 'apps', app))).toBe(expected)
})

it('names the files of packages with slashes', async () => {
  const folder = mkdtempSync(`${import.meta.dirname}/.apps-windows-`)
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const inside = `${folder}/node_modules/tauri-plugin-more`
  mkdirSync(`${inside}/dist/js`, { recursive: true })
  writeFileSync(`${folder}/tauri.conf.json`, '{}')
  writeFileSync(`${folder}/package.json`, '{ "dependencies": { "tauri-plugin-more": "1" } }')
  writeFileSync(`${inside}/package.json`, '{ "dependencies": { "@tauri-apps/api": "2" } }')
  writeFileSync(`${inside}/dist/js/index.js`, "import { listen } from '@tauri-apps/api/event'\nlisten(name)\n")
  expect(await shownFor(folder)).toContain('- tauri-plugin-more/dist/js/index.js:2: listen takes a computed name')
})
