import { fileURLToPath } from 'node:url'
import { createContext, runInContext } from 'node:vm'
import { rolldown } from 'rolldown'

const source = fileURLToPath(new URL('../src/', import.meta.url))

/** What a realm of a browser has of its own that the language does not give it. */
const BROWSER = [
  'AbortController',
  'AbortSignal',
  'Blob',
  'BroadcastChannel',
  'MessageChannel',
  'TextDecoder',
  'TextEncoder',
  'atob',
  'btoa',
  'clearTimeout',
  'console',
  'crypto',
  'performance',
  'queueMicrotask',
  'setTimeout',
  'structuredClone',
] as const

const bundles = new Map<string, Promise<string>>()

/** The code of some exports of the package as one script, whose value they are. */
function bundleOf(code: string): Promise<string> {
  const known = bundles.get(code) ?? build(code)
  bundles.set(code, known)
  return known
}

async function build(code: string): Promise<string> {
  const input = `${source}.realm.ts`
  const bundle = await rolldown({
    input,
    plugins: [
      {
        name: 'entry',
        resolveId: (id) => (id === input ? id : null),
        load: (id) => (id === input ? code : null),
      },
    ],
  })
  const { output } = await bundle.generate({ format: 'iife', name: 'exported' })
  await bundle.close()
  return `${output[0].code};exported`
}

/**
 * Runs exports of the package in a realm of their own, with these globals besides those of a browser. `code` is that of a
 * module beside `src/index.ts`. Objects of the realm are not of the classes of the test.
 */
export async function inRealm<Exports>(
  code: string,
  globals: Record<string, unknown> = {},
): Promise<{ exports: Exports; realm: Record<PropertyKey, unknown> }> {
  const browser = Object.fromEntries(BROWSER.map((name) => [name, globalThis[name]]))
  const script = await bundleOf(code)
  const realm = createContext({
    Uint8Array,
    ArrayBuffer,
    location: { href: 'https://app.test/' },
    ...browser,
    ...globals,
  })
  return { exports: runInContext(script, realm) as Exports, realm: realm as Record<PropertyKey, unknown> }
}
