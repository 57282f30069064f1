import { defineConfig } from 'vitest/config'

/**
 * Millrace as a user meets it: installed in a whole Kubernetes cluster, with a real Kafka. `make e2e` runs it; `make test` does not.
 * One file at a time: they share the one cluster, and some take parts of it away.
 */
export default defineConfig({
  test: {
    name: 'e2e',
    include: ['test/e2e/**/*.test.ts'],
    globalSetup: ['test/e2e/support/setup.ts'],
    setupFiles: ['test/e2e/support/report.ts'],
    fileParallelism: false,
    maxWorkers: 1,
    testTimeout: 180_000,
    hookTimeout: 180_000,
    teardownTimeout: 60_000,
  },
})
