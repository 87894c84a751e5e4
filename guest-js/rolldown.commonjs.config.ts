import { defineConfig } from 'rolldown'

// The bundler plugin reads its own URL, which the compiler does not translate for CommonJS.
export default defineConfig({
  input: 'dist-js/bundler/index.js',
  external: ['node:url', 'unplugin'],
  output: { file: 'dist-js/commonjs/bundler/index.js', format: 'cjs' },
})
