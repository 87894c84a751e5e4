import { defineConfig } from 'vite'

export default defineConfig({
  clearScreen: false,
  build: {
    modulePreload: { polyfill: false },
    rolldownOptions: { input: ['shop.html', 'office.html'] },
  },
})
