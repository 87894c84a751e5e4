import { defineConfig } from 'vite'

export default defineConfig({
  base: './',
  build: {
    outDir: '../dist',
    emptyOutDir: true,
    target: 'esnext',
    rolldownOptions: {
      input: ['index.html', 'blocked.html', 'away.html', 'embedded.html', 'race.html', 'tab.html', 'zone.html'],
    },
  },
})
