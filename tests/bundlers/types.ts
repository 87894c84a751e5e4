// Each bundler takes the plugin without a cast.
import type { Configuration as RspackConfiguration } from '@rspack/core'
import type { BuildOptions } from 'esbuild'
import type { InputOptions as RolldownOptions } from 'rolldown'
import type { InputOptions as RollupOptions } from 'rollup'
import { eventBus } from 'tauri-plugin-event-bus-api/bundler'
import { defineConfig } from 'vite'
import type { Configuration as WebpackConfiguration } from 'webpack'

export const vite = defineConfig({ plugins: [eventBus.vite()] })
export const rollup: RollupOptions = { plugins: [eventBus.rollup()] }
export const rolldown: RolldownOptions = { plugins: [eventBus.rolldown()] }
export const esbuild: BuildOptions = { plugins: [eventBus.esbuild()] }
export const webpack: WebpackConfiguration = { plugins: [eventBus.webpack()] }
export const rspack: RspackConfiguration = { plugins: [eventBus.rspack()] }
