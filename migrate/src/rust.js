// The Rust side: `use` lines of Tauri's event traits, and the plugin in the app's builder.
import { createRequire } from 'node:module'
import { Edits, lineOf } from './edits.js'

const require = createRequire(import.meta.url)
const { Language, Parser } = require('@vscode/tree-sitter-wasm')

const TRAITS = ['Emitter', 'Listener']
const CRATE = 'tauri_plugin_event_bus'

/** A parser of Rust. Loads the grammar. */
export async function rustParser() {
  await Parser.init()
  const parser = new Parser()
  parser.setLanguage(await Language.load(require.resolve('@vscode/tree-sitter-wasm/wasm/tree-sitter-rust.wasm')))
  return parser
}

/**
 * Moves the traits of one file over.
 *
 * @param {any} parser
 * @param {{ path: string, text: string }} file
 * @param {(note: string) => void} note
 */
export function moveTraits(parser, { path, text }, note) {
  if (!/\btauri\b/.test(text)) return text
  const { rootNode } = parser.parse(text)
  const at = (node) => `${path}:${lineOf(text, node.startIndex)}`
  if (rootNode.hasError && /\b(Emitter|Listener)\b/.test(text)) {
    note(
      `${path}: cannot be parsed; write use ${CRATE}::compat::{Emitter, Listener} in place of tauri::{Emitter, Listener}`,
    )
    return text
  }
  const edits = new Edits()
  for (const declaration of rootNode.descendantsOfType('use_declaration')) {
    moveUse(declaration, text, edits, (what) => note(`${at(declaration)}: ${what}`))
  }
  for (const node of rootNode.descendantsOfType(['scoped_identifier', 'scoped_type_identifier'])) {
    if (isIn(node, 'use_declaration')) continue
    const trait = TRAITS.find((each) => node.text === `tauri::${each}`)
    if (trait) edits.replace(node.startIndex, node.endIndex, `${CRATE}::compat::${trait}`)
    if (node.text === 'tauri::Event') {
      note(`${at(node)}: names tauri::Event; a listener of the bus gets ${CRATE}::compat::Event`)
    }
  }
  return edits.applyTo(text)
}

/** Takes the traits out of one declaration, and adds one of their own behind it. */
function moveUse(declaration, text, edits, note) {
  const argument = declaration.childForFieldName('argument')
  const leaves = leavesOf(argument, '')
  const moved = leaves.filter(({ trait }) => trait)
  if (moved.length === 0) {
    if (argument.text === 'tauri::*' && /\.(emit|listen|once)/.test(text)) {
      note(`imports all of tauri; if this file emits or listens, add use ${CRATE}::compat::{Emitter, Listener};`)
    }
    return
  }
  const names = moved.map(({ trait, alias }) => (alias === undefined ? trait : `${trait} as ${alias}`))
  const list = names.length === 1 ? names[0] : `{${names.join(', ')}}`
  const visibility = declaration.namedChildren.find(({ type }) => type === 'visibility_modifier')
  const line = `${visibility ? `${visibility.text} ` : ''}use ${CRATE}::compat::${list};`
  if (moved.length === leaves.length) {
    edits.replace(declaration.startIndex, declaration.endIndex, line)
    return
  }
  if (declaration.previousNamedSibling?.type === 'attribute_item') {
    note(`has an attribute, so it is left: write ${line} beside it, with the attribute`)
    return
  }
  const inside = new Edits()
  const isMoved = (node) => leavesOf(node, '').every((leaf) => moved.some(({ node: each }) => each.id === leaf.node.id))
  for (const node of emptied(argument, isMoved)) takeOut(node, text, inside, declaration.startIndex)
  const kept = simplified(inside.applyTo(declaration.text))
  const indent = /[ \t]*$/.exec(text.slice(0, declaration.startIndex))?.[0] ?? ''
  edits.replace(declaration.startIndex, declaration.endIndex, `${kept}\n${indent}${line}`)
}

/** What a tree of imports imports, with the traits of Tauri marked. */
function leavesOf(node, path) {
  const full = (text) => (path === '' ? text : `${path}::${text}`).replaceAll(/\s/g, '')
  const leaf = (written, alias) => [{ node, trait: TRAITS.find((each) => full(written) === `tauri::${each}`), alias }]
  switch (node.type) {
    case 'line_comment':
    case 'block_comment':
      return []
    case 'use_as_clause':
      return leaf(node.childForFieldName('path').text, node.childForFieldName('alias').text)
    case 'scoped_use_list': {
      const owner = node.childForFieldName('path')?.text ?? ''
      return leavesOf(node.childForFieldName('list'), full(owner))
    }
    case 'use_list':
      return node.namedChildren.flatMap((child) => leavesOf(child, path))
    default:
      return leaf(node.text, undefined)
  }
}

/** The largest parts of a tree of which everything is moved. */
function emptied(node, isMoved) {
  if (/comment/.test(node.type)) return []
  if (isMoved(node)) return [node]
  const list = node.type === 'scoped_use_list' ? node.childForFieldName('list') : node
  return list.type === 'use_list' ? list.namedChildren.flatMap((child) => emptied(child, isMoved)) : []
}

/** Takes an item out of a list, with its comma, and with its line if it has one of its own. */
function takeOut(node, text, edits, origin) {
  const { nextSibling, previousSibling } = node
  let { startIndex: start, endIndex: end } = node
  if (nextSibling?.type === ',') {
    end = nextSibling.endIndex
    const before = /\n[ \t]*$/.exec(text.slice(0, start))
    if (before && /^[ \t]*\r?\n/.test(text.slice(end))) start -= before[0].length
    else end += /^\s*/.exec(text.slice(end))[0].length
  } else if (previousSibling?.type === ',') start = previousSibling.startIndex
  edits.replace(start - origin, end - origin, '')
}

/** A list of one name needs no braces. */
function simplified(declaration) {
  return declaration.replace(/::\{\s*((?!self\b)[\w:]+(?: as \w+)?),?\s*\};$/, '::$1;')
}

function isIn(node, type) {
  for (let parent = node.parent; parent; parent = parent.parent) if (parent.type === type) return true
  return false
}

/** Where an app makes its builder: the expressions that do, in all files. */
export function buildersIn(parser, { text }) {
  if (!/\bBuilder\b/.test(text)) return []
  const { rootNode } = parser.parse(text)
  const usesBuilder = /\buse\s+tauri::(Builder\b|\{[^;]*\bBuilder\b)/.test(text)
  return rootNode.descendantsOfType('call_expression').filter((call) => {
    const path = call
      .childForFieldName('function')
      .text.replace(/::<.*>/s, '')
      .replaceAll(/\s/g, '')
    if (/^tauri::Builder::(default|new)$/.test(path)) return true
    return usesBuilder && /^Builder::(default|new)$/.test(path)
  })
}

/** Where the plugin goes in a file with one builder: behind it, or behind the one that has to be the first. */
export function placeFor(parser, { text }, builder) {
  const first = parser
    .parse(text)
    .rootNode.descendantsOfType('call_expression')
    .filter((call) => {
      const method = call.childForFieldName('function').childForFieldName('field')?.text
      return (
        method === 'plugin' && /^\(\s*tauri_plugin_single_instance::/.test(call.childForFieldName('arguments').text)
      )
    })
  return first.length === 1 ? first[0] : builder
}

/** Adds the plugin to a builder, on a line of its own if the chain has lines. */
export function addPlugin(builder, text) {
  const { endIndex } = builder
  const space = /^\s*(?=\.)/.exec(text.slice(endIndex))?.[0] ?? ''
  const edits = new Edits()
  edits.insert(endIndex, `${space.includes('\n') ? space : ''}.plugin(${CRATE}::init())`)
  return edits.applyTo(text)
}

/** Whether a file registers the plugin already. */
export function registersPlugin({ text }) {
  return new RegExp(`\\b${CRATE}::(\\{[^}]*)?\\b(init|Builder)\\b`).test(text)
}
