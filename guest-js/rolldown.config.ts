import { defineConfig } from 'rolldown'

// The script that Tauri runs in apps without a bundler, so it includes everything.
export default defineConfig({
  input: 'src/global.ts',
  resolve: { extensionAlias: { '.js': ['.ts', '.js'] } },
  transform: { target: 'es2021' },
  output: {
    file: '../api-iife.js',
    format: 'iife',
    minify: true,
    postBanner: '/* tauri-plugin-event-bus: generated from guest-js by `npm run build`. */',
  },
})
