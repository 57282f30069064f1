import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** By name; the one that judges what all others left in the audit log comes last. */
class InOrder extends BaseSequencer {
  override sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const key = ({ moduleId }: TestSpecification): string =>
      `${moduleId.endsWith('rights.test.ts') ? 1 : 0} ${moduleId}`
    return Promise.resolve([...files].sort((a, b) => key(a).localeCompare(key(b))))
  }
}

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
    maxConcurrency: 6,
    sequence: { sequencer: InOrder },
    testTimeout: 180_000,
    hookTimeout: 180_000,
    teardownTimeout: 60_000,
  },
})
