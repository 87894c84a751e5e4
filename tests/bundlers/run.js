// Loads a bundle into a page of Tauri, waits until the app has run, and prints which system each call reached.
import { argv } from 'node:process'
import { pathToFileURL } from 'node:url'
import { fakeTauri } from './fake-tauri.js'

const calls = fakeTauri()
await import(pathToFileURL(argv[2]).href)
const result = await globalThis.ran
process.stdout.write(JSON.stringify({ ...calls, result }), () => process.exit(0))
