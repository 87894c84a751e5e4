// What the pages of an app use of Tauri's events: names, targets, and what only a person can tell.
import { parseSync } from 'oxc-parser'
import { lineOf } from './edits.js'
import { constantsOf, ENTRY, EVENT_MODULE, pathOf, textsOf, unwrap } from './names.js'

const WINDOW_MODULES = ['@tauri-apps/api/window', '@tauri-apps/api/webview', '@tauri-apps/api/webviewWindow']
const GETTERS = ['getCurrentWindow', 'getCurrentWebview', 'getCurrentWebviewWindow']
const CLASSES = ['Window', 'Webview', 'WebviewWindow']
const VERBS = ['listen', 'once', 'emit', 'emitTo']

/** What is used: names by verb, labels by name, and where a name is computed. */
export class Uses {
  listen = new Set()
  emit = new Set()
  /** Targets as capability entries spell them, by the name of the event. */
  emitTo = new Map()
  /** The verbs of which a name or a target is computed. */
  computed = new Set()

  get isEmpty() {
    return this.listen.size + this.emit.size + this.emitTo.size + this.computed.size === 0
  }
}

/** The scripts of a file with their offsets. @param {string} path @param {string} text */
export function scriptsOf(path, text) {
  if (!/\.(vue|svelte|html|astro)$/.test(path)) return [{ code: text, start: 0, name: path }]
  const found = []
  for (const match of text.matchAll(/<script\b([^>]*)>([\s\S]*?)<\/script\s*>/gi)) {
    const [whole, attributes, code] = match
    if (/\bsrc\s*=/.test(attributes)) continue
    const language =
      /\blang\s*=\s*["']?(tsx?|jsx?)/.exec(attributes)?.[1] ?? (/\.(vue|svelte)$/.test(path) ? 'ts' : 'js')
    found.push({ code, start: match.index + whole.indexOf('>') + 1, name: `${path}.${language}` })
  }
  return found
}

/** Parses a script. Returns nothing where it has an error. */
export function parse({ name, code }) {
  const { program, errors, module } = parseSync(name, code)
  return errors.some(({ severity }) => severity === 'Error') ? undefined : { program, module }
}

/**
 * Collects the uses of one file.
 *
 * @param {{ path: string, text: string }} file
 * @param {Uses} uses
 * @param {(note: string) => void} note
 * @param {(name: string) => string | undefined} shared A constant that another file exports.
 * @returns {{ start: number, end: number }[]} where the module of events is named
 */
export function collect(file, uses, note, shared) {
  const imports = []
  let outside = file.text
  const locals = new Map()
  for (const script of scriptsOf(file.path, file.text)) {
    outside = outside.replace(script.code, '')
    if (!/@tauri-apps\/api|\b__TAURI__\b|event-bus-api\/tauri/.test(script.code)) continue
    const parsed = parse(script)
    const at = (offset) => `${file.path}:${lineOf(file.text, script.start + offset)}`
    if (!parsed) {
      note(`${at(0)}: cannot be parsed, so what it listens to and emits is not known`)
      continue
    }
    const reader = new Reader(script, parsed, uses, note, at, shared)
    reader.read()
    for (const { start, end } of reader.requests) imports.push({ start: start + script.start, end: end + script.start })
    for (const [local, verb] of reader.functions) locals.set(local, verb)
  }
  if (/\.(vue|svelte|astro)$/.test(file.path)) {
    for (const [local, verb] of locals) {
      for (const [, , name] of outside.matchAll(new RegExp(`\\b${local}\\s*\\(\\s*(?:(['"])([^'"]*)\\1)?`, 'g'))) {
        if (name === undefined || verb === 'emitTo') {
          note(`${file.path}: its template calls ${local}: check that the permissions cover the name`)
        } else uses[verb === 'once' ? 'listen' : verb].add(name)
      }
    }
  }
  return imports
}

class Reader {
  /** The functions of the module of events, by their local names. */
  functions = new Map()
  /** Local names of that module as a whole. */
  namespaces = new Set()
  /** Local names of functions that return a window, of classes of windows, and of windows. */
  getters = new Set()
  classes = new Set()
  windows = new Set()
  /** Where the module is named. */
  requests = []
  /** Properties that declare names. */
  patterns = new Set()

  constructor(script, { program, module }, uses, note, at, shared) {
    this.code = script.code
    this.program = program
    this.module = module
    this.uses = uses
    this.note = note
    this.at = at
    const own = constantsOf(program)
    this.constant = (name) => own.get(name) ?? shared(name)
  }

  read() {
    for (const { moduleRequest, entries } of this.module.staticImports) {
      for (const { importName, localName } of entries) {
        this.bind(moduleRequest.value, importName.kind === 'Name' ? importName.name : '*', localName.value)
      }
      if (moduleRequest.value === EVENT_MODULE) this.name(moduleRequest)
    }
    for (const { entries } of this.module.staticExports) {
      for (const { moduleRequest, start } of entries) {
        if (moduleRequest?.value !== EVENT_MODULE) continue
        this.name(moduleRequest)
        this.give('listen', 'emit')
        this.note(
          `${this.at(start)}: exports functions of ${EVENT_MODULE} again, so the names that are used with them are not known`,
        )
      }
    }
    this.findBindings(this.program)
    this.visit(this.program, new Set())
  }

  /** Notes a place where the module is named. */
  name(place) {
    if (!this.requests.some(({ start }) => start === place.start)) this.requests.push(place)
  }

  bind(source, name, local) {
    if (source === EVENT_MODULE || source === ENTRY) {
      if (name === '*') this.namespaces.add(local)
      else if (VERBS.includes(name)) this.functions.set(local, name)
    } else if (source === '@tauri-apps/api' && name === 'event') this.namespaces.add(local)
    else if (WINDOW_MODULES.includes(source)) {
      if (GETTERS.includes(name)) this.getters.add(local)
      if (CLASSES.includes(name)) this.classes.add(local)
    }
  }

  /** Finds `const { listen } = await import(…)`, `require(…)`, and variables that hold windows. */
  findBindings(node) {
    forEachNode(node, (child) => {
      if (child.type === 'VariableDeclarator' && child.init) {
        const source = this.sourceOf(child.init)
        if (source !== undefined) {
          if (child.id.type === 'ObjectPattern') {
            for (const { key, value } of child.id.properties)
              if (key) this.bind(source, key.name, value.name ?? key.name)
          } else if (child.id.type === 'Identifier') this.bind(source, '*', child.id.name)
        } else if (child.id.type === 'Identifier' && this.isWindow(child.init)) this.windows.add(child.id.name)
      }
    })
  }

  /** The module that `import(…)` or `require(…)` loads. */
  sourceOf(node) {
    const inner = unwrap(node?.type === 'AwaitExpression' ? node.argument : node)
    const global = globalModule(inner)
    if (global) return global
    const isRequire =
      inner?.type === 'CallExpression' && inner.callee.type === 'Identifier' && inner.callee.name === 'require'
    const source = inner?.type === 'ImportExpression' ? inner.source : isRequire ? inner.arguments[0] : undefined
    if (source?.type !== 'Literal') return undefined
    if (source.value === EVENT_MODULE) this.name(source)
    return source.value
  }

  isWindow(node) {
    const inner = unwrap(node?.type === 'AwaitExpression' ? node.argument : node)
    if (inner?.type === 'Identifier') return this.windows.has(inner.name)
    if (inner?.type === 'NewExpression') return this.classes.has(inner.callee.name)
    if (inner?.type !== 'CallExpression') return false
    const callee = unwrap(inner.callee)
    if (callee.type === 'Identifier') return this.getters.has(callee.name)
    if (WINDOW_MODULES.includes(globalModule(callee.object))) return GETTERS.includes(callee.property.name)
    return (
      callee.type === 'MemberExpression' && callee.object.type === 'Identifier' && this.classes.has(callee.object.name)
    )
  }

  visit(node, shadowed) {
    let hidden = shadowed
    if (/Function/.test(node.type)) {
      const own = namesIn(node)
      if (own.size > 0) hidden = new Set([...shadowed, ...own])
    }
    if (node.type === 'CallExpression') this.call(node, hidden)
    if (node.type === 'ObjectPattern') for (const property of node.properties) this.patterns.add(property)
    for (const [key, child] of childrenOf(node)) {
      if (this.patterns.has(node) && child.type === 'Identifier') continue
      const isReference = child.type === 'Identifier' && this.functions.has(child.name) && !hidden.has(child.name)
      if (isReference && isValue(node, key)) {
        this.give(this.functions.get(child.name))
        this.note(`${this.at(child.start)}: passes ${child.name} on, so the names that are used with it are not known`)
      }
      this.visit(child, hidden)
    }
  }

  call(node, hidden) {
    const callee = unwrap(node.callee)
    if (callee.type === 'Identifier') {
      const verb = hidden.has(callee.name) ? undefined : this.functions.get(callee.name)
      if (verb) this.use(verb, node)
      return
    }
    if (callee.type !== 'MemberExpression' || callee.computed) return
    const verb = callee.property.name
    if (!VERBS.includes(verb)) return
    const owner = unwrap(callee.object)
    if (owner.type === 'Identifier' && this.namespaces.has(owner.name)) this.use(verb, node)
    else if (globalModule(owner) === EVENT_MODULE) this.use(verb, node)
    else if (this.isWindow(callee.object)) this.use(verb, node)
    else if (this.getters.size + this.classes.size > 0 && owner.type !== 'Identifier' && node.arguments.length > 1) {
      this.note(
        `${this.at(node.start)}: is it a window that calls ${verb}? If so, check that the permissions cover the name`,
      )
    }
  }

  use(verb, node) {
    const isAddressed = verb === 'emitTo'
    const names = textsOf(node.arguments[isAddressed ? 1 : 0], this.constant)
    const kind = verb === 'once' ? 'listen' : verb
    if (!names) {
      if (isTauriEvent(node.arguments[0])) return
      this.give(kind)
      this.note(
        `${this.at(node.start)}: ${verb} takes a computed name, so the permission for it covers every name; narrow it`,
      )
      return
    }
    const own = names.filter((name) => !name.startsWith('tauri://'))
    if (!isAddressed) {
      for (const name of own) this.uses[kind].add(name)
      return
    }
    const targets = this.targetsOf(node.arguments[0])
    for (const name of own) {
      if (targets === 'everyone') this.uses.emit.add(name)
      else this.uses.emitTo.set(name, [...(this.uses.emitTo.get(name) ?? []), ...(targets ?? ['*', { kind: 'host' }])])
    }
    if (!targets)
      this.note(
        `${this.at(node.start)}: emitTo takes a computed target, so the permission covers every webview; narrow it`,
      )
  }

  /** The receivers of an `emitTo`, as a capability spells them. */
  targetsOf(node) {
    const inner = unwrap(node)
    if (inner?.type !== 'ObjectExpression') return textsOf(inner, this.constant)
    const property = (name) => inner.properties.find(({ key }) => (key?.name ?? key?.value) === name)?.value
    const [kind] = textsOf(property('kind'), this.constant) ?? []
    if (kind === 'Any') return 'everyone'
    if (kind === 'App') return [{ kind: 'host' }]
    return textsOf(property('label'), this.constant)
  }

  give(...verbs) {
    for (const verb of verbs) this.uses.computed.add(verb === 'once' ? 'listen' : verb)
  }
}

/** The module that a member of `window.__TAURI__` is. */
function globalModule(node) {
  const [, name] = /^(?:(?:window|globalThis|self)\.)?__TAURI__\.(\w+)$/.exec(pathOf(node) ?? '') ?? []
  return name === undefined ? undefined : `@tauri-apps/api/${name}`
}

function isTauriEvent(node) {
  const inner = unwrap(node)
  return (
    inner?.type === 'MemberExpression' &&
    /(^|\.)TauriEvent$/.test(inner.object.name ?? inner.object.property?.name ?? '')
  )
}

/** Whether a name at this place is used as a value, and is not a call or a declaration. */
function isValue(parent, key) {
  if (parent.type === 'CallExpression' && key === 'callee') return false
  if (parent.type === 'MemberExpression' && key === 'property' && !parent.computed) return false
  if (parent.type === 'Property' && key === 'key' && !parent.computed) return false
  if (/^(Import|Export|TS)/.test(parent.type)) return false
  return !(parent.type === 'VariableDeclarator' && key === 'id')
}

/** The names that a function declares itself: its parameters and variables. */
function namesIn(node) {
  const names = new Set()
  const declare = (pattern) => {
    if (!pattern) return
    if (pattern.type === 'Identifier') names.add(pattern.name)
    else if (pattern.type === 'AssignmentPattern') declare(pattern.left)
    else if (pattern.type === 'RestElement') declare(pattern.argument)
    else if (pattern.type === 'ObjectPattern')
      for (const property of pattern.properties) declare(property.value ?? property.argument)
    else if (pattern.type === 'ArrayPattern') for (const element of pattern.elements) declare(element)
  }
  for (const parameter of node.params?.items ?? node.params ?? []) declare(parameter.pattern ?? parameter)
  forEachNode(node.body, (child) => {
    // What is loaded by `import(…)` or `require(…)` is what is looked for.
    const isLoaded = child.type === 'VariableDeclarator' && /\b(import|require)\b/.test(loadOf(child.init))
    if (child.type === 'VariableDeclarator' && !isLoaded) declare(child.id)
  })
  return names
}

function loadOf(init) {
  const inner = unwrap(init?.type === 'AwaitExpression' ? init.argument : init)
  return inner?.type === 'ImportExpression' ? 'import' : (inner?.callee?.name ?? '')
}

function* childrenOf(node) {
  for (const [key, value] of Object.entries(node)) {
    for (const child of Array.isArray(value) ? value : [value]) {
      if (child && typeof child === 'object' && typeof child.type === 'string') yield [key, child]
    }
  }
}

function forEachNode(node, act) {
  if (!node) return
  act(node)
  for (const [, child] of childrenOf(node)) forEachNode(child, act)
}
