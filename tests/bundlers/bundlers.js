// Builds an entry of the app with each bundler, into one file.
import { join } from 'node:path'
import nodeResolve from '@rollup/plugin-node-resolve'
import { rspack } from '@rspack/core'
import { build as esbuild } from 'esbuild'
import { rolldown } from 'rolldown'
import { rollup } from 'rollup'
import { eventBus } from 'tauri-plugin-event-bus-api/bundler'
import { build as vite } from 'vite'
import webpack from 'webpack'

const folder = import.meta.dirname

/** Runs webpack or Rspack. */
function pack(compile, plugins, entry, path) {
  const configuration = {
    mode: 'production',
    target: 'web',
    context: folder,
    entry,
    output: { path, filename: 'out.js' },
    optimization: { minimize: false },
    plugins,
  }
  return new Promise((resolve, reject) => {
    compile(configuration, (error, stats) => {
      if (error) reject(error)
      else if (stats.hasErrors()) reject(new Error(stats.toString({ all: false, errors: true })))
      else resolve()
    })
  })
}

/** How each bundler builds a file into `out.js` of a folder. `uses` tells whether with the plugin. */
export const bundlers = {
  async vite(entry, out, uses) {
    await vite({
      configFile: false,
      logLevel: 'error',
      root: folder,
      plugins: uses ? [eventBus.vite()] : [],
      build: {
        outDir: out,
        emptyOutDir: true,
        minify: false,
        rolldownOptions: { input: entry, output: { entryFileNames: 'out.js' } },
      },
    })
  },
  async rollup(entry, out, uses) {
    const bundle = await rollup({
      input: entry,
      plugins: [...(uses ? [eventBus.rollup()] : []), nodeResolve({ browser: true })],
    })
    await bundle.write({ file: join(out, 'out.js') })
  },
  async rolldown(entry, out, uses) {
    const bundle = await rolldown({ input: entry, platform: 'browser', plugins: uses ? [eventBus.rolldown()] : [] })
    await bundle.write({ file: join(out, 'out.js') })
    await bundle.close()
  },
  async esbuild(entry, out, uses) {
    await esbuild({
      entryPoints: [entry],
      bundle: true,
      format: 'esm',
      outfile: join(out, 'out.js'),
      plugins: uses ? [eventBus.esbuild()] : [],
      logLevel: 'error',
    })
  },
  webpack: (entry, out, uses) => pack(webpack, uses ? [eventBus.webpack()] : [], entry, out),
  rspack: (entry, out, uses) => pack(rspack, uses ? [eventBus.rspack()] : [], entry, out),
}
