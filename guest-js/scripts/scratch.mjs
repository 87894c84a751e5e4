// A folder outside of the workspace, into which a script installs the package as it would be published, and others from npm.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const guest = join(dirname(fileURLToPath(import.meta.url)), '..')

/** Runs a program and returns what it prints. Throws all of that if it fails. */
export function run([command, ...args], cwd) {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}\n${stdout}\n${stderr}`)
  return stdout
}

function npm(args, cwd) {
  run(['npm', ...args, '--no-audit', '--no-fund', '--silent'], cwd)
}

/** Packs the package and hands over the folder, which is gone afterwards. `install` installs it into a folder,
 * without the scripts of packages, which may download programs. */
export function inScratch(work) {
  const scratch = mkdtempSync(join(tmpdir(), 'event-bus-'))
  try {
    npm(['pack', '--pack-destination', scratch], guest)
    const [tarball] = readdirSync(scratch)
    const install = (folder, packages, more) => {
      writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, ...more }))
      npm(['install', '--ignore-scripts', join(scratch, tarball), '@tauri-apps/api@2', ...packages], folder)
    }
    work(scratch, install)
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}
