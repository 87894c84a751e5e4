import { defineConfig } from 'rolldown'

// The module that the crate for Rust frontends carries along, so it imports nothing.
export default defineConfig({
  input: 'src/rust.ts',
  resolve: { extensionAlias: { '.js': ['.ts', '.js'] } },
  transform: { target: 'es2021' },
  output: {
    file: '../guest-rs/bus.js',
    format: 'es',
    minify: true,
    postBanner: '/* tauri-plugin-event-bus: generated from guest-js by `npm run build`. */',
  },
})
