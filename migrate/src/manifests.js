// Cargo.toml, package.json and tauri.conf.json. What is written is parsed again, so that nothing else has changed.
import { isDeepStrictEqual } from 'node:util'
import { findNodeAtLocation, parse, parseTree } from 'jsonc-parser'
import { parse as parseToml } from 'smol-toml'

const CRATE = 'tauri-plugin-event-bus'

/** Adds the crate to a manifest. Returns nothing where it cannot be done for sure. */
export function addCrate(text, version) {
  const before = parseToml(text)
  const dependencies = /** @type {Record<string, unknown>} */ (before.dependencies ?? {})
  if (dependencies[CRATE] !== undefined) return text
  const ending = text.includes('\r\n') ? '\r\n' : '\n'
  const line = `${CRATE} = "${version}"`
  const lines = text.split(/\r?\n/)
  const header = lines.findIndex((each) => /^\s*\[\s*dependencies\s*\]\s*(#.*)?$/.test(each))
  let after
  if (header < 0) {
    after = `${text.trimEnd()}${ending}${ending}[dependencies]${ending}${line}${ending}`
    if (before.dependencies !== undefined)
      after = after.replace(`[dependencies]${ending}${line}`, `[dependencies.${CRATE}]${ending}version = "${version}"`)
  } else {
    const tauri = lines.findIndex((each, place) => place > header && /^\s*tauri\s*=.*["}]\s*(#.*)?$/.test(each))
    const next = lines.findIndex((each, place) => place > header && /^\s*\[/.test(each))
    const isInside = tauri > 0 && (next < 0 || tauri < next)
    lines.splice((isInside ? tauri : header) + 1, 0, line)
    after = lines.join(ending)
  }
  const entry = header < 0 && before.dependencies !== undefined ? { version } : version
  const expected = { ...before, dependencies: { ...dependencies, [CRATE]: entry } }
  try {
    return sameToml(parseToml(after), expected) ? after : undefined
  } catch {
    return undefined
  }
}

function sameToml(a, b) {
  return JSON.stringify(sorted(a)) === JSON.stringify(sorted(b))
}

function sorted(value) {
  if (Array.isArray(value)) return value.map(sorted)
  if (value === null || typeof value !== 'object' || value instanceof Date) return value
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((key) => [key, sorted(value[key])]),
  )
}

/** Reads JSON with comments. Returns nothing where it has an error. */
export function readJson(text) {
  const errors = []
  const value = parse(text, errors, { allowTrailingComma: true })
  return errors.length > 0 ? undefined : value
}

/** How a value is written: on one line, with the spaces that people write. */
function written(value) {
  if (Array.isArray(value)) return `[${value.map(written).join(', ')}]`
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  return `{ ${Object.entries(value)
    .map(([key, each]) => `${JSON.stringify(key)}: ${written(each)}`)
    .join(', ')} }`
}

/** What stands before an item of a list or an object: a line and its indent, or a space. */
function separatorOf(text, node) {
  const [first] = node.children
  const space = first ? text.slice(node.offset + 1, first.offset) : ''
  // A comment may stand before the first item.
  return /\n[ \t]*$/.exec(space)?.[0] ?? ' '
}

function nodeAt(text, path) {
  const root = parseTree(text, [], { allowTrailingComma: true })
  return root && findNodeAtLocation(root, path)
}

/** Puts a text into a list or an object, before the item at a place, and leaves everything else as it is. */
function insertInto(text, node, place, item) {
  const { children, offset, length } = node
  const separator = separatorOf(text, node)
  const edit = (at, content, removed = 0) => text.slice(0, at) + content + text.slice(at + removed)
  if (children.length === 0) return edit(offset, text[offset] === '[' ? `[${item}]` : `{ ${item} }`, length)
  if (place < children.length) {
    const next = children[place]
    return edit(next.offset, `${item},${place === 0 ? separator : separatorOf(text, node)}`)
  }
  const last = children[children.length - 1]
  const end = last.offset + last.length
  // A comma may follow the last item, where comments may stand, too.
  const hasComma = /^\s*,/.exec(text.slice(end))
  return hasComma ? edit(end + hasComma[0].length, `${separator}${item}`) : edit(end, `,${separator}${item}`)
}

/** Appends to an array of a JSON file. */
export function appendJson(text, path, value) {
  const node = nodeAt(text, path)
  return insertInto(text, node, node.children.length, written(value))
}

/** Sets a property that is not there, and makes the objects around it. `placeOf` says where among the keys; at the end without it. */
export function setJson(text, path, value, placeOf = (keys) => keys.length) {
  let depth = path.length - 1
  while (depth > 0 && !nodeAt(text, path.slice(0, depth))) depth -= 1
  const node = nodeAt(text, path.slice(0, depth))
  const inner = path.slice(depth + 1).reduceRight((nested, key) => ({ [key]: nested }), value)
  const keys = node.children.map(({ children }) => children[0].value)
  return insertInto(text, node, placeOf(keys), `${JSON.stringify(path[depth])}: ${written(inner)}`)
}

/** Adds packages to a manifest of npm, in order, where they are in neither list. */
export function addPackages(text, packages) {
  let after = text
  for (const { list, name, version } of packages) {
    const json = readJson(after)
    if (!json) return undefined
    if (json.dependencies?.[name] !== undefined || json.devDependencies?.[name] !== undefined) continue
    after = setJson(after, [list, name], version, (keys) => {
      const isSorted = json[list] && isDeepStrictEqual(keys, [...keys].sort())
      return isSorted ? keys.filter((key) => key < name).length : keys.length
    })
  }
  return after
}

/** Turns compatible mode on. */
export function setCompatible(text) {
  const json = readJson(text)
  if (!json) return undefined
  if (json.plugins?.['event-bus']?.compatible !== undefined) return text
  return setJson(text, ['plugins', 'event-bus', 'compatible'], true)
}
