import { defineConfig } from 'vitest/config'

/** The tests of the guides, with the package as it was built. */
export default defineConfig({ test: { include: ['.documentation/**/*.test.{ts,tsx}'] } })
