/** Where the entry that replaces Tauri's events is, as paths of files. */
export interface EntryFiles {
  /** For importers that are ES modules. */
  readonly esm: string
  /** For importers that are CommonJS, of which Tauri's own end in `.cjs`. */
  readonly commonjs: string
}

/** The module of Tauri's that the entry replaces, as apps and libraries import it. */
const MODULE = '@tauri-apps/api/event'

/** A file of Tauri's package, which imports that module by a relative path: its windows, its webviews, its index. */
const TAURIS_FILE = /\/@tauri-apps\/api\/[^/]+\.c?js$/

/** That relative path. */
const RELATIVE = /^\.\/event(\.c?js)?$/

/** The file that an import means instead of Tauri's module, if it is an import of that. */
export function replacementOf(id: string, importer: string | undefined, files: EntryFiles): string | undefined {
  // A module that is the entry of a build has no importer.
  if (importer === undefined) return undefined
  const from = pathOf(importer)
  const isTauris = RELATIVE.test(id) && TAURIS_FILE.test(from)
  if (id !== MODULE && !isTauris) return undefined
  // The entry itself needs Tauri's functions.
  if ([files.esm, files.commonjs].some((file) => from.startsWith(folderOf(pathOf(file))))) return undefined
  return from.endsWith('.cjs') ? files.commonjs : files.esm
}

/** A path with slashes, and without what bundlers append to it. */
function pathOf(id: string): string {
  return id.replace(/[?#].*$/s, '').replaceAll('\\', '/')
}

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/') + 1)
}
