// Prints what each entry point of the package exports, as JSON, after `npm run build:esm`: its values and types in order, and
// the members of its interfaces. A test compares it with docs/api.toml.
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { argv } from 'node:process'
import { fileURLToPath } from 'node:url'
import ts from 'typescript-5.9'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

/** Reads the declarations of every entry point: its program, and its exports by name. */
export function readEntries() {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const files = Object.fromEntries(Object.entries(exports).map(([entry, { types }]) => [entry, join(root, types)]))
  const program = ts.createProgram(Object.values(files), {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    lib: ['lib.es2022.d.ts', 'lib.dom.d.ts'],
    types: [],
    strict: true,
  })
  const checker = program.getTypeChecker()
  const entries = {}
  for (const [entry, file] of Object.entries(files)) {
    const source = program.getSourceFile(file)
    if (!source) throw new Error(`${entry} has no declarations: run npm run build:esm first`)
    const module = checker.getSymbolAtLocation(source)
    entries[entry] = checker
      .getExportsOfModule(module)
      .map((symbol) => ({ name: symbol.name, symbol: resolve(checker, symbol) }))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
  }
  return { program, checker, entries }
}

function resolve(checker, symbol) {
  return symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
}

/** The files in which a symbol is declared. */
export function filesOf(symbol) {
  return (symbol.declarations ?? []).map((declaration) => declaration.getSourceFile().fileName)
}

/** The members of an interface or class that this package declares: not those of a promise, for example. */
function membersOf(checker, symbol) {
  const type = checker.getDeclaredTypeOfSymbol(symbol)
  const own = checker
    .getPropertiesOfType(type)
    .filter((member) => filesOf(member).some((file) => file.startsWith(root)))
  const names = own.map((member) => {
    const [declaration] = member.declarations
    const name = ts.getNameOfDeclaration(declaration)
    return name && ts.isComputedPropertyName(name) ? name.getText() : member.name
  })
  // What is callable itself has an empty name.
  return [...(type.getCallSignatures().length > 0 ? ['()'] : []), ...names].sort()
}

export function listExports() {
  const { checker, entries } = readEntries()
  const listed = {}
  for (const [entry, symbols] of Object.entries(entries)) {
    const isValue = ({ symbol }) => (symbol.flags & ts.SymbolFlags.Value) !== 0
    const interfaces = symbols.filter(({ symbol }) => symbol.flags & (ts.SymbolFlags.Interface | ts.SymbolFlags.Class))
    listed[entry] = {
      values: symbols.filter(isValue).map(({ name }) => name),
      types: symbols.filter((one) => !isValue(one)).map(({ name }) => name),
      members: Object.fromEntries(interfaces.map(({ name, symbol }) => [name, membersOf(checker, symbol)])),
    }
  }
  return listed
}

if (argv[1] === fileURLToPath(import.meta.url)) console.log(JSON.stringify(listExports(), null, 2))
