/**
 * A plugin for bundlers that puts the entry `tauri-plugin-event-bus-api/tauri` in the place of `@tauri-apps/api/event`: for the
 * app, for the libraries that it bundles, and for the windows and webviews of `@tauri-apps/api`. It needs `unplugin`.
 *
 * @module
 */

import { fileURLToPath } from 'node:url'
import { createUnplugin } from 'unplugin'
import { replacementOf } from './replacement.js'

/** A plugin as Vite, Rollup and Rolldown take it. */
export interface RollupPlugin {
  /** The name of the plugin. */
  name: string
}

/** A plugin as esbuild takes it. */
export interface EsbuildPlugin {
  /** The name of the plugin. */
  name: string
  /** Called by esbuild. */
  // biome-ignore lint/suspicious/noExplicitAny: esbuild has a type of its own, and need not be installed.
  setup(build: any): void | Promise<void>
}

/** A plugin as webpack and Rspack take it. */
export interface WebpackPlugin {
  /** Called by webpack. */
  // biome-ignore lint/suspicious/noExplicitAny: webpack has a type of its own, and need not be installed.
  apply(compiler: any): void
}

/** The plugin, for each bundler. */
export interface EventBusPlugin {
  /** For esbuild. */
  esbuild(): EsbuildPlugin
  /** For Rolldown. */
  rolldown(): RollupPlugin
  /** For Rollup. */
  rollup(): RollupPlugin
  /** For Rspack. */
  rspack(): WebpackPlugin
  /** For Vite and Vitest. */
  vite(): RollupPlugin
  /** For webpack. */
  webpack(): WebpackPlugin
}

/** The configuration of Vite that is read here, with what Vitest adds. */
interface ViteConfig {
  readonly test?: { readonly server?: { readonly deps?: { readonly inline?: unknown } } }
}

/** The folder of the built package, from either of its copies of this file. */
const dist = new URL(import.meta.url.includes('/commonjs/bundler/') ? '../../' : '../', import.meta.url)

const files = {
  esm: fileURLToPath(new URL('tauri/index.js', dist)),
  commonjs: fileURLToPath(new URL('commonjs/tauri/index.js', dist)),
}

/**
 * The plugin, one function for each bundler.
 *
 * @example
 * ```ts
 * import { eventBus } from 'tauri-plugin-event-bus-api/bundler'
 *
 * // vite.config.ts: export default defineConfig({ plugins: [eventBus.vite()] })
 * export default { plugins: [eventBus.vite()] }
 * ```
 */
export const eventBus: EventBusPlugin = createUnplugin((_, { framework }) => ({
  name: 'tauri-plugin-event-bus',
  // Before the resolution of the bundler, and before its aliases.
  enforce: 'pre',
  // For esbuild, unplugin would put the file into a namespace of its own, where nothing loads it.
  resolveId: framework === 'esbuild' ? undefined : (id, importer) => replacementOf(id, importer, files),
  vite: { config: viteConfig },
  esbuild: {
    setup(build) {
      build.onResolve({ filter: /event/ }, ({ path, importer }) => {
        const file = importer === '' ? undefined : replacementOf(path, importer, files)
        return file === undefined ? undefined : { path: file, sideEffects: false }
      })
    },
  },
}))

function viteConfig(config: ViteConfig): object {
  // Vite's development server bundles dependencies in advance, without the plugins of the app. These are modules already.
  const optimizeDeps = { exclude: ['@tauri-apps/api', 'tauri-plugin-event-bus-api'] }
  // Vitest leaves dependencies to Node.js, which knows no plugins.
  const inlined = config.test?.server?.deps?.inline
  if (config.test === undefined || inlined === true) return { optimizeDeps }
  return { optimizeDeps, test: { server: { deps: { inline: [/\/@tauri-apps\//] } } } }
}
