import { defineConfig } from 'rolldown'

// The script of the page that the plugin embeds with its feature `inspector`.
export default defineConfig({
  input: 'src/main.ts',
  resolve: { extensionAlias: { '.js': ['.ts', '.js'] } },
  transform: { target: 'es2022' },
  output: {
    file: 'page/inspector.js',
    format: 'iife',
    minify: true,
    postBanner: '/* tauri-plugin-event-bus: generated from inspector/ by `npm run build`. */',
  },
})
