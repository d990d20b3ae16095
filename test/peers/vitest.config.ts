import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

/** Real servers on two cores: one file at a time, one test at a time. */
export default defineConfig({
  root: fileURLToPath(new URL('../..', import.meta.url)),
  test: { include: ['test/peers/**/*.test.ts'], fileParallelism: false, testTimeout: 60_000, hookTimeout: 60_000, teardownTimeout: 10_000 },
})
