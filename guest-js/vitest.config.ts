import { compile, compileModule } from 'svelte/compiler'
import { defineConfig } from 'vitest/config'

/** Compiles the components of tests as an app's bundler does. */
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

const frameworks = ['react', 'vue', 'svelte', 'solid']

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
        // Frameworks have another build for servers, which Node would be given.
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
