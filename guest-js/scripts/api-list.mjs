// Compares docs/api.toml, the one list of capabilities, with what the entry points of the built package export.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'smol-toml'
import { listExports } from './exports.mjs'
import { guest } from './scratch.mjs'

/** What has capabilities as its members. Other interfaces are data. */
const HANDLES = [
  'BusEvent',
  'Component',
  'EventBusError',
  'EventStream',
  'Job',
  'Namespace',
  'PartChannel',
  'PartStream',
  'Presence',
  'RequestContext',
  'Subscription',
  'Task',
  'Will',
]

const { capability } = parse(readFileSync(join(guest, '../docs/api.toml'), 'utf8'))
const listed = capability.flatMap((row) => row.typescript ?? [])
const twice = listed.filter((item, place) => listed.indexOf(item) !== place)
if (twice.length > 0) throw new Error(`docs/api.toml lists twice: ${twice.join(', ')}`)

const expected = new Set()
for (const [entry, { values, types, members }] of Object.entries(listExports())) {
  const prefix = entry === '.' ? '' : `${entry.slice(2)}: `
  for (const name of [...values, ...types]) expected.add(prefix + name)
  if (entry !== '.') continue
  for (const handle of HANDLES) {
    for (const member of members[handle]) {
      // A component has the members of a namespace.
      if (handle !== 'Component' || !members.Namespace.includes(member)) expected.add(`${handle}.${member}`)
    }
  }
}
const missing = [...expected].filter((item) => !listed.includes(item))
const unknown = listed.filter((item) => !expected.has(item))
if (missing.length > 0) throw new Error(`docs/api.toml lacks ${missing.join(', ')}`)
if (unknown.length > 0) throw new Error(`no entry point exports ${unknown.join(', ')}`)
console.log(`docs/api.toml lists the ${expected.size} exports and members of every entry point`)
