import { defineConfig } from 'vite'

export default defineConfig({
  clearScreen: false,
  build: { modulePreload: { polyfill: false } },
})
