// Packs the npm packages and checks them as tools read them: publint for their manifests, and Are the types wrong? for how
// each kind of import finds types and code.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { guest } from './scratch.mjs'

const packages = ['tauri-plugin-event-bus-api', 'tauri-plugin-event-bus-migrate']

function run(command, ...args) {
  const { status, error } = spawnSync(command, args, { cwd: guest, stdio: 'inherit' })
  if (error) throw error
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed`)
}

const folder = mkdtempSync(join(tmpdir(), 'event-bus-packed-'))
try {
  for (const name of packages) {
    run('npm', 'pack', '--silent', '--prefix', '..', '--workspace', name, '--pack-destination', folder)
  }
  const archives = readdirSync(folder).map((file) => join(folder, file))
  if (archives.length !== packages.length) throw new Error(`npm packed ${archives}`)
  for (const archive of archives) run('npx', '--no', 'publint', 'run', archive, '--strict')
  // The other package is a program, without types.
  const api = archives.find((archive) => archive.includes(packages[0]))
  run('npx', '--no', 'attw', '--', '--format', 'ascii', '--summary', api)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
