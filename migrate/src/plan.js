// What has to change in an app, and what only a person can decide. Nothing is written here.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, dirname, join, posix, relative } from 'node:path'
import { addBundlerPlugin, CONFIGURATIONS } from './bundlers.js'
import { addPermissions, entriesOf, isCapabilityFile, permissionsFor } from './capabilities.js'
import { Edits } from './edits.js'
import { commandsOf, letThrough } from './isolation.js'
import { addCrate, addPackages, readJson, setCompatible } from './manifests.js'
import { constantsOf, ENTRY, EVENT_MODULE } from './names.js'
import { addPlugin, buildersIn, moveTraits, placeFor, registersPlugin, rustParser } from './rust.js'
import { collect, parse, scriptsOf, Uses } from './uses.js'

const API = 'tauri-plugin-event-bus-api'
const SKIPPED = new Set(['node_modules', 'target', 'dist', 'build', 'out', 'gen', 'coverage'])
const PAGES = /\.(ts|tsx|mts|cts|js|jsx|mjs|cjs|vue|svelte|astro|html)$/

/** The versions that an app gets. */
export const VERSIONS = { crate: '0.1', api: '^0.1.0', unplugin: '^3.7.0' }

/** The changes to files by their paths, relative to the folder of the app, and notes. */
export class Plan {
  changes = new Map()
  notes = []

  constructor(folder) {
    this.folder = folder
  }

  /** A file as it will be. */
  read(path) {
    return this.changes.get(path)?.after ?? readFileSync(join(this.folder, path), 'utf8')
  }

  write(path, after) {
    const before = this.changes.get(path)?.before ?? readFileSync(join(this.folder, path), 'utf8')
    if (before === after) this.changes.delete(path)
    else this.changes.set(path, { before, after })
  }

  note(text) {
    if (!this.notes.includes(text)) this.notes.push(text)
  }
}

/** Plans the move of the app in a folder. `usesImports` changes import lines instead of the bundler. */
export async function planFor(folder, { usesImports = false } = {}) {
  const plan = new Plan(folder)
  const files = filesIn(folder)
  const [tauri, another] = files.filter((path) => /^tauri\.conf\.json5?$|^Tauri\.toml$/.test(basename(path)))
  if (another) throw new Error(`${folder} has several apps: ${tauri} and ${another}; pass the folder of one`)
  if (!tauri)
    throw new Error(
      `${folder} has no tauri.conf.json, Tauri.toml or tauri.conf.json5: run this in the folder of a Tauri app`,
    )
  const host = dirname(tauri)
  const isIn = (path) => host === '.' || path.startsWith(`${host}/`)
  const readable = (paths) => paths.map((path) => ({ path, text: plan.read(path) }))

  const pages = readable(
    files.filter((path) => PAGES.test(path) && !(isIn(path) && host !== '.') && !isConfiguration(path)),
  )
  const { uses, imports } = usesOf(plan, pages)
  const ofLibraries = usesOfLibraries(plan, files)
  for (const verb of ['listen', 'emit']) for (const name of ofLibraries[verb]) uses[verb].add(name)
  for (const [name, to] of ofLibraries.emitTo) uses.emitTo.set(name, [...(uses.emitTo.get(name) ?? []), ...to])
  for (const verb of ofLibraries.computed) uses.computed.add(verb)
  const entries = entriesOf(uses)

  const isNew = moveManifest(plan, posix.join(host, 'Cargo.toml'))
  await moveRust(plan, readable(files.filter((path) => isIn(path) && path.endsWith('.rs'))), isNew)
  moveConfiguration(plan, tauri)
  // Tauri skips no folder there.
  const capabilities = filesIn(folder, posix.join(host, 'capabilities'), () => false).filter(isCapabilityFile)
  moveCapabilities(plan, capabilities, tauri, entries)
  moveIsolation(plan, tauri, commandsOf(entries))
  moveBundler(plan, files, imports, usesImports)
  return plan
}

/** The files of an app, as relative paths with slashes. */
function filesIn(folder, start = '', isSkipped = (name) => SKIPPED.has(name) || name.startsWith('.')) {
  const found = []
  const walk = (path) => {
    for (const entry of readdirSync(join(folder, path), { withFileTypes: true })) {
      const inside = path === '' ? entry.name : `${path}/${entry.name}`
      if (entry.isDirectory()) {
        if (!isSkipped(entry.name)) walk(inside)
      } else if (entry.isFile() && statSync(join(folder, inside)).size < 2_000_000) found.push(inside)
    }
  }
  if (start === '' || statSync(join(folder, start), { throwIfNoEntry: false })?.isDirectory()) walk(start)
  return found.sort()
}

function isConfiguration(path) {
  return CONFIGURATIONS.some(([pattern]) => pattern.test(basename(path)))
}

function usesOf(plan, pages) {
  const shared = sharedConstants(pages)
  const uses = new Uses()
  const imports = new Map()
  for (const file of pages) {
    const found = collect(
      file,
      uses,
      (note) => plan.note(note),
      (name) => shared.get(name),
    )
    if (found.length > 0) imports.set(file.path, found)
  }
  return { uses, imports }
}

/** Constants of all files, without those that two files define otherwise. */
function sharedConstants(pages) {
  const shared = new Map()
  for (const file of pages) {
    for (const script of scriptsOf(file.path, file.text)) {
      const program = parse(script)?.program
      if (!program) continue
      for (const [name, value] of constantsOf(program))
        shared.set(name, shared.has(name) && shared.get(name) !== value ? undefined : value)
    }
  }
  return shared
}

/** What the guests of Tauri's plugins listen to: the bundler plugin puts the bus under them, too. */
function usesOfLibraries(plan, files) {
  const uses = new Uses()
  for (const manifest of files.filter((path) => basename(path) === 'package.json')) {
    const { dependencies = {} } = readJson(plan.read(manifest)) ?? {}
    for (const name of Object.keys(dependencies)) {
      if (name === API || name === '@tauri-apps/api') continue
      const folder = folderOf(join(plan.folder, dirname(manifest)), name)
      if (!folder) {
        if (/tauri/.test(name))
          plan.note(
            `${manifest}: ${name} is not installed, so the events that it uses are not known; install, and run this again`,
          )
        continue
      }
      const { dependencies: its = {}, peerDependencies: peers = {} } =
        readJson(readFileSync(join(folder, 'package.json'), 'utf8')) ?? {}
      if (!its['@tauri-apps/api'] && !peers['@tauri-apps/api']) continue
      for (const path of scriptsOfPackage(folder)) {
        const text = readFileSync(path, 'utf8')
        collect(
          { path: `${name}/${relative(folder, path).replaceAll('\\', '/')}`, text },
          uses,
          (note) => plan.note(note),
          () => undefined,
        )
      }
    }
  }
  return uses
}

function folderOf(from, name) {
  for (let folder = from; ; folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', name)
    if (existsSync(join(candidate, 'package.json'))) return candidate
    if (dirname(folder) === folder) return undefined
  }
}

function scriptsOfPackage(folder) {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.m?js$/.test(path) && !/(^|[\\/])node_modules[\\/]/.test(path))
    .map((path) => join(folder, path))
}

/** Returns whether the app did not have the crate before. */
function moveManifest(plan, path) {
  const line = `tauri-plugin-event-bus = "${VERSIONS.crate}"`
  const before = existsSync(join(plan.folder, path)) ? plan.read(path) : undefined
  const after = before === undefined ? undefined : addCrate(before, VERSIONS.crate)
  if (after === undefined)
    plan.note(`${path}: ${before === undefined ? 'is missing' : 'cannot be edited for sure'}; add ${line}`)
  else plan.write(path, after)
  return after !== before
}

async function moveRust(plan, sources, isNew) {
  const parser = await rustParser()
  for (const file of sources)
    plan.write(
      file.path,
      moveTraits(parser, file, (note) => plan.note(note)),
    )
  if (sources.some(registersPlugin)) return
  if (!isNew) {
    plan.note(
      'the app has the crate, and no tauri_plugin_event_bus::init() was found: check that it registers the plugin',
    )
    return
  }
  const builders = sources.flatMap(({ path }) => {
    const text = plan.read(path)
    return buildersIn(parser, { text }).map((builder) => ({ path, text, builder }))
  })
  const [only] = builders
  if (only && builders.length === 1) {
    plan.write(only.path, addPlugin(placeFor(parser, only, only.builder), only.text))
  } else {
    const found =
      builders.length === 0 ? 'no tauri::Builder::default() was found' : `${builders.length} builders were found`
    plan.note(`${found}: add .plugin(tauri_plugin_event_bus::init()) to the builder of the app`)
  }
}

function moveConfiguration(plan, path) {
  const after = path.endsWith('.json') ? setCompatible(plan.read(path)) : undefined
  if (after === undefined) plan.note(`${path}: set "compatible": true in plugins.event-bus`)
  else plan.write(path, after)
}

function moveCapabilities(plan, paths, configuration, entries) {
  const lines = permissionsFor(entries)
  if (lines.length === 0) return
  const wanted = `the permissions of the pages that use events: ${lines.map((line) => JSON.stringify(line)).join(', ')}`
  let isGranted = false
  for (const path of paths) {
    const after = path.endsWith('.json') ? addPermissions(plan.read(path), entries) : undefined
    if (after === undefined) {
      isGranted = true
      plan.note(`${path}: only JSON is changed; add ${wanted}`)
      continue
    }
    isGranted ||= after.includes('"event-bus:')
    plan.write(path, after)
  }
  const inline = configuration.endsWith('.json') && readJson(plan.read(configuration))?.app?.security?.capabilities
  if (Array.isArray(inline) && inline.some((each) => typeof each === 'object')) {
    plan.note(`${configuration}: has capabilities of its own; add ${wanted}`)
  } else if (!isGranted) plan.note(`no capability grants core:event, so none was changed; add ${wanted}`)
}

function moveIsolation(plan, path, commands) {
  const pattern = path.endsWith('.json') ? readJson(plan.read(path))?.app?.security?.pattern : undefined
  if (pattern?.use !== 'isolation') return
  const wanted = `let these commands pass: ${commands.join(', ')}`
  const folder = join(dirname(path), pattern.options?.dir ?? '').replaceAll('\\', '/')
  if (!existsSync(join(plan.folder, folder)))
    return plan.note(`${path}: the isolation hook is not in ${folder}; ${wanted}`)
  const scripts = readdirSync(join(plan.folder, folder))
    .filter((name) => /\.(html|m?js)$/.test(name))
    .map((name) => posix.join(folder, name))
  let isKnown = false
  let isHook = false
  for (const script of scripts) {
    const text = plan.read(script)
    if (!text.includes('__TAURI_ISOLATION_HOOK__') && !text.includes('plugin:event')) continue
    isHook = true
    const result = letThrough({ path: script, text }, commands)
    isKnown ||= result.isKnown
    plan.write(script, result.text)
  }
  if (isHook && !isKnown)
    plan.note(
      `${folder}: the isolation hook has no list with the commands of Tauri's events; if it drops commands, ${wanted}`,
    )
}

function moveBundler(plan, files, imports, usesImports) {
  const manifest =
    files.find((path) => path === 'package.json') ?? files.find((path) => basename(path) === 'package.json')
  const its = manifest && readJson(plan.read(manifest))
  const list = its?.devDependencies?.['@tauri-apps/api'] === undefined ? 'dependencies' : 'devDependencies'
  const packages = [{ list, name: API, version: VERSIONS.api }]
  if (usesImports) changeImports(plan, imports)
  else if (manifest) {
    const configurations = files.flatMap((path) => {
      const [, bundler] = CONFIGURATIONS.find(([pattern]) => pattern.test(basename(path))) ?? []
      return bundler ? [{ path, bundler }] : []
    })
    for (const { path, bundler } of configurations) {
      const after = addBundlerPlugin({ path, text: plan.read(path) }, bundler)
      if (after === undefined) plan.note(`${path}: add eventBus.${bundler}() of ${API}/bundler to the plugins`)
      else plan.write(path, after)
    }
    if (configurations.length > 0)
      packages.push({ list: 'devDependencies', name: 'unplugin', version: VERSIONS.unplugin })
    else
      plan.note(
        `no configuration of Vite, Rollup, Rolldown, webpack or Rspack was found: add the plugin of ${API}/bundler, or run this with --imports`,
      )
  }
  if (!manifest) {
    plan.note(
      'there is no package.json: with withGlobalTauri and compatible mode, the script of the plugin takes over window.__TAURI__.event',
    )
    return
  }
  const after = addPackages(plan.read(manifest), packages)
  if (after === undefined)
    plan.note(
      `${manifest}: cannot be parsed; add ${packages.map(({ name, version }) => `${name}@${version}`).join(', ')}`,
    )
  else plan.write(manifest, after)
}

function changeImports(plan, imports) {
  for (const [path, places] of imports) {
    const text = plan.read(path)
    const edits = new Edits()
    for (const { start, end } of places) {
      const written = text.slice(start, end)
      edits.replace(start, end, written.replace(EVENT_MODULE, ENTRY))
    }
    plan.write(path, edits.applyTo(text))
    if (/@tauri-apps\/api\/(window|webview|webviewWindow)/.test(text)) {
      plan.note(
        `${path}: what its windows and webviews listen to and emit stays with Tauri; the bundler plugin moves that, too`,
      )
    }
  }
}
