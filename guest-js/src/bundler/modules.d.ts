// What is used of these modules. Their own declarations would bring the globals of Node.js into the code for pages.

declare module 'node:url' {
  export function fileURLToPath(url: URL): string
}

declare module 'unplugin' {
  interface Plugin {
    name: string
    enforce?: 'pre' | 'post'
    resolveId?: ((id: string, importer: string | undefined) => string | undefined) | undefined
    vite?: { config?: (config: never) => object }
    esbuild?: { setup?: (build: EsbuildBuild) => void }
  }
  interface EsbuildBuild {
    onResolve(
      options: { filter: RegExp },
      callback: (args: { path: string; importer: string }) => { path: string; sideEffects: boolean } | undefined,
    ): void
  }
  // biome-ignore lint/suspicious/noExplicitAny: Each bundler has a type of its own.
  export function createUnplugin(factory: (options: unknown, meta: { framework: string }) => Plugin): any
}
