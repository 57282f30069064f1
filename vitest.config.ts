import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Those that wait for minutes begin first: the rest is done meanwhile. On a fresh machine nobody has measured yet how long each takes. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    const waits = ({ moduleId }: TestSpecification): boolean =>
      /\/(positions-survive|workers-progress)\.test\.ts$/.test(moduleId)
    return [...sorted.filter(waits), ...sorted.filter((file) => !waits(file))]
  }
}

/** Deadlines are for what hangs. A test that passes never waits for one, however slow the machine of the day. */
const patient = { testTimeout: 90_000, hookTimeout: 120_000, expect: { poll: { timeout: 20_000 } } }

/**
 *     unit       beside the code, no process, no network but loopback
 *     suites     one suite of promises a port, run on every adapter of it, the real Kafka included
 *     features   what a user sees, as sentences, through real processes
 *     interop    events to and from the CloudEvents SDKs of four languages
 *     fences     the import law and the lint rules catch a seeded breach
 *
 * One of them alone: `npx vitest run --project unit`. One real Kafka serves a whole run, and only when suites, features or interop take part;
 * one real Kubernetes API server serves a whole run too, from the first test that asks for it. What needs a whole cluster is apart:
 * vitest.e2e.config.ts.
 */
export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    // Many of the slow ones wait more than they work: for a Kafka to come up, for positions to outlive their retention.
    maxWorkers: 4,
    projects: [
      { test: { name: 'unit', include: ['src/**/*.test.ts'], ...patient } },
      { test: { name: 'suites', include: ['test/suites/**/*.test.ts'], ...withServers() } },
      { test: { name: 'features', include: ['test/features/**/*.test.ts'], ...withServers() } },
      { test: { name: 'interop', include: ['test/interop/**/*.test.ts'], ...withServers() } },
      { test: { name: 'fences', include: ['test/fences/**/*.test.ts'], ...patient } },
    ],
  },
})

function withServers() {
  return {
    globalSetup: ['test/support/kafka-setup.ts', 'test/support/api-setup.ts'],
    ...patient,
  }
}
