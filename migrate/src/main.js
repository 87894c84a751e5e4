#!/usr/bin/env node
// Moves a Tauri app from Tauri's own events to tauri-plugin-event-bus.
import { spawnSync } from 'node:child_process'
import { realpathSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { argv, exit } from 'node:process'
import { parseArgs } from 'node:util'
import { createTwoFilesPatch } from 'diff'
import { planFor } from './plan.js'

const HELP = `Moves a Tauri app from Tauri's own events to tauri-plugin-event-bus, with compatible mode on.

npx tauri-plugin-event-bus-api migrate [folder] [--check] [--imports] [--force]

  --check    shows what would change and changes nothing; the exit code is 1 if something would
  --imports  changes the import lines of the app instead of the configuration of its bundler
  --force    also works without a clean git tree
`

/** Runs the command and returns its exit code. */
export async function run(args, print = (text) => console.log(text)) {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      check: { type: 'boolean' },
      imports: { type: 'boolean' },
      force: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  })
  if (values.help) {
    print(HELP)
    return 0
  }
  if (positionals.length > 1)
    throw new Error(`expected one folder, not ${positionals.length}: ${positionals.join(', ')}`)
  const folder = resolve(positionals[0] ?? '.')
  const plan = await planFor(folder, { usesImports: values.imports })
  const changes = [...plan.changes].sort(([a], [b]) => (a < b ? -1 : 1))
  const isAllowed = values.check || changes.length === 0 || values.force || isClean(folder)
  for (const [path, { before, after }] of changes) {
    print(createTwoFilesPatch(path, path, before, after, '', '', { context: 2 }).replace(/^Index:.*\n=+\n/, ''))
  }
  if (plan.notes.length > 0) print(`Left to you:\n${plan.notes.map((note) => `- ${note}`).join('\n')}\n`)
  if (!isAllowed) {
    print(`Nothing was changed: ${folder} is no clean git tree. Commit or stash first, or pass --force.`)
    return 1
  }
  if (!values.check) for (const [path, { after }] of changes) writeFileSync(join(folder, path), after)
  const files = `${changes.length} file${changes.length === 1 ? '' : 's'}`
  print(changes.length === 0 ? 'Nothing to change.' : values.check ? `${files} would change.` : `${files} changed.`)
  if (!values.check && changes.length > 0) {
    print(
      "Next: install the packages, run the app, and read bus.compat_report(). The guide: docs/moving.md of the plugin's repository.",
    )
  }
  return values.check && changes.length > 0 ? 1 : 0
}

function isClean(folder) {
  const { status, stdout } = spawnSync('git', ['status', '--porcelain', '--', '.'], { cwd: folder, encoding: 'utf8' })
  return status === 0 && stdout.trim() === ''
}

// The path of a script that npm installed is a link.
if (argv[1] !== undefined && realpathSync(argv[1]) === import.meta.filename) {
  try {
    exit(await run(argv.slice(2)))
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    exit(2)
  }
}
