// Checks that no export has the name of a global, such as the DOM's `EventSource`: where the import is forgotten, the compiler
// would take the other one.
import { basename } from 'node:path'
import { filesOf, readEntries } from './exports.mjs'

const { program, entries } = readEntries()
const globals = new Set(
  program
    .getSourceFiles()
    .filter((file) => program.isSourceFileDefaultLibrary(file))
    .flatMap((file) => [...file.locals.keys()]),
)
for (const name of ['EventSource', 'EventTarget', 'Promise']) {
  if (!globals.has(name)) throw new Error(`${name} is not among the globals`)
}
let count = 0
for (const [entry, symbols] of Object.entries(entries)) {
  for (const { name, symbol } of symbols) {
    count += 1
    // Tauri's own types keep Tauri's names, so that an app changes only where it imports them from.
    const isOfTauri = filesOf(symbol).every((file) => file.includes('/@tauri-apps/api/'))
    if (isOfTauri || !globals.has(name)) continue
    const files = filesOf(symbol).map((file) => basename(file))
    throw new Error(`${name} of ${entry} (${files}) has the name of a global`)
  }
}
console.log(`${count} exports without the name of a global`)
