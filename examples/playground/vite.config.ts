import { defineConfig } from 'vite'

export default defineConfig({
  clearScreen: false,
  build: {
    modulePreload: { polyfill: false },
    rolldownOptions: { input: ['index.html', 'terminal.html'] },
  },
})
