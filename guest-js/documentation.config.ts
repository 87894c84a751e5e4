import { defineConfig } from 'vitest/config'

/** The tests in the guides, with the built package. */
export default defineConfig({ test: { include: ['.documentation/**/*.test.{ts,tsx}'] } })
