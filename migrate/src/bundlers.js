// The configuration of a bundler: adds the plugin to it.
import { Edits } from './edits.js'
import { unwrap } from './names.js'
import { parse } from './uses.js'

const PACKAGE = 'tauri-plugin-event-bus-api/bundler'

/**
 * The configuration files that are understood, and the name of the plugin for their bundler.
 *
 * @type {[RegExp, string][]}
 */
export const CONFIGURATIONS = [
  [/^vite\.config\.(ts|js|mts|mjs|cts|cjs)$/, 'vite'],
  [/^rolldown\.config\.(ts|js|mts|mjs|cts|cjs)$/, 'rolldown'],
  [/^rollup\.config\.(ts|js|mts|mjs|cts|cjs)$/, 'rollup'],
  [/^rspack\.config\.(ts|js|mts|mjs|cts|cjs)$/, 'rspack'],
  [/^webpack(\.[\w-]+)?\.(config\.)?(ts|js|mts|mjs|cts|cjs)$/, 'webpack'],
]

/** The text of a configuration with the plugin, or nothing where it is not sure how. */
export function addBundlerPlugin({ path, text }, bundler) {
  if (text.includes(PACKAGE)) return text
  const parsed = parse({ name: path, code: text })
  const configuration = parsed && configurationOf(parsed.program)
  if (!configuration) return undefined
  const edits = new Edits()
  const call = `eventBus.${bundler}()`
  const plugins = configuration.properties.find(({ key }) => (key?.name ?? key?.value) === 'plugins')
  if (plugins) {
    const list = listOf(plugins.value, parsed.program)
    if (!list) return undefined
    const [first] = list.elements
    if (!first) edits.replace(list.start, list.end, `[${call}]`)
    // As the others are: on a line of its own, or beside them.
    else edits.insert(first.start, `${call},${spaceBefore(text, list, first)}`)
  } else {
    const [first] = configuration.properties
    if (first) edits.insert(first.start, `plugins: [${call}],${spaceBefore(text, configuration, first)}`)
    else edits.replace(configuration.start, configuration.end, `{ plugins: [${call}] }`)
  }
  addImport(parsed.program, text, edits)
  return edits.applyTo(text)
}

/** What stands before the first item: a line and its indent, or a space. */
function spaceBefore(text, list, first) {
  return /\n[ \t]*$/.exec(text.slice(list.start + 1, first.start))?.[0] ?? ' '
}

/** The list that a value is, or that a constant of the file holds. */
function listOf(node, program) {
  const inner = unwrap(node)
  if (inner?.type === 'ArrayExpression') return inner
  return inner?.type === 'Identifier' ? listOf(constantOf(inner.name, program), program) : undefined
}

function constantOf(name, program) {
  for (const { type, kind, declarations } of program.body) {
    const found = type === 'VariableDeclaration' && kind === 'const' && declarations.find(({ id }) => id.name === name)
    if (found) return found.init
  }
  return undefined
}

function addImport(program, text, edits) {
  const quote = /from\s*"|require\("/.test(text) ? '"' : "'"
  const end = /;\s*$/m.test(text) ? ';' : ''
  const imports = program.body.filter(({ type }) => type === 'ImportDeclaration')
  const isModule = imports.length > 0 || program.body.some(({ type }) => type === 'ExportDefaultDeclaration')
  const line = isModule
    ? `import { eventBus } from ${quote}${PACKAGE}${quote}${end}`
    : `const { eventBus } = require(${quote}${PACKAGE}${quote})${end}`
  const isRequire = (statement) =>
    statement.type === 'VariableDeclaration' && /\brequire\(/.test(text.slice(statement.start, statement.end))
  const last = isModule ? imports[imports.length - 1] : program.body.filter(isRequire).pop()
  if (last) edits.insert(last.end, `\n${line}`)
  else edits.insert(program.body[0]?.start ?? 0, `${line}\n`)
}

/** The one object that a configuration file exports. */
function configurationOf(program) {
  const exported =
    program.body.find(({ type }) => type === 'ExportDefaultDeclaration')?.declaration ?? commonJsExport(program)
  return exported && objectOf(exported, program, 0)
}

function commonJsExport(program) {
  for (const { type, expression } of program.body) {
    if (type !== 'ExpressionStatement' || expression.type !== 'AssignmentExpression') continue
    const { object, property } = expression.left
    if (object?.name === 'module' && property?.name === 'exports') return expression.right
  }
  return undefined
}

function objectOf(node, program, depth) {
  const inner = unwrap(node)
  if (!inner || depth > 6) return undefined
  const next = (child) => objectOf(child, program, depth + 1)
  switch (inner.type) {
    case 'ObjectExpression':
      return inner
    case 'CallExpression':
      return inner.arguments.length === 1 ? next(inner.arguments[0]) : undefined
    case 'Identifier':
      return next(constantOf(inner.name, program))
    case 'ArrowFunctionExpression':
    case 'FunctionExpression':
    case 'FunctionDeclaration': {
      if (inner.body.type !== 'BlockStatement' && inner.body.type !== 'FunctionBody') return next(inner.body)
      const statements = inner.body.body ?? inner.body.statements
      const expression = inner.expression === true && statements?.length === 1 ? statements[0].expression : undefined
      if (expression) return next(expression)
      const returns = statements.filter(({ type }) => type === 'ReturnStatement')
      const branches = statements.some(({ type }) => /^(If|Switch|Try|For|While)/.test(type))
      return returns.length === 1 && !branches ? next(returns[0].argument) : undefined
    }
    default:
      return undefined
  }
}
