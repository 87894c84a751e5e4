#!/usr/bin/env node
// `migrate` needs parsers, which are a package of their own, so that apps do not install them. npm fetches it when it is used.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { tail } from './tail.mjs'

const MIGRATE = 'tauri-plugin-event-bus-migrate'
const USAGE = `usage: npx tauri-plugin-event-bus-api migrate [folder] [--check] [--imports] [--force]
       npx tauri-plugin-event-bus-api tail [--name <glob>] [--kind <kind>] [--source <label>] [--json] [--app <identifier>] [--pid <number>] [--wait]`
const folder = dirname(fileURLToPath(import.meta.url))
const { version } = JSON.parse(readFileSync(join(folder, '../package.json'), 'utf8'))
const [, , command, ...args] = process.argv

if (command === 'tail') process.exitCode = await tail(args)
else if (command === 'migrate') process.exitCode = migrate()
else {
  const isHelp = command === undefined || command === '--help' || command === '-h'
  const print = isHelp ? console.log : console.error
  print(`${isHelp ? '' : `unknown command "${command}"; `}${USAGE}`)
  process.exitCode = isHelp ? 0 : 2
}

function migrate() {
  const script = installed()
  const npm = ['exec', '--yes', `--package=${MIGRATE}@${version}`, '--', MIGRATE, ...args]
  const { status, error } = script
    ? spawnSync(process.execPath, [script, ...args], { stdio: 'inherit' })
    : spawnSync(process.platform === 'win32' ? 'npm.cmd' : 'npm', npm, {
        stdio: 'inherit',
        shell: process.platform === 'win32',
      })
  if (error) console.error(`cannot run ${MIGRATE}: ${error.message}`)
  return status ?? 2
}

/** The script of the package, if it is installed here. */
function installed() {
  for (let at = folder; ; at = dirname(at)) {
    const candidate = join(at, 'node_modules', MIGRATE, 'src/main.js')
    if (existsSync(candidate)) return candidate
    if (dirname(at) === at) return undefined
  }
}
