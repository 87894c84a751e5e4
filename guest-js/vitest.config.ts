import { compile, compileModule } from 'svelte/compiler'
import { defineConfig } from 'vitest/config'

/** Compiles the components of tests as the bundler of an app does. */
function svelte(generate: 'client' | 'server') {
  return {
    name: 'svelte',
    transform(code: string, id: string) {
      const filename = id.split('?')[0] ?? id
      if (filename.endsWith('.svelte')) return compile(code, { filename, generate }).js
      if (filename.endsWith('.svelte.js')) return compileModule(code, { filename, generate }).js
    },
  }
}

const frameworks = ['react', 'vue', 'svelte', 'solid', 'followed', 'listening']

export default defineConfig({
  test: {
    projects: [
      {
        plugins: [svelte('server')],
        test: {
          name: 'node',
          environment: 'node',
          include: ['test/**/*.test.ts'],
          exclude: frameworks.map((framework) => `test/frameworks/${framework}.test.ts`),
        },
      },
      {
        plugins: [svelte('client')],
        // Without this, Node would load the server builds of frameworks.
        resolve: { conditions: ['browser', 'development'] },
        test: {
          name: 'page',
          environment: 'happy-dom',
          include: frameworks.map((framework) => `test/frameworks/${framework}.test.ts`),
          server: { deps: { inline: [/svelte/, /solid-js/, /esm-env/] } },
        },
      },
    ],
  },
})
