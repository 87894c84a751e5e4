/// <reference types="vite/client" />

import { describe, expect, it } from 'vitest'

/** The files of the source, by their paths in it. */
const files = new Map(
  Object.entries(import.meta.glob<string>('../src/**/*.ts', { query: '?raw', import: 'default', eager: true })).map(
    ([path, code]) => [path.replace('../src/', ''), code],
  ),
)

/** What each room may import, type-only imports included. */
const rooms: Record<string, string[]> = {
  types: ['types'],
  core: ['types', 'core'],
  api: ['types', 'core', 'api'],
  frameworks: ['types', 'core', 'api', 'frameworks'],
  testing: ['types', 'core', 'testing'],
  local: ['types', 'core', 'testing', 'local'],
  members: ['types', 'core', 'members'],
  worker: ['members'],
  frame: ['core', 'members'],
  dom: ['types', 'core', 'api'],
  index: ['types', 'core', 'api'],
  tauri: ['types', 'core', 'tauri'],
  bundler: ['bundler'],
  global: ['core', 'dom', 'index', 'tauri'],
}

/** The relative imports of a file of TypeScript, also those in `export … from` and `import(…)`. */
function importsOf(code: string): string[] {
  const statements =
    /^(?:import|export)\b[^'"`;]*?from\s*'(\.[^']+)'|^import\s*'(\.[^']+)'|\bimport\(\s*'(\.[^']+)'\s*\)/gm
  return [...code.replaceAll(/\/\*.*?\*\//gs, '').matchAll(statements)].map(
    ([, from, bare, dynamic]) => (from ?? bare ?? dynamic) as string,
  )
}

/** The path in the source that an import of a file means. */
function resolve(file: string, target: string): string {
  const { pathname } = new URL(target, `file:///src/${file}`)
  return pathname.replace('/src/', '').replace(/\.js$/, '.ts')
}

const imports = new Map(
  [...files].map(([file, code]) => [file, importsOf(code).map((target) => resolve(file, target))]),
)

/** The first circle of a graph, as the path through it. */
function circleIn(graph: Map<string, string[]>): string[] | undefined {
  const finished = new Set<string>()
  const visit = (file: string, path: string[]): string[] | undefined => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file]
    if (finished.has(file)) return undefined
    for (const next of graph.get(file) ?? []) {
      const circle = visit(next, [...path, file])
      if (circle) return circle
    }
    finished.add(file)
    return undefined
  }
  for (const file of graph.keys()) {
    const circle = visit(file, [])
    if (circle) return circle
  }
  return undefined
}

const roomOf = (file: string) => file.split('/')[0]?.replace(/\.ts$/, '') as string

describe('imports', () => {
  it('are found in every form', () => {
    const code = `import a from './a.js'
import type { B } from '../b.js'
import {
  c,
  type D,
} from './c.js'
export type * from './e.js'
import './f.js'
// import g from './g.js'
/* import h from './h.js' */
type I = typeof import('./i.js').i
import j from 'j'`
    expect(importsOf(code)).toEqual(['./a.js', '../b.js', './c.js', './e.js', './f.js', './i.js'])
  })

  it('name files that exist', () => {
    const missing = [...imports].flatMap(([file, targets]) =>
      targets.filter((target) => !imports.has(target)).map((target) => `${file} → ${target}`),
    )
    expect(missing).toEqual([])
    expect(imports.get('core/inbox.ts')).toContain('core/pull-loop.ts')
  })

  it('make no circle', () => {
    expect(circleIn(imports)).toBeUndefined()
    const circle = new Map([...imports, ['types/gap.ts', ['core/inbox.ts']]])
    expect(circleIn(circle)).toBeDefined()
  })

  it('do not run up', () => {
    const up = [...imports].flatMap(([file, targets]) =>
      targets.filter((target) => !rooms[roomOf(file)]?.includes(roomOf(target))).map((target) => `${file} → ${target}`),
    )
    expect(up).toEqual([])
  })

  it('of the types room are type-only', () => {
    const types = [...files].filter(([file]) => roomOf(file) === 'types')
    expect(types.filter(([, code]) => /^import (?!type\b)/m.test(code))).toEqual([])
  })
})

/** The most lines of a file. */
const MAX_LINES = 500

/** The most characters of a test's name. A longer one repeats its group, or is a sentence. */
const MAX_TEST_NAME = 49

const tests = new Map(
  Object.entries(import.meta.glob<string>('./**/*.ts', { query: '?raw', import: 'default', eager: true })),
)

/** The names of the tests in a file. */
function testNamesOf(code: string): string[] {
  const calls = code.matchAll(/^\s*(?:it|test)(?:\.each\([\s\S]*?\))?\(\s*(['"`])(.*?)\1/gm)
  return [...calls].map(([, , name]) => name as string)
}

describe('files', () => {
  it('are short enough to read at once', () => {
    const all = [...files, ...tests]
    expect(all.length).toBeGreaterThan(100)
    expect(all.filter(([, code]) => code.trimEnd().split('\n').length > MAX_LINES).map(([file]) => file)).toEqual([])
  })
})

describe('tests', () => {
  it('have short names', () => {
    const names = [...tests].flatMap(([file, code]) => testNamesOf(code).map((name) => [file, name] as const))
    expect(names.length).toBeGreaterThan(250)
    expect(names.filter(([, name]) => name.length > MAX_TEST_NAME)).toEqual([])
  })
})
