import { defineConfig } from 'rolldown'

export default defineConfig({
  input: 'benches/webview/members.ts',
  resolve: { extensionAlias: { '.js': ['.ts', '.js'] } },
  transform: { target: 'es2021' },
  output: { file: 'benches/webview/page/members.js', format: 'es', minify: true },
})
