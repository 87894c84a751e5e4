// Compiles an app that exports what the package gives it, with `declaration: true` and each compiler that is supported. What is
// written must name the package by its entry points only, so that the app's own users can read it.
import { spawnSync } from 'node:child_process'
import { copyFileSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { listExports } from './exports.mjs'
import { guest } from './scratch.mjs'

const folder = join(guest, '.declarations')
const { name } = JSON.parse(readFileSync(join(guest, 'package.json'), 'utf8'))

const apps = ['declarations.ts', 'declarations-entries.ts']

// Before 5.0 there was no resolution for bundlers. And 4.7 prefers `typesVersions` to `exports`, so its other entry points are
// those for CommonJS, which a module cannot name.
const compilers = {
  'typescript-4.7': ['node16'],
  'typescript-5.4': ['node16', 'bundler'],
  'typescript-5.9': ['node16', 'bundler'],
  typescript: ['node16', 'bundler'],
}

const exported = listExports()

/** What the written declarations name that the package's users cannot. */
export function problemsOf(text) {
  const found = []
  for (const [, module, member] of text.matchAll(/import\("([^"]+)"\)\.?([\w$]*)/g)) found.push([module, member])
  for (const [, names, module] of text.matchAll(
    /(?:import|export)\s+(?:type\s+)?\{([^}]*)\}\s+from\s+["']([^"']+)["']/g,
  )) {
    for (const one of names.split(',')) {
      const member = one
        .trim()
        .replace(/^type\s+/, '')
        .split(/\s+as\s+/)[0]
      if (member !== '') found.push([module, member])
    }
  }
  const isOwn = ([module]) => module === name || module.startsWith(`${name}/`) || module.startsWith('.')
  return found.filter(isOwn).flatMap(([module, member]) => {
    const entry = exported[module.replace(name, '.')]
    if (!entry) return [`the path ${module}`]
    return member === '' || [...entry.values, ...entry.types].includes(member) ? [] : [`${member} of ${module}`]
  })
}

function refuse(text, where) {
  const problems = [...new Set(problemsOf(text))]
  if (problems.length > 0) throw new Error(`${where}: the declarations name ${problems.join(', ')}\n${text}`)
}

// The check finds what it is for.
for (const [text, problem] of [
  [`export declare const a: import("${name}").View<"shop">;`, `View of ${name}`],
  [
    `export declare const a: import("${name}/dist-js/types/view.js").View<"shop">;`,
    `the path ${name}/dist-js/types/view.js`,
  ],
  [`export declare const a: import("../dist-js/index.js").Emit;`, 'the path ../dist-js/index.js'],
  [`import { type Emit, View as V } from "${name}";`, `View of ${name}`],
  [
    `import type { Emit, HOST } from '${name}';\nexport declare const a: import("${name}/react").StateOptions;`,
    undefined,
  ],
]) {
  const [found] = problemsOf(text)
  if (found !== problem) throw new Error(`found ${found} instead of ${problem} in ${text}`)
}

let count = 0
rmSync(folder, { recursive: true, force: true })
mkdirSync(folder)
try {
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module' }))
  for (const app of apps) copyFileSync(join(guest, 'test/types', app), join(folder, app))
  // As an app has the package: as files of another one.
  const installed = join(folder, 'node_modules', name)
  mkdirSync(installed, { recursive: true })
  copyFileSync(join(guest, 'package.json'), join(installed, 'package.json'))
  cpSync(join(guest, 'dist-js'), join(installed, 'dist-js'), { recursive: true })
  for (const [compiler, ways] of Object.entries(compilers)) {
    for (const way of ways) {
      count += 1
      const out = join(folder, 'out')
      rmSync(out, { recursive: true, force: true })
      const configuration = {
        compilerOptions: {
          module: way === 'bundler' ? 'ESNext' : 'Node16',
          moduleResolution: way,
          target: 'ES2021',
          lib: ['ES2021', 'DOM'],
          types: [],
          strict: true,
          skipLibCheck: true,
          declaration: true,
          emitDeclarationOnly: true,
          outDir: 'out',
        },
        files: compiler === 'typescript-4.7' ? apps.slice(0, 1) : apps,
      }
      writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(configuration))
      const tsc = join(guest, '../node_modules', compiler, 'bin/tsc')
      const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8' })
      if (status !== 0) throw new Error(`${compiler}, ${way}:\n${stdout}`)
      for (const app of configuration.files) {
        const text = readFileSync(join(out, app.replace('.ts', '.d.ts')), 'utf8')
        // TypeScript may write a type that it cannot name as `any`.
        if (/\bany\b/.test(text)) throw new Error(`${compiler}, ${way}: a type is lost\n${text}`)
        refuse(text, `${compiler}, ${way}, ${app}`)
      }
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
console.log(`an app with declarations of its own names only what the package exports, in ${count} ways`)
