import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { run } from '../src/main.js'

const apps = join(import.meta.dirname, 'apps')
let scratch

beforeAll(() => {
  // Inside of the workspace, so that the plugins of Tauri are installed for the apps.
  scratch = mkdtempSync(join(import.meta.dirname, '.apps-'))
})
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

const git = (folder, ...args) =>
  execFileSync('git', ['-c', 'user.name=test', '-c', 'user.email=test@localhost', ...args], {
    cwd: folder,
    encoding: 'utf8',
  })

/** A copy of an app, committed. */
function copyOf(app) {
  const folder = mkdtempSync(join(scratch, `${app}-`))
  cpSync(join(apps, app), folder, { recursive: true })
  git(folder, 'init', '--quiet')
  commit(folder)
  return folder
}

function commit(folder) {
  git(folder, 'add', '.')
  git(folder, 'commit', '--quiet', '--message', 'app')
}

async function migrate(folder, ...args) {
  const printed = []
  const code = await run([folder, ...args], (text) => printed.push(text))
  return { code, printed: printed.join('\n') }
}

describe.each(readdirSync(apps))('%s', (app) => {
  it('shows what it changes, and changes that', async () => {
    const folder = copyOf(app)
    const shown = await migrate(folder, '--check')
    expect(shown.code).toBe(1)
    expect(git(folder, 'status', '--porcelain')).toBe('')
    await expect(shown.printed).toMatchFileSnapshot(`expected/${app}.diff`)
    const changed = await migrate(folder)
    expect(changed.code).toBe(0)
    // The same but for its end.
    const differences = (text) => text.slice(0, text.lastIndexOf(' file'))
    expect(differences(changed.printed)).toBe(differences(shown.printed))
  })

  it('a second time changes nothing', async () => {
    const folder = copyOf(app)
    await migrate(folder)
    commit(folder)
    const again = await migrate(folder)
    expect(again.code).toBe(0)
    expect(again.printed).toContain('Nothing to change.')
    expect(git(folder, 'status', '--porcelain')).toBe('')
  })
})

describe('without a clean git tree', () => {
  it('nothing is changed', async () => {
    const folder = copyOf('vanilla-vite')
    writeFileSync(join(folder, 'notes.txt'), 'not committed')
    const { code, printed } = await migrate(folder)
    expect(code).toBe(1)
    expect(printed).toMatch(/Nothing was changed: .* is no clean git tree. Commit or stash first, or pass --force\./)
    expect(git(folder, 'status', '--porcelain')).toBe('?? notes.txt\n')
  })

  it('force changes it', async () => {
    const folder = copyOf('vanilla-vite')
    rmSync(join(folder, '.git'), { recursive: true })
    writeFileSync(join(folder, 'notes.txt'), 'not committed')
    expect((await migrate(folder, '--force')).code).toBe(0)
    expect(readFileSync(join(folder, 'src-tauri/Cargo.toml'), 'utf8')).toContain('tauri-plugin-event-bus = ')
  })
})

describe('a folder of capabilities', () => {
  const capability = '{ "identifier": "more", "windows": ["more"], "permissions": ["core:default"] }'

  it.each(['desktop', 'build', '.mobile', 'a/b'])('%s is read as Tauri reads it', async (name) => {
    const folder = copyOf('vanilla-vite')
    const inside = join(folder, 'src-tauri/capabilities', name)
    mkdirSync(inside, { recursive: true })
    for (const file of ['more.json', 'more.toml', 'notes.md']) writeFileSync(join(inside, file), capability)
    const { printed } = await migrate(folder, '--force')
    expect(readFileSync(join(inside, 'more.json'), 'utf8')).toContain('"event-bus:listen"')
    expect(printed).toContain(`- src-tauri/capabilities/${name}/more.toml: only JSON is changed`)
    expect(printed).not.toContain('notes.md')
  })

  it('beside the configuration is read', async () => {
    const folder = join(copyOf('vanilla-vite'), 'src-tauri')
    writeFileSync(join(folder, 'index.js'), "import { emit } from '@tauri-apps/api/event'\nemit('a')\n")
    await migrate(folder, '--force')
    expect(readFileSync(join(folder, 'capabilities/default.json'), 'utf8')).toContain('"event-bus:allow-emit"')
  })
})

describe('import lines', () => {
  it('change instead of the bundler', async () => {
    const folder = copyOf('react-vite')
    const { printed } = await migrate(folder, '--imports')
    const read = (path) => readFileSync(join(folder, path), 'utf8')
    expect(read('src/App.tsx')).toContain("} from 'tauri-plugin-event-bus-api/tauri'\n")
    expect(read('src/App.tsx')).not.toContain('@tauri-apps/api/event')
    expect(read('vite.config.ts')).toBe(readFileSync(join(apps, 'react-vite/vite.config.ts'), 'utf8'))
    expect(read('package.json')).not.toContain('unplugin')
    expect(printed).toContain('src/App.tsx: what its windows and webviews listen to and emit stays with Tauri')
  })

  it('change in every form', async () => {
    const folder = copyOf('no-bundler')
    await migrate(folder, '--imports')
    const page = readFileSync(join(folder, 'src/page.jsx'), 'utf8')
    expect(page.match(/tauri-plugin-event-bus-api\/tauri/g)).toHaveLength(2)
  })
})

describe('the command', () => {
  const command = (...args) => {
    const cli = join(import.meta.dirname, '../../guest-js/bin/cli.mjs')
    return spawnSync(process.execPath, [cli, ...args], { encoding: 'utf8' })
  }

  it('of the package runs this one', () => {
    const { status, stdout } = command('migrate', join(apps, 'vanilla-vite'), '--check')
    expect(stdout).toContain('6 files would change.')
    expect(status).toBe(1)
  })

  it('explains itself', () => {
    expect(command('--help')).toMatchObject({ status: 0, stdout: expect.stringContaining('migrate [folder]') })
    expect(command('migrate', '--help')).toMatchObject({ status: 0, stdout: expect.stringContaining('--imports') })
  })

  it('names what it does not know', () => {
    expect(command('move')).toMatchObject({ status: 2, stderr: expect.stringContaining('unknown command "move"') })
    expect(command('migrate', '--all')).toMatchObject({ status: 2, stderr: expect.stringContaining('--all') })
    const none = join(import.meta.dirname, '../src')
    expect(command('migrate', none)).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('has no tauri.conf.json'),
    })
    expect(command('migrate', apps)).toMatchObject({ status: 2, stderr: expect.stringContaining('has several apps') })
  })
})
