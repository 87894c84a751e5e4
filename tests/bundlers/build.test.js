import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bundlers } from './bundlers.js'

const folder = import.meta.dirname
let scratch

beforeAll(() => {
  // Inside this folder, so that the bundles are modules.
  scratch = mkdtempSync(join(folder, '.out-'))
})
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

/** Builds an entry and runs the bundle. */
async function run(bundler, entry, uses) {
  const out = join(scratch, `${bundler}-${entry}-${uses}`)
  await bundlers[bundler](join(folder, 'app', entry), out, uses)
  const file = join(out, 'out.js')
  writeFileSync(join(out, 'package.json'), '{ "type": "module" }')
  const printed = execFileSync(process.execPath, [join(folder, 'run.js'), file], { encoding: 'utf8' })
  return { ...JSON.parse(printed), code: readFileSync(file, 'utf8') }
}

describe.each(Object.keys(bundlers))('%s', (bundler) => {
  it('puts the entry in the place of Tauri’s events', async () => {
    const { bus, core, result, code } = await run(bundler, 'entry.js', true)
    expect(bus).toEqual([
      'subscribe listen',
      'subscribe once',
      'emit emit',
      'emit_to emit-to',
      'subscribe window',
      'emit window-emit',
      'subscribe webview',
      'subscribe webview-window',
      'subscribe log://log',
    ])
    // Each listener of focus is one of two in core.
    expect(core).toEqual(['listen tauri://blur', 'listen tauri://focus', 'listen tauri://blur'])
    expect(result).toBe('tauri://created')
    // Tauri's own functions are there once, for its own names.
    expect(code.split("'plugin:event|listen'").length + code.split('"plugin:event|listen"').length).toBe(3)
  })

  it('leaves an app without the plugin alone', async () => {
    const { bus, core } = await run(bundler, 'entry.js', false)
    expect(bus).toEqual([])
    expect(core).toContain('listen window')
    expect(core).toContain('listen log://log')
  })
})

// Rollup needs another plugin for CommonJS.
describe.each(Object.keys(bundlers).filter((bundler) => bundler !== 'rollup'))('%s with CommonJS', (bundler) => {
  it('puts the entry in the place of Tauri’s events', async () => {
    const { bus, core } = await run(bundler, 'entry-commonjs.cjs', true)
    expect(bus).toEqual(['subscribe listen', 'emit emit', 'subscribe window'])
    expect(core).toEqual(['listen tauri://focus', 'listen tauri://blur'])
  })
})

describe('the development server of vite', () => {
  const run = (uses) => {
    const args = [
      '--experimental-vm-modules',
      '--no-warnings',
      join(folder, 'dev.js'),
      join(scratch, `dev-${uses}`),
      `${uses}`,
    ]
    return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }))
  }

  it('puts the entry in the place of Tauri’s events', () => {
    const { bus, core, bundled } = run(true)
    expect(bus).toContain('subscribe window')
    expect(bus).toContain('subscribe log://log')
    expect(core).toEqual(['listen tauri://blur', 'listen tauri://focus', 'listen tauri://blur'])
    // What emits and listens is not bundled in advance. Other dependencies are.
    expect(bundled).toEqual(['@tauri-apps/plugin-log'])
  })

  it('leaves an app without the plugin alone', () => {
    const { bus, core, bundled } = run(false)
    expect(bus).toEqual([])
    expect(core).toContain('listen window')
    expect(bundled).toContain('@tauri-apps/api/event')
  })
})

describe('vitest', () => {
  const run = (without) => {
    const vitest = join(folder, '../../node_modules/vitest/vitest.mjs')
    const { status, stdout } = spawnSync(process.execPath, [vitest, 'run', '--no-color'], {
      cwd: join(folder, 'vitest'),
      encoding: 'utf8',
      env: { ...process.env, WITHOUT_PLUGIN: without },
    })
    return { status, stdout }
  }

  it('runs the tests of an app with the plugin', () => {
    const { status, stdout } = run('')
    expect(stdout).toMatch(/2 passed/)
    expect(status).toBe(0)
  })

  it('without the plugin, mocks work and a test bus gets nothing', () => {
    const { status, stdout } = run('yes')
    expect(stdout).toMatch(/1 failed.*1 passed/)
    expect(status).toBe(1)
  })
})
